// Any bytes -> Safetensors::Parse. Every tensor of a file that is taken lies inside it, has the
// bytes that its shape and type say, and shares none with another. Read as a file of open_clip's,
// its tensors have the bytes of their new shapes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "encoders/openclip/openclip_names.h"
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
  auto again = Safetensors::Parse({data, size}, "fuzzed");
  Require(again.ok());
  const auto named = RenameOpenClip(std::move(*again));
  if (!named.ok()) {
    Require(named.status().message().find("fuzzed") == 0);
    return 0;
  }
  std::uint8_t sum = 0;
  for (const std::string& name : (*named)->Names()) {
    const TensorView& tensor = *(*named)->Find(name);
    std::uint64_t bytes = DTypeBytes(tensor.dtype);
    for (const std::int64_t dimension : tensor.shape) {
      bytes *= static_cast<std::uint64_t>(dimension);
    }
    Require(bytes == tensor.bytes.size());
    for (const std::uint8_t byte : tensor.bytes) sum = static_cast<std::uint8_t>(sum + byte);
  }
  asm volatile("" : : "r"(sum));  // every byte was there to be read
  return 0;
}
