// Words to their stems, by the Snowball project's rules for each language (libstemmer).
#ifndef ESPY_TEXT_STEMMER_H_
#define ESPY_TEXT_STEMMER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

struct sb_stemmer;

namespace espy::text {

inline constexpr std::string_view kNoLanguage = "none";
inline constexpr std::string_view kDefaultLanguage = "english";

// "none", then the languages that there are stemmers for, sorted: "arabic", "armenian", ...
std::vector<std::string> Languages();

// One thread at a time.
class Stemmer {
 public:
  // InvalidArgument names the languages that there are.
  static Result<Stemmer> Create(std::string_view language);

  bool stems() const { return stemmer_ != nullptr; }  // false for "none"
  // `word` is UTF-8, case folded, with its accents. The answer is valid until the next call.
  std::string_view Stem(std::string_view word);

 private:
  struct Delete {
    void operator()(sb_stemmer* stemmer) const;
  };
  std::unique_ptr<sb_stemmer, Delete> stemmer_;
};

}  // namespace espy::text

#endif  // ESPY_TEXT_STEMMER_H_
