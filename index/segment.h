// Rows of one space in memory: ids, half-precision vectors, and for each row the sequence number at
// which it died.
//
// Rows are only ever appended, and their bytes never change; a death is one atomic store. A reader
// that knows how many rows were published and its own sequence number therefore sees a state that
// does not change, without copying anything. A growing segment fills block after block; a sealed
// one is a single block sorted by id, perhaps with an index.
#ifndef ESPY_INDEX_SEGMENT_H_
#define ESPY_INDEX_SEGMENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/aligned_bytes.h"
#include "index/id_places.h"
#include "index/row_finder.h"
#include "index/row_index.h"

namespace espy::index {

inline constexpr std::uint64_t kAlive = UINT64_MAX;

class Segment {
 public:
  // A growing segment has room for `capacity` rows in blocks; a sealed one is one block of as many
  // rows.
  static std::shared_ptr<Segment> Growing(std::int64_t dimension, std::int64_t capacity);
  static std::shared_ptr<Segment> Sealed(std::int64_t dimension, std::int64_t rows);
  // A sealed one that keeps its rows elsewhere: ids and deaths only.
  static std::shared_ptr<Segment> Far(std::int64_t dimension, std::int64_t rows);

  ~Segment() { delete places_.load(std::memory_order_relaxed); }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  std::int64_t dimension() const { return dimension_; }
  std::int64_t padded() const { return padded_; }
  std::int64_t block_rows() const { return block_rows_; }
  bool sealed() const { return sealed_; }
  bool far() const { return far_; }  // it has no Row()

  // Rows that are there for readers who were told so by a publication.
  std::uint64_t Id(std::int64_t row) const { return BlockOf(row).ids[row % block_rows_]; }
  const std::uint16_t* Row(std::int64_t row) const {
    return BlockOf(row).half.get() + row % block_rows_ * padded_;
  }
  // The row is alive for a reader at `seq`.
  bool AliveAt(std::int64_t row, std::uint64_t seq) const { return DiedAt(row) > seq; }
  std::uint64_t DiedAt(std::int64_t row) const {
    const Deaths* died = BlockOf(row).died.load(std::memory_order_acquire);
    return died == nullptr ? kAlive : died[row % block_rows_].load(std::memory_order_acquire);
  }

  // Writer's side: one thread at a time.
  std::int64_t rows() const { return rows_; }
  std::int64_t capacity() const { return capacity_; }
  bool full() const { return rows_ == capacity_; }
  std::int64_t DeadAt(std::uint64_t seq) const;  // counts them
  std::int64_t dead_rows() const { return dead_.load(std::memory_order_relaxed); }
  void Append(std::uint64_t id, std::span<const std::uint16_t> half);
  // The row of `id` that is alive now, -1 when there is none.
  std::int64_t FindAlive(std::uint64_t id) const;
  void Kill(std::int64_t row, std::uint64_t seq);

  // The row of `id` in a sealed segment, -1 when there is none. Any thread.
  std::int64_t FindSorted(std::uint64_t id) const;
  // The same for many look-ups: made by the first caller. Any thread.
  const IdPlaces& places() const;
  // In a growing one, among its first `rows`, which were published: the row of `id` that is alive
  // for a reader at `seq`, -1 when there is none. Any thread.
  std::int64_t FindGrown(std::uint64_t id, std::int64_t rows, std::uint64_t seq) const;

  // Sealed: filled by whoever makes it, before anyone else sees it.
  std::uint64_t* sealed_ids() { return blocks_[0].ids.get(); }
  std::span<const std::uint64_t> sorted_ids() const {
    return {blocks_[0].ids.get(), static_cast<std::size_t>(rows_)};
  }
  std::uint16_t* sealed_row(std::int64_t row) { return blocks_[0].half.get() + row * padded_; }
  HalfRows half_rows() const { return {blocks_[0].half.get(), rows_, padded_}; }
  void set_row_index(std::unique_ptr<RowIndex> index) { row_index_ = std::move(index); }
  RowIndex* mutable_row_index() { return row_index_.get(); }
  std::unique_ptr<RowIndex> take_row_index() { return std::move(row_index_); }
  const RowIndex* row_index() const { return row_index_.get(); }  // null: searched exactly
  IndexKind kind() const { return row_index_ == nullptr ? IndexKind::kFlat : row_index_->kind(); }
  // Sealed: what a reader at `seq` may be shown.
  RowFilter FilterAt(std::uint64_t seq, const AllowedIds& allowed) const {
    return RowFilter(blocks_[0].ids.get(), blocks_[0].died.load(std::memory_order_acquire), seq,
                     allowed);
  }
  std::uint64_t number = 0;        // in storage
  std::uint32_t chunks = 0;        // in storage
  std::uint64_t stored_bytes = 0;  // in storage
  std::uint32_t crc = 0;           // of all its bytes in storage
  bool rows_apart = false;         // in storage, its rows are not among its bytes

  // Growing: every change up to this number is in this segment or an older one; set when it is
  // frozen.
  std::uint64_t covers_seq = 0;
  // How many rows the last publication showed. Guarded by the index's write lock.
  std::int64_t published_rows = 0;

  std::uint64_t MemoryBytes() const;

 private:
  using Deaths = std::atomic<std::uint64_t>;
  struct Block {
    ~Block() { delete[] died.load(std::memory_order_relaxed); }
    std::unique_ptr<std::uint64_t[]> ids;
    AlignedArray<std::uint16_t> half;
    std::atomic<Deaths*> died{nullptr};  // made by the first death, and then there to stay
  };

  Segment(std::int64_t dimension, std::int64_t capacity, std::int64_t block_rows, bool sealed);
  const Block& BlockOf(std::int64_t row) const { return blocks_[row / block_rows_]; }
  void Allocate(Block* block) const;

  const std::int64_t dimension_, padded_, capacity_, block_rows_;
  const bool sealed_;
  bool far_ = false;                       // constant once made
  const std::unique_ptr<Block[]> blocks_;  // a reader touches only blocks of published rows
  std::int64_t rows_ = 0;
  std::atomic<std::int64_t> dead_{0};
  std::unique_ptr<RowFinder> finder_;  // growing: made by the first row, and then there to stay
  std::unique_ptr<RowIndex> row_index_;
  mutable std::atomic<const IdPlaces*> places_{nullptr};  // sealed: then there to stay
};

}  // namespace espy::index

#endif  // ESPY_INDEX_SEGMENT_H_
