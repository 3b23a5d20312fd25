// JSON by hand, member by member: what exports write.
#ifndef ESPY_ENGINE_TRANSFER_JSON_TEXT_H_
#define ESPY_ENGINE_TRANSFER_JSON_TEXT_H_

#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace espy::transfer {

// Whether `text` is UTF-8: no overlong form, no surrogate.
bool IsUtf8(std::string_view text);

void PutQuoted(std::string* out, std::string_view text);  // of UTF-8

// `"key":`, after a comma unless the object was just opened.
void PutKey(std::string* out, std::string_view key);

// Nothing for an empty text. One that is not UTF-8 goes as the base64 of its bytes, under a key
// that says so: "key_bytes".
void PutText(std::string* out, const std::string& key, const std::string& text);

// The fewest digits that read back as the same number. Finite.
template <class T>
void PutNumber(std::string* out, std::string_view key, T value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  PutKey(out, key);
  out->append(text.data(), end);
}

}  // namespace espy::transfer

#endif  // ESPY_ENGINE_TRANSFER_JSON_TEXT_H_
