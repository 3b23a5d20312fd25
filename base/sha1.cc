#include "base/sha1.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace espy {

struct Sha1Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha1Stream::Sha1Stream() : state_(std::make_unique<State>()) {
  ESPY_CHECK(
      state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha1(), nullptr) == 1,
      "OpenSSL offers no SHA-1");
}
Sha1Stream::~Sha1Stream() = default;

void Sha1Stream::Update(std::string_view bytes) {
  ESPY_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1,
             "SHA-1 update failed");
}

Sha1Digest Sha1Stream::Finish() {
  Sha1Digest digest{};
  unsigned int length = 0;
  ESPY_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &length) == 1 && length == 20,
             "SHA-1 finish failed");
  return digest;
}

}  // namespace espy
