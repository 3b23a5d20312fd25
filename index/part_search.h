// What planning a search of a view and searching its parts share.
#ifndef ESPY_INDEX_PART_SEARCH_H_
#define ESPY_INDEX_PART_SEARCH_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "index/segment.h"
#include "index/vector_index.h"

namespace espy::index {

inline bool IsAllowed(const SearchParams& params, std::uint64_t id) {
  return !params.allowed.has_value() || params.allowed.Contains(id);
}

// How many rows an index looks for.
inline std::int64_t EffortOf(const SearchParams& params) {
  return std::max<std::int64_t>(params.ef_search, params.k);
}

// Calls both(row) for each row of a sealed segment whose id is in `allowed`. Both are sorted; the
// shorter leads, and looks ahead in the longer by doubling steps.
template <class Both>
void Intersect(std::span<const std::uint64_t> ids, std::span<const std::uint64_t> allowed,
               const Both& both) {
  std::size_t i = 0, j = 0;
  const auto gallop = [](std::span<const std::uint64_t> in, std::size_t from, std::uint64_t to) {
    std::size_t step = 1;
    while (from + step < in.size() && in[from + step] < to) step *= 2;
    const auto begin = in.begin() + static_cast<std::ptrdiff_t>(from + step / 2);
    const auto end = in.begin() + static_cast<std::ptrdiff_t>(std::min(from + step + 1, in.size()));
    return static_cast<std::size_t>(std::lower_bound(begin, end, to) - in.begin());
  };
  while (i < ids.size() && j < allowed.size()) {
    if (ids[i] == allowed[j]) {
      both(static_cast<std::int64_t>(i));
      ++i;
      ++j;
    } else if (ids[i] < allowed[j]) {
      i = gallop(ids, i, allowed[j]);
    } else {
      j = gallop(allowed, j, ids[i]);
    }
  }
}

// Calls both(row) for each row of the sealed segment whose id is in `allowed`, which is ascending.
template <class Both>
void ForEachAllowed(const Segment& segment, std::span<const std::uint64_t> allowed,
                    const Both& both) {
  constexpr std::size_t kFew = 4;  // a look-up costs about as much as passing over so many ids
  const std::span<const std::uint64_t> ids = segment.sorted_ids();
  if (allowed.size() > ids.size() / kFew) return Intersect(ids, allowed, both);
  const IdPlaces& places = segment.places();
  for (const std::uint64_t id : allowed) {
    const std::int64_t row = places.Find(id);
    if (row >= 0) both(row);
  }
}

}  // namespace espy::index

#endif  // ESPY_INDEX_PART_SEARCH_H_
