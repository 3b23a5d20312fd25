// The language in which people ask for words.
//
//   red car            either word, in any form of it; documents with both come first
//   +red -car          must be there, must not be there
//   "red car"          these very words, one after the other
//   re*                words that begin so
//   recieve~  car~2    also words that are one (two) slips away; a word of five letters or more
//   that
//                      no document holds is looked for so by itself
//   tag:beach caption:"red car" name:img folder:2023 text:anna
//                      in this field alone
#ifndef ESPY_TEXT_QUERY_H_
#define ESPY_TEXT_QUERY_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::text {

// kText: the texts of a person's own fields.
enum Column : int { kCaption = 0, kTag = 1, kName = 2, kFolder = 3, kText = 4 };
inline constexpr int kColumns = 5;
inline constexpr std::array<std::string_view, kColumns> kColumnNames = {"caption", "tag", "name",
                                                                        "folder", "text"};
inline constexpr int kAnyColumn = -1;

inline constexpr std::size_t kMaxQueryBytes = 4096;
inline constexpr std::size_t kMaxClauses = 64;

struct Clause {
  enum class Occur { kShould, kMust, kMustNot };
  enum class Kind { kWord, kPhrase, kPrefix };
  static constexpr int kAutomatic = -1;
  Occur occur = Occur::kShould;
  Kind kind = Kind::kWord;
  int column = kAnyColumn;
  int edits = kAutomatic;  // slips allowed; kAutomatic: where the word itself is nowhere
  std::string text;        // as typed, without operators
  friend bool operator==(const Clause&, const Clause&) = default;
};

struct TextQuery {
  std::vector<Clause> clauses;
  bool empty() const { return clauses.empty(); }
};

// Any bytes: what has no meaning is left out, a quote that is not closed ends with the text, an
// unknown field is a word. ResourceExhausted beyond the limits above.
Result<TextQuery> ParseTextQuery(std::string_view text);

}  // namespace espy::text

#endif  // ESPY_TEXT_QUERY_H_
