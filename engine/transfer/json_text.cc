#include "engine/transfer/json_text.h"

#include <cstdint>

#include "base/base64.h"

namespace espy::transfer {

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xc2 ? 4
                             : lead < 0xe0 ? 1
                             : lead < 0xf0 ? 2
                                           : 3;
    if (more == 4 || lead > 0xf4 || text.size() - i <= more) return false;
    for (std::size_t j = 1; j <= more; ++j) {
      if ((static_cast<std::uint8_t>(text[i + j]) & 0xc0) != 0x80) return false;
    }
    if (more > 0) {
      const auto second = static_cast<std::uint8_t>(text[i + 1]);
      if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
          (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
        return false;
      }
    }
    i += more + 1;
  }
  return true;
}

void PutQuoted(std::string* out, std::string_view text) {
  *out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (static_cast<std::uint8_t>(c) < 0x20) {
      static constexpr char kHex[] = "0123456789abcdef";
      *out += "\\u00";
      *out += kHex[static_cast<std::uint8_t>(c) >> 4];
      *out += kHex[c & 15];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

void PutKey(std::string* out, std::string_view key) {
  if (out->back() != '{') *out += ',';
  PutQuoted(out, key);
  *out += ':';
}

void PutText(std::string* out, const std::string& key, const std::string& text) {
  if (text.empty()) return;
  const bool as_bytes = !IsUtf8(text);
  PutKey(out, as_bytes ? key + "_bytes" : key);
  PutQuoted(out, as_bytes ? EncodeBase64(text) : text);
}

}  // namespace espy::transfer
