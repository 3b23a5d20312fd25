#include "index/id_places.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace espy::index {
namespace {

constexpr std::size_t kIdsAStretch = 8;
constexpr std::int64_t kAtOnce = 16;  // marks

std::uint8_t MarkOf(std::uint64_t id) { return static_cast<std::uint8_t>(id); }

// Bit i: marks[i] is `mark`, for i < kAtOnce.
std::uint32_t Same(const std::uint8_t* marks, std::uint8_t mark) {
#if defined(__SSE2__)
  const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(marks));
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(mark));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(some, wanted)));
#else
  std::uint32_t same = 0;
  for (int i = 0; i < kAtOnce; ++i) same |= static_cast<std::uint32_t>(marks[i] == mark) << i;
  return same;
#endif
}

}  // namespace

IdPlaces::IdPlaces(std::span<const std::uint64_t> ids) : ids_(ids) {
  const std::uint64_t range = ids.back() - ids.front();
  // At most one stretch for each kIdsAStretch ids, and one more.
  shift_ = std::min<int>(std::bit_width(range / (ids.size() / kIdsAStretch + 1)), 63);
  first_.resize(static_cast<std::size_t>(StretchOf(ids.back())) + 2,
                static_cast<std::int32_t>(ids.size()));
  marks_.resize(ids.size() + static_cast<std::size_t>(kAtOnce));
  for (std::size_t place = ids.size(); place-- > 0;) {
    first_[static_cast<std::size_t>(StretchOf(ids[place]))] = static_cast<std::int32_t>(place);
    marks_[place] = MarkOf(ids[place]);
  }
  for (std::size_t stretch = first_.size() - 1; stretch-- > 0;) {
    first_[stretch] = std::min(first_[stretch], first_[stretch + 1]);  // where it is empty
  }
}

std::int64_t IdPlaces::Find(std::uint64_t id) const {
  if (id < ids_.front() || id > ids_.back()) return -1;
  const auto stretch = static_cast<std::size_t>(StretchOf(id));
  const std::int64_t end = first_[stretch + 1];
  for (std::int64_t place = first_[stretch]; place < end; place += kAtOnce) {
    // Marks behind the stretch are of ids that differ, or of none.
    for (std::uint32_t same = Same(marks_.data() + place, MarkOf(id)); same != 0;
         same &= same - 1) {
      const std::int64_t found = place + std::countr_zero(same);
      if (found < end && ids_[static_cast<std::size_t>(found)] == id) return found;
    }
  }
  return -1;
}

}  // namespace espy::index
