#include "encoders/openclip/clean_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "encoders/openclip/html_entities.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr int kMaxRounds = 8;

// Windows-1252 for the bytes 0x80 to 0x9F; those it leaves undefined stand for themselves.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

// ftfy's LIGATURES.
constexpr std::pair<char32_t, std::string_view> kLigatures[] = {
    {0x132, "IJ"},
    {0x133, "ij"},
    {0x149,
     "\xCA\xBC"
     "n"},
    {0x1F1, "DZ"},
    {0x1F2, "Dz"},
    {0x1F3, "dz"},
    {0x1C4, "D\xC5\xBD"},
    {0x1C5, "D\xC5\xBE"},
    {0x1C6, "d\xC5\xBE"},
    {0x1C7, "LJ"},
    {0x1C8, "Lj"},
    {0x1C9, "lj"},
    {0x1CA, "NJ"},
    {0x1CB, "Nj"},
    {0x1CC, "nj"},
    {0xFB00, "ff"},
    {0xFB01, "fi"},
    {0xFB02, "fl"},
    {0xFB03, "ffi"},
    {0xFB04, "ffl"},
    {0xFB05,
     "\xC5\xBF"
     "t"},
    {0xFB06, "st"},
};

bool IsControl(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

// HTML's rules for what a number may stand for, as html.unescape has them.
std::string CodePointText(std::uint64_t number) {
  std::string out;
  if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) {
    AppendUtf8(0xFFFD, &out);
  } else if (number >= 0x80 && number <= 0x9F) {
    AppendUtf8(kWindows1252[number - 0x80], &out);
  } else if (number != 0x0D &&
             ((number <= 0x1F && number != '\t' && number != '\n' && number != '\f') ||
              number == 0x7F || (number >= 0xFDD0 && number <= 0xFDEF) ||
              (number & 0xFFFE) == 0xFFFE)) {
    return out;
  } else {
    AppendUtf8(static_cast<char32_t>(number), &out);
  }
  return out;
}

// The reference "&..." at the start of `text`: what it stands for and its length; length 0 when it
// is none. `strict`: ftfy's rule, by which it must end in ';'.
struct Reference {
  std::string text;
  std::size_t length = 0;
};

Reference NumberAt(std::string_view text, bool strict) {
  const bool hex = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const std::size_t first = hex ? 3 : 2;
  std::size_t end = first;
  std::uint64_t number = 0;
  for (; end < text.size(); ++end) {
    const auto c = static_cast<unsigned char>(text[end]);
    if (hex ? std::isxdigit(c) == 0 : std::isdigit(c) == 0) break;
    const int digit = std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10;
    number = std::min<std::uint64_t>(number * (hex ? 16 : 10) + static_cast<unsigned>(digit),
                                     1ull << 32);
  }
  if (end == first) return {};
  const bool closed = end < text.size() && text[end] == ';';
  if (strict && (!closed || end > 25)) return {};  // at most 24 letters and digits
  return {CodePointText(number), end + (closed ? 1 : 0)};
}

Reference NameAt(std::string_view text, bool strict) {
  const auto ends = [](char c) {
    return c == '\t' || c == '\n' || c == '\f' || c == ' ' || c == '<' || c == '&' || c == '#' ||
           c == ';';
  };
  // At most 32 code points, of which every name is ASCII: 32 bytes find every name.
  std::size_t end = 1;
  while (end < text.size() && end <= 32 && !ends(text[end])) ++end;
  const bool closed = end < text.size() && text[end] == ';';
  const auto& entities = HtmlEntities();
  if (closed) {
    const auto found = entities.find(text.substr(1, end));
    if (found != entities.end()) return {found->second, end + 1};
  }
  if (strict) return {};
  for (std::size_t size = end - 1; size >= 2; --size) {  // the longest name that it begins with
    const auto found = entities.find(text.substr(1, size));
    if (found != entities.end()) return {found->second, size + 1};
  }
  return {};
}

std::string Unescape(std::string_view text, bool strict) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = std::min(text.find('&', at), text.size());
    out.append(text.substr(at, mark - at));
    at = mark;
    if (at == text.size()) break;
    const std::string_view rest = text.substr(at);
    const Reference reference =
        rest.size() > 1 && rest[1] == '#' ? NumberAt(rest, strict) : NameAt(rest, strict);
    if (reference.length == 0) {
      out += '&';
      ++at;
    } else {
      out += reference.text;
      at += reference.length;
    }
  }
  return out;
}

// ESC [ digits and ';' letter
std::size_t TerminalEscapeAt(std::string_view text) {
  if (!text.starts_with("\x1B[")) return 0;
  std::size_t end = 2;
  while (end < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == ';')) {
    ++end;
  }
  const bool letter = end < text.size() && std::isalpha(static_cast<unsigned char>(text[end])) != 0;
  return letter ? end + 1 : 0;
}

// ftfy's fixes of single code points, in its order.
void AppendFixed(char32_t c, std::string* out) {
  if (c >= 0x80 && c <= 0x9F) c = kWindows1252[c - 0x80];
  for (const auto& [ligature, letters] : kLigatures) {
    if (c == ligature) {
      *out += letters;
      return;
    }
  }
  if (c == 0x3000) {
    c = ' ';
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    std::string one;
    AppendUtf8(c, &one);
    *out += Nfkc(one);
    return;
  }
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) {
    c = '\'';
  } else if (c >= 0x201C && c <= 0x201F) {
    c = '"';
  } else if (c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85) {
    c = '\n';
  }
  if (!IsControl(c)) AppendUtf8(c, out);
}

std::string FixLine(std::string_view line, bool unescape) {
  std::string text(line);
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::string source = unescape ? Unescape(text, /*strict=*/true) : text;
    std::string fixed;
    for (std::size_t at = 0; at < source.size();) {
      if (const std::size_t escape = TerminalEscapeAt(std::string_view(source).substr(at))) {
        at += escape;
        continue;
      }
      AppendFixed(NextCodePoint(source, &at), &fixed);
    }
    fixed = Nfc(fixed);
    if (fixed == text) break;
    text = std::move(fixed);
  }
  return text;
}

// ftfy.fix_text: line by line; from the first line that holds a '<' on, references stay.
std::string FixText(std::string_view text) {
  std::string out;
  bool unescape = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    unescape = unescape && line.find('<') == std::string_view::npos;
    out += FixLine(line, unescape);
    text.remove_prefix(end);
  }
  return out;
}

std::string OneSpace(std::string_view text) {
  return CollapseSpaces(Strip(text, IsPythonSpace), IsPythonSpace);
}

}  // namespace

std::string CleanForOpenClip(std::string_view text, TextCleaning cleaning) {
  if (cleaning == TextCleaning::kNone) return std::string(text);
  std::string basic = Unescape(Unescape(FixText(text), /*strict=*/false), /*strict=*/false);
  switch (cleaning) {
    case TextCleaning::kLower:
      return LowerText(OneSpace(basic));
    case TextCleaning::kCanonicalize: {
      basic = std::string(Strip(basic, IsPythonSpace));
      std::string kept;
      for (const char c : basic) {
        if (c == '_') {
          kept += ' ';
        } else if (static_cast<unsigned char>(c) >= 0x80 ||
                   std::ispunct(static_cast<unsigned char>(c)) == 0) {
          kept += c;
        }
      }
      return OneSpace(LowerText(kept));
    }
    default:
      return OneSpace(basic);
  }
}

}  // namespace espy::encoders
