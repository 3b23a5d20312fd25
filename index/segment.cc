#include "index/segment.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "index/dot.h"

namespace espy::index {
namespace {

constexpr std::int64_t kGrowingBlockRows = 1024;

}  // namespace

Segment::Segment(std::int64_t dimension, std::int64_t capacity, std::int64_t block_rows,
                 bool sealed)
    : dimension_(dimension),
      padded_(PaddedDimension(dimension)),
      capacity_(capacity),
      block_rows_(block_rows),
      sealed_(sealed),
      blocks_(std::make_unique<Block[]>((capacity + block_rows - 1) / block_rows)) {}

std::shared_ptr<Segment> Segment::Growing(std::int64_t dimension, std::int64_t capacity) {
  return std::shared_ptr<Segment>(
      new Segment(dimension, capacity, std::min(capacity, kGrowingBlockRows), false));
}

std::shared_ptr<Segment> Segment::Sealed(std::int64_t dimension, std::int64_t rows) {
  ESPY_CHECK(rows > 0, "a sealed segment holds at least one row");
  std::shared_ptr<Segment> segment(new Segment(dimension, rows, rows, true));
  segment->Allocate(&segment->blocks_[0]);
  segment->rows_ = segment->published_rows = rows;
  return segment;
}

void Segment::Allocate(Block* block) const {
  const std::size_t bytes = (block_rows_ * padded_ * sizeof(std::uint16_t) + 63) / 64 * 64;
  block->half.reset(static_cast<std::uint16_t*>(std::aligned_alloc(64, bytes)));
  if (block->half == nullptr) throw std::bad_alloc();
  if (padded_ != dimension_) std::memset(block->half.get(), 0, bytes);
  block->ids = std::make_unique<std::uint64_t[]>(block_rows_);
  block->died = std::make_unique<std::atomic<std::uint64_t>[]>(block_rows_);
  for (std::int64_t i = 0; i < block_rows_; ++i) {
    block->died[i].store(kAlive, std::memory_order_relaxed);
  }
}

void Segment::Append(std::uint64_t id, std::span<const std::uint16_t> half) {
  ESPY_CHECK(!full() && !sealed_, "rows are appended to a growing segment with room");
  Block& block = blocks_[rows_ / block_rows_];
  const std::int64_t at = rows_ % block_rows_;
  if (at == 0) Allocate(&block);
  block.ids[at] = id;
  std::memcpy(block.half.get() + at * padded_, half.data(), half.size_bytes());
  newest_[id] = rows_++;
}

std::int64_t Segment::FindSorted(std::uint64_t id) const {
  const std::span<const std::uint64_t> ids = sorted_ids();
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  return found != ids.end() && *found == id ? found - ids.begin() : -1;
}

std::int64_t Segment::FindAlive(std::uint64_t id) const {
  std::int64_t row = -1;
  if (sealed_) {
    row = FindSorted(id);
  } else if (const auto found = newest_.find(id); found != newest_.end()) {
    row = found->second;
  }
  return row >= 0 && DiedAt(row) == kAlive ? row : -1;
}

void Segment::Kill(std::int64_t row, std::uint64_t seq) {
  blocks_[row / block_rows_].died[row % block_rows_].store(seq, std::memory_order_release);
  dead_.fetch_add(1, std::memory_order_relaxed);
}

std::int64_t Segment::DeadAt(std::uint64_t seq) const {
  std::int64_t dead = 0;
  for (std::int64_t row = 0; row < rows_; ++row) dead += AliveAt(row, seq) ? 0 : 1;
  return dead;
}

std::uint64_t Segment::MemoryBytes() const {
  const std::int64_t blocks = (rows_ + block_rows_ - 1) / block_rows_;
  std::uint64_t bytes = static_cast<std::uint64_t>(blocks * block_rows_) * (padded_ * 2 + 16);
  bytes += newest_.size() * 48;  // a node and its bucket
  if (row_index_ != nullptr) bytes += row_index_->MemoryBytes();
  return bytes;
}

}  // namespace espy::index
