// SHA-1 by OpenSSL: the name that git gives a file's bytes. A checksum against accidents; where
// someone could gain by a collision, SHA-256 is what counts.
#ifndef ESPY_BASE_SHA1_H_
#define ESPY_BASE_SHA1_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace espy {

using Sha1Digest = std::array<std::uint8_t, 20>;

// Fed piece by piece.
class Sha1Stream {
 public:
  Sha1Stream();
  ~Sha1Stream();
  void Update(std::string_view bytes);
  Sha1Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espy

#endif  // ESPY_BASE_SHA1_H_
