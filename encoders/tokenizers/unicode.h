// Unicode as the published tokenizers use it, over UTF-8. Properties and mappings are ICU's.
//
// Three rule sets meet here and differ in corners: Rust's (Hugging Face tokenizers), Oniguruma's
// (the patterns inside them) and Python's (the SigLIP tokenizer is Python code). The names say
// whose rule a function follows.
#ifndef ESPY_ENCODERS_TOKENIZERS_UNICODE_H_
#define ESPY_ENCODERS_TOKENIZERS_UNICODE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace espy::encoders {

// Longer texts are cut here first. No model's context reaches nearly that far, and the slowest
// tokenizer (SentencePiece's BPE) takes seconds for a megabyte.
inline constexpr std::size_t kMaxTextBytes = std::size_t{256} << 10;

// The text, cut to kMaxTextBytes, with each ill-formed sequence replaced by U+FFFD, one for each
// maximal part, as Python's errors="replace". Every other function here takes valid UTF-8.
std::string ValidUtf8(std::string_view text);

// The code point that starts at *at, which moves past it. *at is below text.size().
char32_t NextCodePoint(std::string_view text, std::size_t* at);
// The code point that ends before `at`, which is above 0; *start is where it starts.
char32_t PreviousCodePoint(std::string_view text, std::size_t at, std::size_t* start);
void AppendUtf8(char32_t code_point, std::string* out);

std::string Nfc(std::string_view text);
std::string Nfd(std::string_view text);
std::string Nfkc(std::string_view text);
// Each code point by itself, as Rust's char::to_lowercase: a final sigma stays a plain one.
std::string LowerEach(std::string_view text);
// The text as a whole, as Python's str.lower: a final sigma is one.
std::string LowerText(std::string_view text);

bool IsLetter(char32_t c);  // \p{L}
bool IsNumber(char32_t c);  // \p{N}
bool IsWord(char32_t c);    // \w of Rust and Oniguruma
bool IsSpace(char32_t c);   // \s of Rust and Oniguruma: White_Space
bool IsPythonSpace(
    char32_t c);  // \s of Python's re, and what str.strip removes: also U+001C to U+001F

// The text cut into extended grapheme clusters.
std::vector<std::string_view> GraphemeClusters(std::string_view text);

// Runs of space become one ' '.
std::string CollapseSpaces(std::string_view text, bool (*is_space)(char32_t));
// Without the spaces at its start and end.
std::string_view Strip(std::string_view text, bool (*is_space)(char32_t), bool left = true,
                       bool right = true);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_UNICODE_H_
