// Any bytes -> Safetensors::Parse. Every tensor of a file that is taken lies inside it, has the
// bytes that its shape and type say, and shares none with another.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "encoders/safetensors.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy::encoders;
  const auto parsed = Safetensors::Parse({data, size}, "fuzzed");
  if (!parsed.ok()) {
    Require(parsed.status().message().find("fuzzed") == 0);
    return 0;
  }
  std::vector<std::uint8_t> owners(size, 0);
  for (const std::string& name : (*parsed)->Names()) {
    const TensorView* tensor = (*parsed)->Find(name);
    Require(tensor != nullptr);
    std::uint64_t bytes = DTypeBytes(tensor->dtype);
    for (const std::int64_t dimension : tensor->shape) {
      Require(dimension >= 0);
      bytes *= static_cast<std::uint64_t>(dimension);
    }
    Require(bytes == tensor->bytes.size());
    for (const std::uint8_t& byte : tensor->bytes) {
      Require(&byte >= data && &byte < data + size);
      Require(owners[static_cast<std::size_t>(&byte - data)]++ == 0);
    }
  }
  return 0;
}
