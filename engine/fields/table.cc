#include "engine/fields/table.h"

#include <algorithm>
#include <bit>

namespace espy::fields {
namespace {

// A tail of so many records is read in some tens of microseconds.
constexpr std::size_t kTailRows = 256;
constexpr std::size_t kFanIn = 8;
// What a commit merges by itself, in a few milliseconds; larger merges are the builder's.
constexpr std::uint64_t kSmallRows = 16'384;
constexpr double kDeadShare = 0.2;

// Blocks whose rows differ by less than a factor of eight are of one tier.
int TierOf(const Block& block) {
  return static_cast<int>(std::bit_width(block.rows() / kTailRows) + 2) / 3;
}

}  // namespace

std::shared_ptr<const Block> Table::MergeBlocks(const std::vector<Part>& inputs) {
  struct Row {
    std::uint64_t id;
    const Block* block;
    std::uint32_t row;
  };
  std::vector<Row> rows;
  for (const Part& part : inputs) {
    for (std::uint32_t row = 0; row < part.block->rows(); ++row) {
      if (!part.dead->contains(row)) rows.push_back({part.block->id(row), part.block.get(), row});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  auto block = std::make_shared<Block>();
  for (const Row& row : rows) block->Add(row.block->Restore(row.row));
  block->Finish();
  return block;
}

Table::Table(std::shared_ptr<const Block> block) {
  if (block != nullptr && block->rows() > 0) {
    parts_.push_back({std::move(block), std::make_shared<Bitmap>()});
  }
  Publish();
}

Table::Table(const std::vector<Part>& parts, std::vector<Record> tail) {
  for (const Part& part : parts) {
    parts_.push_back({part.block, std::make_shared<Bitmap>(*part.dead)});
  }
  for (Record& record : tail) Put(std::move(record));
  Publish();
}

void Table::Kill(std::uint64_t id) {
  tail_.erase(id);
  for (Held& part : parts_) {
    const std::int64_t row = part.block->Find(id);
    if (row < 0 || part.dead->contains(static_cast<std::uint32_t>(row))) continue;
    if (part.dead_shared) part.dead = std::make_shared<Bitmap>(*part.dead);
    part.dead_shared = false;
    part.dead->add(static_cast<std::uint32_t>(row));
    return;  // of an item at most one row is alive
  }
}

void Table::Put(Record record) {
  std::lock_guard lock(mutex_);
  Kill(record.id);
  const std::uint64_t id = record.id;
  tail_[id] = std::make_shared<const Record>(std::move(record));
}

void Table::Remove(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  Kill(id);
}

void Table::FreezeTail() {
  auto block = std::make_shared<Block>();
  for (const auto& [id, record] : tail_) block->Add(*record);
  block->Finish();
  parts_.push_back({std::move(block), std::make_shared<Bitmap>()});
  tail_.clear();
}

void Table::Publish() {
  std::lock_guard lock(mutex_);
  if (tail_.size() >= kTailRows) {
    FreezeTail();
    MergeSmall();
  }
  std::vector<std::shared_ptr<const Record>> tail;
  tail.reserve(tail_.size());
  for (const auto& [id, record] : tail_) tail.push_back(record);
  std::vector<Part> parts;
  for (Held& part : parts_) {
    parts.push_back({part.block, part.dead});
    part.dead_shared = true;
  }
  view_ = std::make_shared<const View>(std::move(parts), std::move(tail));
}

std::shared_ptr<const View> Table::TakeView() const {
  std::lock_guard lock(mutex_);
  return view_;
}

// Eight parts of a tier, or one of which too much is dead.
std::vector<std::size_t> Table::PlanMerge(bool small) const {
  std::map<int, std::vector<std::size_t>> tiers;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].merging) continue;
    const auto dead = static_cast<double>(parts_[i].dead->cardinality());
    if (!small && dead > kDeadShare * parts_[i].block->rows()) return {i};
    std::vector<std::size_t>& tier = tiers[TierOf(*parts_[i].block)];
    tier.push_back(i);
    if (tier.size() < kFanIn) continue;
    std::uint64_t rows = 0;
    for (const std::size_t part : tier) rows += parts_[part].block->rows();
    if (!small || rows <= kSmallRows) return tier;
  }
  return {};
}

void Table::MergeSmall() {
  for (;;) {
    std::vector<Part> inputs;
    for (const std::size_t i : PlanMerge(/*small=*/true)) {
      inputs.push_back({parts_[i].block, std::make_shared<const Bitmap>(*parts_[i].dead)});
    }
    if (inputs.empty()) return;
    SwapIn(inputs, MergeBlocks(inputs));
  }
}

// What died while the output was made is dead in it too.
void Table::SwapIn(const std::vector<Part>& inputs, std::shared_ptr<const Block> output) {
  auto dead = std::make_shared<Bitmap>();
  for (const Part& input : inputs) {
    const auto now = std::find_if(parts_.begin(), parts_.end(),
                                  [&](const Held& part) { return part.block == input.block; });
    for (const std::uint32_t row : *now->dead - *input.dead) {
      dead->add(static_cast<std::uint32_t>(output->Find(input.block->id(row))));
    }
    parts_.erase(now);
  }
  if (output->rows() == 0) return;
  parts_.push_back({std::move(output), std::move(dead)});
}

bool Table::NeedsMerge() const {
  std::lock_guard lock(mutex_);
  return !PlanMerge(/*small=*/false).empty();
}

void Table::Merge(const std::stop_token& stop) {
  std::lock_guard one(merge_mutex_);
  while (!stop.stop_requested()) {
    std::vector<Part> inputs;
    {
      std::lock_guard lock(mutex_);
      for (const std::size_t i : PlanMerge(/*small=*/false)) {
        inputs.push_back({parts_[i].block, parts_[i].dead});
        parts_[i].dead_shared = true;
        parts_[i].merging = true;
      }
    }
    if (inputs.empty()) return;
    std::shared_ptr<const Block> output = MergeBlocks(inputs);
    std::lock_guard lock(mutex_);
    SwapIn(inputs, std::move(output));
  }
}

}  // namespace espy::fields
