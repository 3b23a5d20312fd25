// How many typing slips two words are apart.
#ifndef ESPY_TEXT_EDIT_DISTANCE_H_
#define ESPY_TEXT_EDIT_DISTANCE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espy::text {

inline constexpr int kMaxEdits = 2;

// Compares many words with one. A slip is a character too many, too few, another one, or two
// neighbours swapped (optimal string alignment, Damerau 1964). One thread at a time.
class EditDistance {
 public:
  explicit EditDistance(std::string_view word);  // UTF-8

  std::size_t length() const { return word_.size(); }  // in characters
  // At most `limit` (to kMaxEdits), or limit + 1 when they are further apart. Linear in the length.
  int To(std::string_view other, int limit);

 private:
  std::u32string word_, other_;
  std::vector<int> rows_[3];
};

// UTF-8 to code points; a byte that begins none is U+FFFD.
void ToCodePoints(std::string_view text, std::u32string* out);

}  // namespace espy::text

#endif  // ESPY_TEXT_EDIT_DISTANCE_H_
