#include "index/segment.h"

#include <algorithm>
#include <cstring>

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

std::shared_ptr<Segment> Segment::Far(std::int64_t dimension, std::int64_t rows) {
  ESPY_CHECK(rows > 0, "a sealed segment holds at least one row");
  std::shared_ptr<Segment> segment(new Segment(dimension, rows, rows, true));
  segment->far_ = true;
  segment->Allocate(&segment->blocks_[0]);
  segment->rows_ = segment->published_rows = rows;
  return segment;
}

void Segment::Allocate(Block* block) const {
  if (!far_) {
    const auto halves = static_cast<std::size_t>(block_rows_ * padded_);
    block->half = MakeAligned<std::uint16_t>(halves);
    if (padded_ != dimension_) std::memset(block->half.get(), 0, halves * sizeof(std::uint16_t));
  }
  block->ids = std::make_unique<std::uint64_t[]>(block_rows_);
}

void Segment::Append(std::uint64_t id, std::span<const std::uint16_t> half) {
  ESPY_CHECK(!full() && !sealed_, "rows are appended to a growing segment with room");
  Block& block = blocks_[rows_ / block_rows_];
  const std::int64_t at = rows_ % block_rows_;
  if (at == 0) Allocate(&block);
  block.ids[at] = id;
  std::memcpy(block.half.get() + at * padded_, half.data(), half.size_bytes());
  if (finder_ == nullptr) finder_ = std::make_unique<RowFinder>(capacity_);
  finder_->Add(id, rows_, [this](std::int64_t row) { return Id(row); });
  ++rows_;
}

std::int64_t Segment::FindGrown(std::uint64_t id, std::int64_t rows, std::uint64_t seq) const {
  std::int64_t row = finder_->Newest(id, [this](std::int64_t other) { return Id(other); });
  while (row >= 0 && (row >= rows || !AliveAt(row, seq))) row = finder_->Earlier(row);
  return row;
}

std::int64_t Segment::FindSorted(std::uint64_t id) const {
  const std::span<const std::uint64_t> ids = sorted_ids();
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  return found != ids.end() && *found == id ? found - ids.begin() : -1;
}

const IdPlaces& Segment::places() const {
  const IdPlaces* places = places_.load(std::memory_order_acquire);
  if (places != nullptr) return *places;
  auto made = std::make_unique<const IdPlaces>(sorted_ids());
  if (places_.compare_exchange_strong(places, made.get(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
    return *made.release();
  }
  return *places;  // another thread was first
}

std::int64_t Segment::FindAlive(std::uint64_t id) const {
  std::int64_t row = -1;
  if (sealed_) {
    row = FindSorted(id);
  } else if (finder_ != nullptr) {
    row = finder_->Newest(id, [this](std::int64_t other) { return Id(other); });
  }
  return row >= 0 && DiedAt(row) == kAlive ? row : -1;
}

void Segment::Kill(std::int64_t row, std::uint64_t seq) {
  Block& block = blocks_[row / block_rows_];
  Deaths* died = block.died.load(std::memory_order_relaxed);
  if (died == nullptr) {
    died = new Deaths[block_rows_];
    for (std::int64_t i = 0; i < block_rows_; ++i) died[i].store(kAlive, std::memory_order_relaxed);
    block.died.store(died, std::memory_order_release);
  }
  died[row % block_rows_].store(seq, std::memory_order_release);
  dead_.fetch_add(1, std::memory_order_relaxed);
}

std::int64_t Segment::DeadAt(std::uint64_t seq) const {
  std::int64_t dead = 0;
  for (std::int64_t row = 0; row < rows_; ++row) dead += AliveAt(row, seq) ? 0 : 1;
  return dead;
}

std::uint64_t Segment::MemoryBytes() const {
  const std::int64_t blocks = (rows_ + block_rows_ - 1) / block_rows_;
  const auto block_rows = static_cast<std::uint64_t>(block_rows_);
  std::uint64_t bytes =
      static_cast<std::uint64_t>(blocks) * block_rows * ((far_ ? 0 : padded_ * 2) + 8);
  for (std::int64_t i = 0; i < blocks; ++i) {
    if (blocks_[i].died.load(std::memory_order_acquire) != nullptr) bytes += 8 * block_rows;
  }
  if (finder_ != nullptr) bytes += finder_->bytes(capacity_);
  if (row_index_ != nullptr) bytes += row_index_->MemoryBytes();
  const IdPlaces* places = places_.load(std::memory_order_acquire);
  if (places != nullptr) bytes += places->bytes();
  return bytes;
}

}  // namespace espy::index
