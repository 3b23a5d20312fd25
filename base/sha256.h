// SHA-256 by OpenSSL: the identity of a file's bytes and of a model's files.
#ifndef ESPY_BASE_SHA256_H_
#define ESPY_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace espy {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(std::string_view bytes);

// The same, fed piece by piece.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void Update(std::string_view bytes);
  Sha256Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string ToHex(const std::uint8_t* bytes, std::size_t size);

}  // namespace espy

#endif  // ESPY_BASE_SHA256_H_
