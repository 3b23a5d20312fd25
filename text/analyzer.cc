#include "text/analyzer.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>
#include <unicode/uversion.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"

namespace espy::text {
namespace {

constexpr int kAnalysis = 1;  // of this file: raised when the same text gives other tokens

bool IsAsciiWordByte(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsMark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }

UScriptCode ScriptOf(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return U_SUCCESS(error) ? script : USCRIPT_UNKNOWN;
}

// Scripts whose words are not told apart by spaces. Hangul's are, but particles cling to them.
bool StandsAlone(UChar32 c) {
  if (c < 0x0E00) return false;
  if (c == 0x30FC) return true;  // the mark that lengthens a vowel of kana
  switch (ScriptOf(c)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_HANGUL:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

bool IsPictograph(UChar32 c) {
  if (c < 0x2000) return false;
  if (u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER)) return false;  // the colour of a skin
  return u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC) ||
         u_hasBinaryProperty(c, UCHAR_REGIONAL_INDICATOR);
}

bool DropsMarks(UScriptCode script) {
  return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_HEBREW ||
         script == USCRIPT_ARABIC;
}

// Letters that Unicode does not take apart, though people type them without.
std::string_view PlainLetter(UChar32 c) {
  switch (c) {
    case 0x00E6:
      return "ae";  // æ
    case 0x00F0:
      return "d";  // ð
    case 0x00F8:
      return "o";  // ø
    case 0x00FE:
      return "th";  // þ
    case 0x0111:
      return "d";  // đ
    case 0x0127:
      return "h";  // ħ
    case 0x0131:
      return "i";  // ı
    case 0x0142:
      return "l";  // ł
    case 0x0153:
      return "oe";  // œ
    case 0x0167:
      return "t";  // ŧ
    default:
      return {};
  }
}

template <class Normalizer>
void Normalize(const Normalizer* normalizer, const std::u16string& in, std::u16string* out) {
  out->resize(std::max<std::size_t>(out->capacity(), in.size() * 3 + 16));
  for (;;) {
    UErrorCode error = U_ZERO_ERROR;
    const std::int32_t length =
        unorm2_normalize(normalizer, in.data(), static_cast<std::int32_t>(in.size()), out->data(),
                         static_cast<std::int32_t>(out->size()), &error);
    if (error == U_BUFFER_OVERFLOW_ERROR) {
      out->resize(static_cast<std::size_t>(length));
      continue;
    }
    ESPY_CHECK(U_SUCCESS(error), "ICU normalises any UTF-16");
    out->resize(static_cast<std::size_t>(length));
    return;
  }
}

const UNormalizer2* FoldingNormalizer() {
  static const UNormalizer2* const normalizer = [] {
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2* found = unorm2_getNFKCCasefoldInstance(&error);
    ESPY_CHECK(U_SUCCESS(error), "ICU has its NFKC_Casefold data");
    return found;
  }();
  return normalizer;
}

const UNormalizer2* DecomposingNormalizer() {
  static const UNormalizer2* const normalizer = [] {
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2* found = unorm2_getNFDInstance(&error);
    ESPY_CHECK(U_SUCCESS(error), "ICU has its NFD data");
    return found;
  }();
  return normalizer;
}

const UNormalizer2* ComposingNormalizer() {
  static const UNormalizer2* const normalizer = [] {
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2* found = unorm2_getNFCInstance(&error);
    ESPY_CHECK(U_SUCCESS(error), "ICU has its NFC data");
    return found;
  }();
  return normalizer;
}

// Bytes that are not UTF-8 become U+FFFD, which is no letter.
void ToWide(std::string_view text, std::u16string* wide) {
  wide->clear();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < length;) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(bytes, i, length, c);
    if (U_IS_BMP(c)) {
      wide->push_back(static_cast<char16_t>(c));
    } else {
      wide->push_back(static_cast<char16_t>(U16_LEAD(c)));
      wide->push_back(static_cast<char16_t>(U16_TRAIL(c)));
    }
  }
}

