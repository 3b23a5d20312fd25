#include "encoders/weight_index.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json.h"

namespace espy::encoders {
namespace {

constexpr JsonLimits kLimits{4, 1024 * 1024};
constexpr std::size_t kMaxShards = 1024;
constexpr std::size_t kMaxNameBytes = 255;  // of a file name on Linux
constexpr std::string_view kExtension = ".safetensors";

Status Bad(const std::string& name, const std::string& why) {
  return Status::Corruption(name + ": " + why + "; download the file again");
}

// A name cannot lead out of the folder: not by a separator, not by "..", not by a hidden file.
bool IsShardName(std::string_view shard) {
  const auto plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' && c != '\\';
  };
  return shard.size() > kExtension.size() && shard.size() <= kMaxNameBytes &&
         shard.ends_with(kExtension) && !shard.starts_with('.') &&
         std::all_of(shard.begin(), shard.end(), plain);
}

}  // namespace

Result<WeightIndex> ParseWeightIndex(std::string_view text, const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const JsonValue root, ParseJson(text, name, kLimits));
  if (root.AsObject() == nullptr) return Bad(name, "not an object");
  const JsonValue* metadata = root.FindGiven("metadata");
  if (metadata != nullptr && metadata->AsObject() == nullptr) {
    return Bad(name, "metadata is not an object");
  }
  const JsonValue* map = root.FindGiven("weight_map");
  const JsonValue::Object* members = map == nullptr ? nullptr : map->AsObject();
  if (members == nullptr) return Bad(name, "weight_map is missing or not an object");
  if (members->empty()) return Bad(name, "weight_map is empty");

  WeightIndex index;
  index.shard_of.reserve(members->size());
  std::set<std::string> shards;
  for (const auto& [tensor, value] : *members) {
    const std::string* shard = value.AsString();
    if (shard == nullptr) {
      return Bad(name, "weight_map: \"" + Printable(tensor) + "\" does not name a file");
    }
    if (!IsShardName(*shard)) {
      return Status::Corruption(name + ": weight_map: \"" + Printable(tensor) + "\" lies in \"" +
                                Printable(*shard) +
                                "\", which is not the name of a .safetensors file in the same "
                                "folder; use the publisher's own index");
    }
    shards.insert(*shard);
    if (shards.size() > kMaxShards) {
      return Status::ResourceExhausted(name + ": names more than " + std::to_string(kMaxShards) +
                                       " files; save the model again with a larger max_shard_size");
    }
    index.shard_of.emplace(tensor, *shard);
  }
  index.shards.assign(shards.begin(), shards.end());
  return index;
}

Result<std::unique_ptr<Safetensors>> JoinShards(const WeightIndex& index, const std::string& name,
                                                const ShardOpener& open) {
  std::vector<std::unique_ptr<Safetensors>> files;
  std::unordered_map<std::string, TensorView> tensors;
  std::unordered_map<std::string, std::string> found_in;
  for (const std::string& shard : index.shards) {
    Result<std::unique_ptr<Safetensors>> file = open(shard);
    if (!file.ok() && file.status().code() == StatusCode::kNotFound) {
      return Status::NotFound(name + ": \"" + shard +
                              "\", one of the files that hold the weights, is missing; download "
                              "all of them");
    }
    ESPY_RETURN_IF_ERROR(file.status());
    for (const std::string& tensor : (*file)->Names()) {
      if (const auto [other, fresh] = found_in.emplace(tensor, shard); !fresh) {
        return Bad(name, "tensor \"" + Printable(tensor) + "\" is in both \"" + other->second +
                             "\" and \"" + shard + "\"");
      }
      tensors.emplace(tensor, *(*file)->Find(tensor));
    }
    files.push_back(std::move(file).value());
  }
  for (const auto& [tensor, shard] : index.shard_of) {
    const auto found = found_in.find(tensor);
    if (found == found_in.end() || found->second != shard) {
      return Bad(name, "tensor \"" + Printable(tensor) + "\" is not in \"" + shard +
                           "\", where weight_map has it");
    }
  }
  return Safetensors::Assemble(name, std::move(tensors), std::move(files));
}

}  // namespace espy::encoders
