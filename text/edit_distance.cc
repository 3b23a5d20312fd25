#include "text/edit_distance.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <cstdlib>

namespace espy::text {

void ToCodePoints(std::string_view text, std::u32string* out) {
  out->clear();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < length;) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(bytes, i, length, c);
    out->push_back(static_cast<char32_t>(c));
  }
}

EditDistance::EditDistance(std::string_view word) { ToCodePoints(word, &word_); }

int EditDistance::To(std::string_view other, int limit) {
  const int beyond = limit + 1;
  ToCodePoints(other, &other_);
  const int n = static_cast<int>(word_.size());
  const int m = static_cast<int>(other_.size());
  if (std::abs(n - m) > limit) return beyond;
  // Row i holds the distances from the first i characters of word_ to every prefix of other_. Only
  // the band of `limit` beside the diagonal can stay within the limit; the rest counts as beyond.
  for (auto& row : rows_) row.assign(static_cast<std::size_t>(m) + 1, beyond);
  auto* before = &rows_[0];
  auto* last = &rows_[1];
  auto* row = &rows_[2];
  for (int j = 0; j <= std::min(m, limit); ++j) (*last)[j] = j;
  for (int i = 1; i <= n; ++i) {
    std::fill(row->begin(), row->end(), beyond);
    int least = beyond;
    if (i <= limit) least = (*row)[0] = i;
    for (int j = std::max(1, i - limit); j <= std::min(m, i + limit); ++j) {
      const bool same = word_[i - 1] == other_[j - 1];
      int cost = (*last)[j - 1] + (same ? 0 : 1);
      cost = std::min({cost, (*last)[j] + 1, (*row)[j - 1] + 1});
      if (i > 1 && j > 1 && word_[i - 1] == other_[j - 2] && word_[i - 2] == other_[j - 1]) {
        cost = std::min(cost, (*before)[j - 2] + 1);
      }
      (*row)[j] = std::min(cost, beyond);
      least = std::min(least, (*row)[j]);
    }
    // A swap reaches back two rows, so the search may end only when both are beyond.
    if (least >= beyond && *std::min_element(last->begin(), last->end()) >= beyond) return beyond;
    std::swap(before, last);
    std::swap(last, row);
  }
  return (*last)[m];
}

}  // namespace espy::text
