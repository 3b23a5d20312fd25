#include "encoders/tokenizers/bert_text.h"

#include <unicode/uchar.h>

#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

// Of the library's tables.
std::int8_t Category(char32_t c) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  constexpr std::uint8_t kTables = 8;
  if (age[0] > kTables) return U_UNASSIGNED;
  return u_charType(static_cast<UChar32>(c));
}

bool IsWhite(char32_t c) { return c == '\t' || c == '\n' || c == '\r' || IsSpace(c); }

bool IsRemoved(char32_t c) {
  if (c == 0 || c == 0xfffd) return true;
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const std::int8_t category = Category(c);
  return category == U_CONTROL_CHAR || category == U_FORMAT_CHAR || category == U_PRIVATE_USE_CHAR;
}

bool IsIdeograph(char32_t c) {
  constexpr struct {
    char32_t first, last;
  } kRanges[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},  {0x20000, 0x2a6df},
                 {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
  for (const auto& range : kRanges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

bool IsMark(char32_t c) {
  // Those whose category has changed since.
  if (c == 0x1734) return true;
  if (c == 0x1885 || c == 0x1886 || c == 0xa9bd || c == 0x111c9) return false;
  return Category(c) == U_NON_SPACING_MARK;
}

bool IsPunctuation(char32_t c) {
  if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
      (c >= 123 && c <= 126)) {
    return true;
  }
  if (c == 0x166d || c == 0x111c9) return true;  // as above
  switch (Category(c)) {
    case U_DASH_PUNCTUATION:
    case U_START_PUNCTUATION:
    case U_END_PUNCTUATION:
    case U_CONNECTOR_PUNCTUATION:
    case U_OTHER_PUNCTUATION:
    case U_INITIAL_PUNCTUATION:
    case U_FINAL_PUNCTUATION:
      return true;
    default:
      return false;
  }
}

std::string Cleaned(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    // Rust's white space may be a control character too: what goes, goes first.
    if (IsRemoved(c)) continue;
    if (IsWhite(c)) {
      out += ' ';
    } else {
      AppendUtf8(c, &out);
    }
  }
  return out;
}

std::string WithIdeographsApart(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    const bool apart = IsIdeograph(c);
    if (apart) out += ' ';
    AppendUtf8(c, &out);
    if (apart) out += ' ';
  }
  return out;
}

std::string WithoutMarks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    if (!IsMark(c)) AppendUtf8(c, &out);
  }
  return out;
}

}  // namespace

std::string NormalizeBertText(const BertTextRules& rules, std::string_view text) {
  std::string out(text);
  if (rules.clean) out = Cleaned(out);
  if (rules.cut_chinese) out = WithIdeographsApart(out);
  if (rules.strip_accents) out = WithoutMarks(Nfd(out));
  if (rules.lower_case) out = LowerEach(out);
  return out;
}

std::vector<std::string_view> BertWords(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > start) words.push_back(text.substr(start, end - start));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t before = at;
    const char32_t c = NextCodePoint(text, &at);
    const bool mark = IsPunctuation(c);
    if (!mark && !IsSpace(c)) continue;
    end_word(before);
    if (mark) words.push_back(text.substr(before, at - before));
    start = at;
  }
  end_word(text.size());
  return words;
}

}  // namespace espy::encoders
