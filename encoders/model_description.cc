// DescribeEncoder: what is known of a model without loading it.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/coding.h"
#include "base/env.h"
#include "base/half.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "encoders/config.h"
#include "encoders/hub_cache.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/safetensors.h"
#include "encoders/tokenizers/tokenizer.h"

namespace espy::encoders {
namespace {

constexpr std::uint64_t kMaxSideFileBytes = 64 << 20;
constexpr std::size_t kBlocks = 64;
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kSpaceIdDigits = 32;

bool IsFloating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kF64;
}

// Tensors are named as transformers writes them, sometimes behind a further prefix. Buffers of
// whole numbers (position_ids) are no parameters.
void CountParameters(const Safetensors& weights, EncoderInfo* info) {
  for (const std::string& name : weights.Names()) {
    const TensorView& tensor = *weights.Find(name);
    if (!IsFloating(tensor.dtype)) continue;
    const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    const auto count = static_cast<std::uint64_t>(tensor.elements());
    if (has("vision_model.") || has("visual_projection.")) info->image_parameters += count;
    if (has("text_model.") || has("text_projection.")) info->text_parameters += count;
  }
}

// A tensor of one number; `otherwise` when the file has none of that name.
Result<float> ReadNumber(const Safetensors& weights, std::string_view name, float otherwise) {
  const TensorView* tensor = weights.Find(name);
  if (tensor == nullptr) return otherwise;
  float number = 0;
  const bool one = IsFloating(tensor->dtype) && tensor->elements() == 1;
  if (one && tensor->dtype == DType::kF32) {
    std::memcpy(&number, tensor->bytes.data(), sizeof number);
  } else if (one && tensor->dtype == DType::kF64) {
    double wide = 0;
    std::memcpy(&wide, tensor->bytes.data(), sizeof wide);
    number = static_cast<float>(wide);
  } else if (one) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor->bytes.data(), sizeof bits);
    number = tensor->dtype == DType::kF16 ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
  }
  if (!one || !(std::fabs(number) <= 80.0f)) {  // exp of it must be a float
    return Status::Corruption(weights.path() + ": tensor \"" + std::string(name) +
                              "\": not one number within -80 to 80; download the file again");
  }
  return number;
}

void HashPart(Sha256Stream* hash, std::string_view name, std::string_view bytes) {
  std::string head;
  PutFixed<std::uint64_t>(&head, name.size());
  head += name;
  PutFixed<std::uint64_t>(&head, bytes.size());
  hash->Update(head);
  hash->Update(bytes);
}

void HashWeights(Sha256Stream* hash, std::string_view name, std::string_view file) {
  std::string_view cursor = file;
  std::uint64_t header_bytes = 0;
  GetFixed(&cursor, &header_bytes);  // checked by the caller
  const std::string_view header = cursor.substr(0, header_bytes);
  const std::string_view tensors = cursor.substr(header.size());
  HashPart(hash, name, header);
  std::string size;
  PutFixed<std::uint64_t>(&size, tensors.size());
  hash->Update(size);
  if (tensors.size() <= kBlocks * kBlockBytes) {
    hash->Update(tensors);
    return;
  }
  const std::size_t room = tensors.size() - kBlockBytes;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    // Divided first: the product could pass 64 bits. The remainder is spread too, so that the last
    // block is the end.
    const std::size_t at = room / (kBlocks - 1) * i + room % (kBlocks - 1) * i / (kBlocks - 1);
    hash->Update(tensors.substr(at, kBlockBytes));
  }
}

}  // namespace

Result<std::string> SpaceId(const std::string& directory, const std::vector<std::string>& also) {
  Sha256Stream hash;
  std::vector<std::string> names = {ConfigFileName(directory), "preprocessor_config.json",
                                    "processor_config.json"};
  names.insert(names.end(), TokenizerFileNames().begin(), TokenizerFileNames().end());
  names.insert(names.end(), also.begin(), also.end());
  for (const std::string& name : names) {
    const Result<std::string> bytes =
        Env::Default()->ReadFile(directory + "/" + name, kMaxSideFileBytes);
    if (bytes.ok()) {
      HashPart(&hash, name, *bytes);
    } else if (bytes.status().code() != StatusCode::kNotFound) {
      return bytes.status();
    }
  }
  ESPY_ASSIGN_OR_RETURN(const WeightFiles weights, FindWeights(directory));
  for (const std::string& name : weights.files) {
    ESPY_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(directory + "/" + name));
    ESPY_RETURN_IF_ERROR(Safetensors::Parse(file->bytes(), file->path()).status());
    HashWeights(&hash, name,
                {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  }
  const Sha256Digest digest = hash.Finish();
  return ToHex(digest.data(), digest.size()).substr(0, kSpaceIdDigits);
}

std::string ModelName(const std::string& directory) {
  const std::string name = NameOfSnapshot(HubCacheDirectory(), directory);
  return name.empty() ? std::filesystem::path(AbsolutePath(directory)).filename().string() : name;
}

Result<EncoderInfo> DescribeEncoder(const std::string& directory, bool with_space_id) {
  ESPY_ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(directory));
  ESPY_ASSIGN_OR_RETURN(const auto weights, OpenWeights(directory));
  EncoderInfo info;
  info.directory = directory;
  info.name = ModelName(directory);
  info.family = FamilyName(config.family);
  info.dimension = config.projection;
  info.context = config.text.context;
  info.preprocess = config.preprocess;
  info.sigmoid = config.sigmoid;
  ESPY_ASSIGN_OR_RETURN(const float log_scale, ReadNumber(*weights, "logit_scale", 0.0f));
  info.logit_scale = std::exp(log_scale);
  ESPY_ASSIGN_OR_RETURN(info.logit_bias, ReadNumber(*weights, "logit_bias", config.logit_bias));
  CountParameters(*weights, &info);
  ESPY_ASSIGN_OR_RETURN(const WeightFiles files, FindWeights(directory));
  for (const std::string& name : files.files) {
    ESPY_ASSIGN_OR_RETURN(const FileFacts facts, Env::Default()->Stat(directory + "/" + name));
    info.weight_bytes += facts.size;
  }
  if (with_space_id) {
    ESPY_ASSIGN_OR_RETURN(info.space_id, SpaceId(directory));
  }
  return info;
}

}  // namespace espy::encoders
