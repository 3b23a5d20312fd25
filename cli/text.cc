#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

namespace espy::cli {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Reads one code point at the front of `text`. Returns its length in bytes, or 0 when the bytes
// there are not UTF-8 (overlong forms, surrogates and values above U+10FFFF are not).
int DecodeUtf8(std::string_view text, char32_t* code_point) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (text.empty()) return 0;
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) {
    *code_point = lead;
    return 1;
  }
  const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || text.size() < static_cast<std::size_t>(length)) return 0;
  char32_t value = lead & (0x7f >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3f);
  }
  static constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    return 0;
  }
  *code_point = value;
  return length;
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

// Marks that change the direction of what follows, or end a line where a reader does not expect it.
bool ReordersText(char32_t c) {
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
         c == 0x200f || c == 0x061c || c == 0x2028 || c == 0x2029;
}

void AppendHexByte(std::string* out, std::uint8_t byte) {
  *out += "\\x";
  *out += kHexDigits[byte >> 4];
  *out += kHexDigits[byte & 15];
}

int CodePointWidth(char32_t c) {
  const auto within = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  if (within(0x300, 0x36f) || within(0x1ab0, 0x1aff) || within(0x20d0, 0x20ff) ||
      within(0xfe00, 0xfe0f) || within(0xfe20, 0xfe2f) || c == 0x200b || c == 0x200d) {
    return 0;
  }
  if (within(0x1100, 0x115f) || within(0x2e80, 0x303e) || within(0x3041, 0xa4cf) ||
      within(0xac00, 0xd7a3) || within(0xf900, 0xfaff) || within(0xfe30, 0xfe4f) ||
      within(0xff00, 0xff60) || within(0xffe0, 0xffe6) || within(0x1f300, 0x1f64f) ||
      within(0x1f900, 0x1f9ff) || within(0x20000, 0x3fffd)) {
    return 2;
  }
  return 1;
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  char32_t ignored = 0;
  while (!text.empty()) {
    const int length = DecodeUtf8(text, &ignored);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string EscapeForTerminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t c = 0;
    const int length = DecodeUtf8(text, &c);
    if (length == 0) {
      AppendHexByte(&out, static_cast<std::uint8_t>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (IsControl(c)) {
      AppendHexByte(&out, static_cast<std::uint8_t>(c));
    } else if (ReordersText(c)) {
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += kHexDigits[(c >> shift) & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t c = 0;
    const int length = DecodeUtf8(text, &c);
    if (length == 0 || IsControl(c) || ReordersText(c)) {
      out += "\xef\xbf\xbd";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max(length, 1));
  }
  return out;
}

std::string FileUrl(std::string_view absolute_path) {
  std::string out = "file://";
  for (const char c : absolute_path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
  return out;
}

std::string Base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t taken = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < taken ? static_cast<std::uint8_t>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= taken ? kDigits[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return out;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    char32_t c = 0;
    const int length = DecodeUtf8(text, &c);
    width += length == 0 ? 1 : CodePointWidth(c);
    text.remove_prefix(std::max(length, 1));
  }
  return width;
}

std::string ShortenLeft(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  int left = DisplayWidth(text);
  while (!text.empty() && left > width - 1) {
    char32_t c = 0;
    const int length = DecodeUtf8(text, &c);
    left -= length == 0 ? 1 : CodePointWidth(c);
    text.remove_prefix(std::max(length, 1));
  }
  return "…" + std::string(text);
}

std::string FormatCount(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string FormatFixed(double value, int digits) {
  std::array<char, 64> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return {buffer.data(), static_cast<std::size_t>(std::clamp(length, 0, 63))};
}

std::string FormatBytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return FormatFixed(value, value < 9.95 ? 1 : 0) + " " + kUnits[unit];
}

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0)) return "?";
  if (seconds < 0.9995) return FormatFixed(seconds * 1000, 0) + " ms";
  if (seconds < 9.95) return FormatFixed(seconds, 1) + " s";
  const auto whole = static_cast<std::uint64_t>(std::llround(std::min(seconds, 1e15)));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return FormatCount(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

std::string FormatDate(std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return "?";
  std::array<char, 64> buffer;
  const std::size_t length =
      std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {buffer.data(), length};
}

std::string Plural(std::uint64_t n, std::string_view noun) {
  return FormatCount(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

}  // namespace espy::cli
