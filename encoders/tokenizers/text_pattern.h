// The few regular expressions that published normalizers replace by: " {2,}", "\s+", a set of
// characters, an anchored run. Anything else is refused when the file is read, so that no pattern
// of a stranger's can take longer than the text is long.
#ifndef ESPY_ENCODERS_TOKENIZERS_TEXT_PATTERN_H_
#define ESPY_ENCODERS_TOKENIZERS_TEXT_PATTERN_H_

#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

// ALTERNATIVE ('|' ALTERNATIVE)*, each ['\A'] ATOM [QUANTIFIER] ['\z'], where ATOM is a character,
// an escaped one, '\s', or a set of those and of ranges in brackets, '^' before them for all
// others; and QUANTIFIER is '+', '{n}' or '{n,}': of Oniguruma's language, in which '^' and '$'
// mean lines. Constant once parsed: any thread.
class TextPattern {
 public:
  // Unsupported for any other expression.
  static Result<TextPattern> Parse(std::string_view expression, const std::string& where);
  // One that matches `text` as it stands.
  static TextPattern Literal(std::string_view text);

  // The text with every match replaced: the leftmost, of its alternatives the first, as long as it
  // goes. O(text x alternatives x {n}).
  std::string Replace(std::string_view text, std::string_view content) const;

 private:
  struct Range {
    char32_t first, last;
  };
  struct Alternative {
    bool at_start = false, at_end = false;
    bool negated = false, space = false;  // the set's
    std::vector<Range> ranges;
    std::size_t least = 1;
    bool more = false;  // takes as many as there are
  };
  class Parser;

  static bool IsIn(const Alternative& set, char32_t c);
  static std::size_t TailOf(const Alternative& alternative, std::string_view text);
  // Bytes of the match at `at`; 0 when there is none. `tails`: TailOf each alternative with \z.
  std::size_t MatchAt(std::string_view text, std::size_t at,
                      const std::vector<std::size_t>& tails) const;

  std::string literal_;
  std::vector<Alternative> alternatives_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TEXT_PATTERN_H_
