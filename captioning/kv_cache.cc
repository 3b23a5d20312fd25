#include "captioning/kv_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace espy::captioning {
namespace {

// Slots are taken in steps, so that a caption is moved once or twice, not at every token.
constexpr std::int64_t kSlotStep = 16;

}  // namespace

KvCache::KvCache(std::int64_t layers, std::int64_t width) : layers_(layers), width_(width) {}

KvCache::KvCache(std::shared_ptr<SlotPool> pool) : pool_(std::move(pool)) {}

KvCache& KvCache::operator=(KvCache&& other) noexcept {
  std::swap(layers_, other.layers_);
  std::swap(width_, other.width_);
  std::swap(pool_, other.pool_);
  std::swap(sequences_, other.sequences_);
  std::swap(spare_, other.spare_);
  return *this;
}

KvCache::~KvCache() { Clear(); }

void KvCache::GiveBack(Sequence* sequence, std::int64_t length) const {
  if (!pool_) return;
  while (std::ssize(sequence->places) > length) {
    pool_->Give(sequence->places.back());
    sequence->places.pop_back();
  }
}

void KvCache::Move(Sequence* sequence, std::int64_t from, std::int64_t to) const {
  if (pool_) {
    std::swap(sequence->places[static_cast<std::size_t>(from)],
              sequence->places[static_cast<std::size_t>(to)]);
    return;
  }
  for (std::int64_t part = 0; part < 2 * layers_; ++part) {
    float* at = Rows(sequence, part);
    std::copy(at + from * width_, at + (from + 1) * width_, at + to * width_);
  }
}

const KvCache::Sequence& KvCache::At(std::int32_t sequence) const {
  ESPY_CHECK(sequence >= 0 && sequence < sequences(), "there is no such sequence");
  return sequences_[static_cast<std::size_t>(sequence)];
}

KvCache::Sequence& KvCache::At(std::int32_t sequence) {
  return const_cast<Sequence&>(std::as_const(*this).At(sequence));
}

float* KvCache::Rows(Sequence* sequence, std::int64_t part) const {
  return sequence->rows.data() + part * sequence->slots * width_;
}

std::int32_t KvCache::Add(std::int32_t picture) {
  Sequence sequence;
  if (!spare_.empty()) {
    sequence = std::move(spare_.back());
    spare_.pop_back();
  }
  sequence.picture = picture;
  sequence.length = 0;
  sequence.pending.clear();
  sequences_.push_back(std::move(sequence));
  return static_cast<std::int32_t>(sequences_.size()) - 1;
}

void KvCache::Grow(Sequence* sequence, std::int64_t slots) const {
  if (slots <= sequence->slots) return;
  slots = (slots + kSlotStep - 1) / kSlotStep * kSlotStep;
  kernels::AlignedBuffer larger(layers_ * 2 * slots * width_);
  for (std::int64_t part = 0; part < 2 * layers_; ++part) {
    const float* from = Rows(sequence, part);
    std::copy(from, from + sequence->length * width_, larger.data() + part * slots * width_);
  }
  sequence->rows = std::move(larger);
  sequence->slots = slots;
}

void KvCache::BeginPass(std::span<const std::int64_t> rows) {
  ESPY_CHECK(rows.size() == sequences_.size(), "a count for each sequence");
  for (std::size_t s = 0; s < rows.size(); ++s) {
    Sequence& sequence = sequences_[s];
    sequence.pending.clear();
    GiveBack(&sequence, sequence.length);
    if (!pool_) Grow(&sequence, sequence.length + rows[s]);
  }
}

std::int64_t KvCache::AddPending(std::int32_t sequence, std::int32_t row, std::int32_t parent) {
  Sequence& to = At(sequence);
  const auto slot = to.length + static_cast<std::int64_t>(to.pending.size());
  if (pool_) {
    to.places.reserve(to.places.size() + 1);
    to.places.push_back(pool_->Take());
  } else {
    ESPY_CHECK(slot < to.slots, "more rows than the pass began with");
  }
  to.pending.push_back({row, parent});
  return slot;
}

float* KvCache::keys(std::int32_t sequence, std::int64_t layer) {
  return Rows(&At(sequence), 2 * layer);
}

float* KvCache::values(std::int32_t sequence, std::int64_t layer) {
  return Rows(&At(sequence), 2 * layer + 1);
}

void KvCache::Keep(std::int32_t sequence, std::span<const std::int32_t> rows) {
  Sequence& kept = At(sequence);
  std::int32_t parent = -1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t row = rows[i];
    const auto found = std::find_if(kept.pending.begin(), kept.pending.end(),
                                    [row](const Pending& pending) { return pending.row == row; });
    ESPY_CHECK(found != kept.pending.end(), "a kept row is one of the sequence's last pass");
    ESPY_CHECK(found->parent == parent, "kept rows are a path from the sequence's end");
    parent = row;
    // Parents come before their children, so a row moves down or stays, and what it overwrites was
    // passed over.
    const std::int64_t from = kept.length + (found - kept.pending.begin());
    const std::int64_t to = kept.length + static_cast<std::int64_t>(i);
    if (from != to) Move(&kept, from, to);
  }
  kept.length += static_cast<std::int64_t>(rows.size());
  kept.pending.clear();
  GiveBack(&kept, kept.length);
}

void KvCache::CopyKept(const Sequence& from, Sequence* to) const {
  to->length = 0;
  to->pending.clear();
  if (!pool_) Grow(to, from.length + 1);
  to->picture = from.picture;
  to->length = from.length;
  if (pool_) {
    to->places.assign(from.places.begin(), from.places.begin() + from.length);
    for (const std::int32_t slot : to->places) pool_->Share(slot);
    return;
  }
  for (std::int64_t part = 0; part < 2 * layers_; ++part) {
    const float* rows = from.rows.data() + part * from.slots * width_;
    std::copy(rows, rows + from.length * width_, Rows(to, part));
  }
}

void KvCache::Reorder(std::span<const std::int32_t> sources) {
  std::vector<std::int64_t> uses(sequences_.size(), 0);
  for (const std::int32_t source : sources) {
    At(source).pending.clear();
    GiveBack(&At(source), At(source).length);
    ++uses[static_cast<std::size_t>(source)];
  }
  std::vector<Sequence> next;
  for (const std::int32_t source : sources) {
    const auto at = static_cast<std::size_t>(source);
    if (--uses[at] == 0) {  // the last use takes the rows themselves
      next.push_back(std::move(sequences_[at]));
      continue;
    }
    Sequence copy;
    if (!spare_.empty()) {
      copy = std::move(spare_.back());
      spare_.pop_back();
    }
    CopyKept(sequences_[at], &copy);
    next.push_back(std::move(copy));
  }
  for (Sequence& left : sequences_) {
    GiveBack(&left, 0);
    if (left.rows.data() != nullptr) spare_.push_back(std::move(left));
  }
  sequences_ = std::move(next);
}

void KvCache::Truncate(std::int32_t sequence, std::int64_t length) {
  Sequence& kept = At(sequence);
  ESPY_CHECK(length >= 0 && length <= kept.length, "a sequence is cut within its kept rows");
  kept.pending.clear();
  kept.length = length;
  GiveBack(&kept, length);
}

void KvCache::Clear() {
  for (Sequence& sequence : sequences_) {
    GiveBack(&sequence, 0);
    spare_.push_back(std::move(sequence));
  }
  sequences_.clear();
}

}  // namespace espy::captioning
