// Where an id stands among sorted ids: a table over equal stretches of the numbers, each with the
// place of its first id, and a byte of every id, by which almost every id that is not there is told
// without reading any. Ids are hashes, so all stretches hold about as many.
#ifndef ESPY_INDEX_ID_PLACES_H_
#define ESPY_INDEX_ID_PLACES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::index {

// Immutable; any thread. A byte and a half for each id.
class IdPlaces {
 public:
  // At least one id, fewer than 2^31, ascending; they must outlive this. May throw std::bad_alloc.
  explicit IdPlaces(std::span<const std::uint64_t> ids);

  // The place of `id`, -1 when it is not there.
  std::int64_t Find(std::uint64_t id) const;

  std::uint64_t bytes() const { return first_.size() * sizeof(std::int32_t) + marks_.size(); }

 private:
  std::uint64_t StretchOf(std::uint64_t id) const { return (id - ids_.front()) >> shift_; }

  const std::span<const std::uint64_t> ids_;
  int shift_ = 0;                    // of an id to its stretch
  std::vector<std::int32_t> first_;  // of each stretch, and the number of ids
  std::vector<std::uint8_t> marks_;  // of each id, and some more
};

}  // namespace espy::index

#endif  // ESPY_INDEX_ID_PLACES_H_
