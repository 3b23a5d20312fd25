// Where the rows of an id are in a growing segment, whose rows are in no order.
//
// An open hash table of fixed size whose slots are written once per id and then only moved on to
// newer rows; earlier rows of the same id are a chain. One writer; any number of readers beside it,
// without a lock: a reader that was told of a row by a publication finds it, and passes over rows
// that it was not told of.
#ifndef ESPY_INDEX_ROW_FINDER_H_
#define ESPY_INDEX_ROW_FINDER_H_

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace espy::index {

class RowFinder {
 public:
  // For up to `capacity` rows, fewer than 2^31. May throw std::bad_alloc.
  explicit RowFinder(std::int64_t capacity)
      : bits_(std::bit_width(static_cast<std::uint64_t>(capacity + capacity / 3))),
        slots_(std::make_unique<std::atomic<std::uint64_t>[]>(std::size_t{1} << bits_)),
        earlier_(std::make_unique<std::uint32_t[]>(static_cast<std::size_t>(capacity))) {}

  // Writer: the row has its id already. `id_of(row)` gives the id of an earlier row.
  template <class IdOf>
  void Add(std::uint64_t id, std::int64_t row, const IdOf& id_of) {
    const std::size_t slot = SlotOf(id, id_of);
    const std::uint64_t held = slots_[slot].load(std::memory_order_relaxed);
    earlier_[row] = RowPlusOne(held);
    slots_[slot].store(Mark(id) | static_cast<std::uint64_t>(row + 1), std::memory_order_release);
  }

  // Any thread: the newest row of the id, -1 when there is none.
  template <class IdOf>
  std::int64_t Newest(std::uint64_t id, const IdOf& id_of) const {
    const std::size_t slot = SlotOf(id, id_of);
    return std::int64_t{RowPlusOne(slots_[slot].load(std::memory_order_acquire))} - 1;
  }
  // The row before it of the same id, -1 when there is none.
  std::int64_t Earlier(std::int64_t row) const { return std::int64_t{earlier_[row]} - 1; }

  std::uint64_t bytes(std::int64_t capacity) const {
    return (std::uint64_t{8} << bits_) + static_cast<std::uint64_t>(capacity) * 4;
  }

 private:
  // Half of a slot tells most other ids apart, so that a row that is not meant is seldom looked at.
  static std::uint64_t Hash(std::uint64_t id) { return id * 0x9e3779b97f4a7c15u; }
  static std::uint64_t Mark(std::uint64_t id) { return Hash(id) << 32; }
  static std::uint32_t RowPlusOne(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }

  // The slot that holds the id, or the empty one in which it would be.
  template <class IdOf>
  std::size_t SlotOf(std::uint64_t id, const IdOf& id_of) const {
    const std::size_t last = (std::size_t{1} << bits_) - 1;
    for (std::size_t slot = Hash(id) >> (64 - bits_);; slot = (slot + 1) & last) {
      const std::uint64_t held = slots_[slot].load(std::memory_order_acquire);
      if (held == 0) return slot;
      if (held >> 32 == Mark(id) >> 32 && id_of(std::int64_t{RowPlusOne(held)} - 1) == id) {
        return slot;
      }
    }
  }

  const int bits_;  // at most three quarters of the slots are in use
  const std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;  // Mark | row + 1; 0: empty
  const std::unique_ptr<std::uint32_t[]> earlier_;             // of each row, + 1; 0: none
};

}  // namespace espy::index

#endif  // ESPY_INDEX_ROW_FINDER_H_