void AppendUtf8(UChar32 c, std::string* out) {
  std::uint8_t bytes[U8_MAX_LENGTH];
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Without the accents of scripts that can spare them.
void DropMarks(std::string_view word, std::string* out) {
  if (IsAscii(word)) {
    out->assign(word);
    return;
  }
  std::u16string wide, apart;
  ToWide(word, &wide);
  Normalize(DecomposingNormalizer(), wide, &apart);
  std::u16string plainer;
  bool drops = false;
  const auto append = [&plainer](UChar32 c) {
    if (!U_IS_BMP(c)) {
      plainer.push_back(static_cast<char16_t>(U16_LEAD(c)));
      c = U16_TRAIL(c);
    }
    plainer.push_back(static_cast<char16_t>(c));
  };
  for (std::size_t i = 0; i < apart.size();) {
    UChar32 c = 0;
    U16_NEXT(apart.data(), i, apart.size(), c);
    if (IsMark(c)) {
      if (!drops) append(c);
      continue;
    }
    if (c == 0x0640) continue;  // the line that stretches Arabic words
    drops = DropsMarks(ScriptOf(c));
    if (const std::string_view plain = PlainLetter(c); !plain.empty()) {
      plainer.append(plain.begin(), plain.end());
    } else {
      append(c);
    }
  }
  Normalize(ComposingNormalizer(), plainer, &apart);
  out->clear();
  for (std::size_t i = 0; i < apart.size();) {
    UChar32 c = 0;
    U16_NEXT(apart.data(), i, apart.size(), c);
    AppendUtf8(c, out);
  }
}

// At most kMaxWordBytes, ending between characters.
std::string_view Cut(std::string_view word) {
  if (word.size() <= kMaxWordBytes) return word;
  std::size_t end = kMaxWordBytes;
  while (end > 0 && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) --end;
  return word.substr(0, end);
}

}  // namespace

std::string Analyzer::Version() {
  UVersionInfo unicode;
  u_getUnicodeVersion(unicode);
  return "analysis " + std::to_string(kAnalysis) + " unicode " + std::to_string(unicode[0]) + "." +
         std::to_string(unicode[1]);
}

Result<Analyzer> Analyzer::Create(std::string_view language) {
  auto stemmer = Stemmer::Create(language);
  if (!stemmer.ok()) return stemmer.status();
  return Analyzer(std::move(*stemmer));
}

void Analyzer::Analyze(std::string_view text, const Sink& sink) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (text[i] == kValueBreak) {
      Token token;
      token.word = kBreakToken;
      token.begin = i;
      token.end = ++i;
      if (!sink(token)) return;
      continue;
    }
    if (byte < 0x80 && !IsAsciiWordByte(byte)) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    bool ascii = true;
    for (; i < text.size(); ++i) {
      const auto next = static_cast<unsigned char>(text[i]);
      if (next >= 0x80) {
        ascii = false;
      } else if (!IsAsciiWordByte(next)) {
        break;
      }
    }
    const std::string_view run = text.substr(begin, i - begin);
    if (!(ascii ? AsciiWord(run, begin, sink) : UnicodeRun(run, begin, sink))) return;
  }
}

bool Analyzer::AsciiWord(std::string_view run, std::size_t begin, const Sink& sink) {
  Token token;
  token.begin = begin;
  token.end = begin + run.size();
  bool letters = true;
  folded_.assign(Cut(run));
  for (char& c : folded_) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c <= '9') letters = false;
  }
  return Word(folded_, letters, token, sink);
}

bool Analyzer::UnicodeRun(std::string_view run, std::size_t begin, const Sink& sink) {
  ToWide(run, &wide_);
  Normalize(FoldingNormalizer(), wide_, &normal_);
  Token token;
  token.begin = begin;  // folding moves characters, so every token of the run names the whole run
  token.end = begin + run.size();
  folded_.clear();
  bool letters = true;
  bool alone = false;  // folded_ is one character and its marks
  const auto flush = [&] {
    if (folded_.empty()) return true;
    const bool go_on = Word(Cut(folded_), letters && !alone, token, sink);
    folded_.clear();
    letters = true;
    alone = false;
    return go_on;
  };
  for (std::size_t i = 0; i < normal_.size();) {
    UChar32 c = 0;
    U16_NEXT(normal_.data(), i, normal_.size(), c);
    if (IsMark(c)) {
      if (!folded_.empty()) AppendUtf8(c, &folded_);
    } else if (IsPictograph(c) || (u_isalnum(c) && StandsAlone(c))) {
      if (!flush()) return false;
      AppendUtf8(c, &folded_);
      alone = true;
    } else if (u_isalnum(c)) {
      if (alone && !flush()) return false;
      AppendUtf8(c, &folded_);
      if (!u_isalpha(c)) letters = false;
    } else if (!flush()) {
      return false;
    }
  }
  return flush();
}

bool Analyzer::Word(std::string_view folded, bool letters, Token token, const Sink& sink) {
  token.letters = letters;
  DropMarks(folded, &word_);
  if (word_.empty()) return true;  // nothing but a stretching line
  token.word = word_;
  if (stemmer_.stems() && letters) {
    DropMarks(stemmer_.Stem(folded), &stem_);
    stem_.insert(stem_.begin(), kStemMark);
    token.stem = stem_;
    if (word_ != folded) {
      plain_stem_.assign(1, kStemMark);
      plain_stem_.append(stemmer_.Stem(word_));
      if (plain_stem_ != stem_) token.plain_stem = plain_stem_;
    }
  }
  return sink(token);
}

}  // namespace espy::text
