// model.safetensors.index.json: which file of several holds which tensor, as save_pretrained writes
// it for a model that is larger than one shard.
#ifndef ESPY_ENCODERS_WEIGHT_INDEX_H_
#define ESPY_ENCODERS_WEIGHT_INDEX_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "encoders/safetensors.h"
#include "espy/status.h"

namespace espy::encoders {

struct WeightIndex {
  std::unordered_map<std::string, std::string> shard_of;  // by tensor
  std::vector<std::string> shards;                        // names of files beside the index, sorted
};

// `name` stands in messages: the file's path. Refused: anything but {"weight_map": {TENSOR: FILE},
// "metadata": {...}}, an empty map, a tensor listed twice, more than 1024 files, and a file name
// that is not that of a .safetensors file in the same folder (no '/', no '\', no leading dot).
//
// metadata.total_size is not compared with the shards: publishers count tensors that share memory
// once or twice. Each shard's own header says whether it is whole.
Result<WeightIndex> ParseWeightIndex(std::string_view text, const std::string& name);

// Opens one shard by its name.
using ShardOpener = std::function<Result<std::unique_ptr<Safetensors>>(const std::string& shard)>;

// The shards as one file whose path() is `name`. Every tensor of every shard is in it, as
// transformers reads them. Refused: a shard that does not open, a tensor that two shards hold, and
// one that is not in the shard that the index gives for it.
Result<std::unique_ptr<Safetensors>> JoinShards(const WeightIndex& index, const std::string& name,
                                                const ShardOpener& open);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_WEIGHT_INDEX_H_
