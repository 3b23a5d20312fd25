// Bytes as text of RFC 4648 with padding, and back.
#ifndef ESPY_BASE_BASE64_H_
#define ESPY_BASE_BASE64_H_

#include <string>
#include <string_view>

namespace espy {

std::string EncodeBase64(std::string_view bytes);
// False when `text` is not that of some bytes: a foreign character, a length that is no multiple of
// four, bits set behind the end.
bool DecodeBase64(std::string_view text, std::string* bytes);

}  // namespace espy

#endif  // ESPY_BASE_BASE64_H_
