// An index, a NUL, then the bytes of a shard -> ParseWeightIndex and JoinShards. Every file that an
// index names gets that one shard; no name leads out of the folder, and every tensor of what is
// joined lies in the shard.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "encoders/weight_index.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy::encoders;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view text = all.substr(0, all.find('\0'));
  const std::span<const std::uint8_t> shard(data + text.size(), size - text.size());
  const auto index = ParseWeightIndex(text, "fuzzed");
  if (!index.ok()) {
    Require(index.status().message().find("fuzzed") == 0);
    return 0;
  }
  Require(!index->shards.empty() && index->shards.size() <= 1024);
  for (const std::string& name : index->shards) {
    Require(name.find('/') == std::string::npos && name.find('\0') == std::string::npos);
    Require(name != "." && name != ".." && name.ends_with(".safetensors"));
  }
  const auto joined = JoinShards(*index, "fuzzed", [&](const std::string& name) {
    return Safetensors::Parse(shard.empty() ? shard : shard.subspan(1), "fuzzed/" + name);
  });
  if (!joined.ok()) {
    Require(joined.status().message().find("fuzzed") == 0);
    return 0;
  }
  for (const std::string& name : (*joined)->Names()) {
    const TensorView* tensor = (*joined)->Find(name);
    Require(tensor->bytes.empty() || (tensor->bytes.data() >= data &&
                                      tensor->bytes.data() + tensor->bytes.size() <= data + size));
  }
  return 0;
}
