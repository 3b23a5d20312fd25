#include "encoders/tokenizers/unicode.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <memory>

#include "base/check.h"

namespace espy::encoders {
namespace {

icu::StringPiece Piece(std::string_view text) {
  ESPY_CHECK(text.size() < (std::size_t{1} << 28), "ICU counts in 32 bits");
  return {text.data(), static_cast<std::int32_t>(text.size())};
}

std::string Normalized(const icu::Normalizer2& form, std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  form.normalizeUTF8(0, Piece(text), sink, nullptr, error);
  ESPY_CHECK(U_SUCCESS(error), "any valid UTF-8 can be normalized");
  return out;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  text = text.substr(0, kMaxTextBytes);
  std::string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int64_t>(text.size());
  for (std::int64_t at = 0; at < size;) {
    const std::int64_t start = at;
    UChar32 c = 0;
    U8_NEXT(bytes, at, size, c);
    if (c < 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text.data() + start, static_cast<std::size_t>(at - start));
    }
  }
  return out;
}

char32_t NextCodePoint(std::string_view text, std::size_t* at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT_UNSAFE(bytes, *at, c);
  return static_cast<char32_t>(c);
}

char32_t PreviousCodePoint(std::string_view text, std::size_t at, std::size_t* start) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 c = 0;
  U8_PREV_UNSAFE(bytes, at, c);
  *start = at;
  return static_cast<char32_t>(c);
}

void AppendUtf8(char32_t code_point, std::string* out) {
  std::uint8_t bytes[4];
  std::int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, code_point);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::string Nfc(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  ESPY_CHECK(U_SUCCESS(error), "ICU carries its normalization data");
  return Normalized(*nfc, text);
}

std::string Nfd(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(error);
  ESPY_CHECK(U_SUCCESS(error), "ICU carries its normalization data");
  return Normalized(*nfd, text);
}

std::string Nfkc(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(error);
  ESPY_CHECK(U_SUCCESS(error), "ICU carries its normalization data");
  return Normalized(*nfkc, text);
}

std::string LowerEach(std::string_view text) {
  constexpr char32_t kCapitalIWithDot = 0x130;  // the one code point whose lower case is two
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    if (c == kCapitalIWithDot) {
      out += "i\xCC\x87";
    } else {
      AppendUtf8(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))), &out);
    }
  }
  return out;
}

std::string LowerText(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::CaseMap::utf8ToLower("", 0, Piece(text), sink, nullptr, error);
  ESPY_CHECK(U_SUCCESS(error), "any valid UTF-8 can be lower-cased");
  return out;
}

bool IsLetter(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }

bool IsNumber(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_N_MASK) != 0; }

bool IsWord(char32_t c) {
  const auto point = static_cast<UChar32>(c);
  return u_hasBinaryProperty(point, UCHAR_ALPHABETIC) != 0 ||
         (U_GET_GC_MASK(point) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

bool IsPythonSpace(char32_t c) { return (c >= 0x1C && c <= 0x1F) || IsSpace(c); }

std::vector<std::string_view> GraphemeClusters(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), error));
  UText utext = UTEXT_INITIALIZER;
  utext_openUTF8(&utext, text.data(), static_cast<std::int64_t>(text.size()), &error);
  ESPY_CHECK(U_SUCCESS(error) && breaks != nullptr, "ICU's own rules are there");
  breaks->setText(&utext, error);
  ESPY_CHECK(U_SUCCESS(error), "any valid UTF-8 can be cut");
  std::vector<std::string_view> clusters;
  std::size_t start = 0;
  breaks->first();
  for (std::int32_t end = breaks->next(); end != icu::BreakIterator::DONE; end = breaks->next()) {
    const auto at = static_cast<std::size_t>(end);
    clusters.push_back(text.substr(start, at - start));
    start = at;
  }
  utext_close(&utext);
  return clusters;
}

std::string CollapseSpaces(std::string_view text, bool (*is_space)(char32_t)) {
  std::string out;
  out.reserve(text.size());
  bool in_space = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const bool space = is_space(NextCodePoint(text, &at));
    if (!space) {
      out.append(text.substr(start, at - start));
    } else if (!in_space) {
      out += ' ';
    }
    in_space = space;
  }
  return out;
}

std::string_view Strip(std::string_view text, bool (*is_space)(char32_t), bool left, bool right) {
  while (left && !text.empty()) {
    std::size_t end = 0;
    if (!is_space(NextCodePoint(text, &end))) break;
    text.remove_prefix(end);
  }
  while (right && !text.empty()) {
    std::size_t start = 0;
    if (!is_space(PreviousCodePoint(text, text.size(), &start))) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

}  // namespace espy::encoders
