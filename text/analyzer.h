// Text -> the tokens that are looked up. Documents and questions go through the same analysis.
//
// Case, width and compatibility forms are folded by Unicode's NFKC_Casefold (ICU). Words are runs
// of letters, digits and marks. Scripts written without spaces (Han, kana, Hangul, Thai, Lao,
// Khmer, Burmese) give a token for each character with its marks, so that any run of them is found
// as a phrase; a pictograph is a token. Accents of Latin, Greek, Hebrew and Arabic letters are
// dropped after stemming, which needs them.
//
// One word can give up to three tokens at one position: itself, its stem, and the stem that it has
// when it is typed without accents. Bytes that are not UTF-8 separate words.
#ifndef ESPY_TEXT_ANALYZER_H_
#define ESPY_TEXT_ANALYZER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "espy/status.h"
#include "text/stemmer.h"

namespace espy::text {

// Between the values of one field (two tags, two paths): a phrase does not reach across it.
inline constexpr char kValueBreak = '\x1f';
inline constexpr std::string_view kBreakToken = "\x02";
// Before a stem, so that "run" the stem is not "run" the word.
inline constexpr char kStemMark = '\x01';
// Longer words are cut, in documents and questions alike.
inline constexpr std::size_t kMaxWordBytes = 128;

struct Token {
  std::string_view word;        // folded, without accents; kBreakToken for a break
  std::string_view stem;        // with its mark; "" when the word has none
  std::string_view plain_stem;  // of the word without accents, with its mark; "" when it is `stem`
  std::size_t begin = 0, end = 0;  // bytes of the text it was made from
  bool letters = false;            // nothing but letters and marks, of a script with spaces
};

// One thread at a time.
class Analyzer {
 public:
  static Result<Analyzer> Create(std::string_view language);

  // Calls sink for each token, in order; what it is given lives until it returns. Stops at false.
  using Sink = std::function<bool(const Token&)>;
  void Analyze(std::string_view text, const Sink& sink);

  // Names what the tokens depend on besides the language: an index made by another is made again.
  static std::string Version();

 private:
  explicit Analyzer(Stemmer stemmer) : stemmer_(std::move(stemmer)) {}
  // A run without ASCII separators: one that is ASCII throughout is one word.
  bool AsciiWord(std::string_view run, std::size_t begin, const Sink& sink);
  bool UnicodeRun(std::string_view run, std::size_t begin, const Sink& sink);
  bool Word(std::string_view folded, bool letters, Token token, const Sink& sink);

  Stemmer stemmer_;
  std::string folded_, word_, stem_, plain_stem_;  // reused from word to word
  std::u16string wide_, normal_;
};

}  // namespace espy::text

#endif  // ESPY_TEXT_ANALYZER_H_
