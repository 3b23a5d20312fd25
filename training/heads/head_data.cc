#include "training/heads/head_data.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/status_macros.h"
#include "encoders/safetensors.h"
#include "kernels/element.h"

namespace espy::training {
namespace {

Status Wrong(const std::string& path, const std::string& tensor, const std::string& why) {
  return Status::Corruption(path + ": " + tensor + ": " + why);
}

Result<std::vector<std::int64_t>> Integers(const encoders::Safetensors& file, const char* name) {
  const encoders::TensorView* tensor = file.Find(name);
  if (tensor == nullptr || tensor->dtype != encoders::DType::kI64 || tensor->shape.size() != 1) {
    return Wrong(file.path(), name, "must be there, of type I64 and one dimension");
  }
  std::vector<std::int64_t> values(tensor->bytes.size() / 8);
  if (!values.empty()) std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

Result<std::vector<float>> Floats(const encoders::Safetensors& file, const char* name,
                                  std::size_t dimensions) {
  const encoders::TensorView* tensor = file.Find(name);
  if (tensor == nullptr || tensor->shape.size() != dimensions) {
    return Wrong(file.path(), name,
                 "must be there, with " + std::to_string(dimensions) + " dimensions");
  }
  kernels::ElementType type = kernels::ElementType::kFloat32;
  switch (tensor->dtype) {
    case encoders::DType::kF32:
      break;
    case encoders::DType::kF16:
      type = kernels::ElementType::kFloat16;
      break;
    case encoders::DType::kBF16:
      type = kernels::ElementType::kBfloat16;
      break;
    default:
      return Wrong(file.path(), name, "must be F32, F16 or BF16");
  }
  std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
  kernels::ToFloat(tensor->bytes.data(), type, tensor->elements(), values.data());
  for (const float value : values) {
    if (!(std::abs(value) < 1e30f)) return Wrong(file.path(), name, "holds what is no number");
  }
  return values;
}

}  // namespace

Result<HeadData> ReadHeadData(const std::string& path, std::int64_t vocabulary) {
  ESPY_ASSIGN_OR_RETURN(const auto file, encoders::Safetensors::Open(path));
  HeadData data;
  ESPY_ASSIGN_OR_RETURN(data.tokens, Integers(*file, "tokens"));
  ESPY_ASSIGN_OR_RETURN(data.lengths, Integers(*file, "lengths"));
  ESPY_ASSIGN_OR_RETURN(data.hidden, Floats(*file, "hidden", 2));
  data.width = file->Find("hidden")->shape[1];
  std::int64_t rows = 0;
  const auto n = static_cast<std::int64_t>(data.tokens.size());
  for (const std::int64_t length : data.lengths) {
    if (length < 1 || length > n - rows) {
      return Wrong(path, "lengths", "must be positive and sum to the tokens");
    }
    rows += length;
  }
  if (rows != n) return Wrong(path, "lengths", "must be positive and sum to the tokens");
  if (file->Find("hidden")->shape[0] != rows) return Wrong(path, "hidden", "has one row a token");
  for (const std::int64_t token : data.tokens) {
    if (token < 0 || token >= vocabulary) {
      return Wrong(path, "tokens", std::to_string(token) + " is outside of the vocabulary");
    }
  }
  if (file->Find("images") == nullptr && file->Find("pictures") == nullptr) return data;
  ESPY_ASSIGN_OR_RETURN(data.pictures, Integers(*file, "pictures"));
  ESPY_ASSIGN_OR_RETURN(data.images, Floats(*file, "images", 3));
  const std::vector<std::int64_t>& shape = file->Find("images")->shape;
  data.image_tokens = shape[1];
  data.vision_width = shape[2];
  if (data.image_tokens < 1) return Wrong(path, "images", "has no tokens");
  if (data.pictures.size() != data.lengths.size()) {
    return Wrong(path, "pictures", "has one entry a text");
  }
  for (const std::int64_t picture : data.pictures) {
    if (picture < 0 || picture >= shape[0]) return Wrong(path, "pictures", "names no image");
  }
  return data;
}

std::vector<std::int64_t> FirstRows(const HeadData& data) {
  std::vector<std::int64_t> first;
  std::int64_t row = 0;
  for (const std::int64_t length : data.lengths) {
    first.push_back(row);
    row += length;
  }
  return first;
}

HeadBatch GatherTexts(const HeadData& data, std::span<const std::int64_t> first_rows,
                      std::span<const std::int64_t> texts) {
  HeadBatch batch;
  std::map<std::int64_t, std::int64_t> taken;  // picture -> its place in the batch
  for (const std::int64_t text : texts) {
    const std::int64_t first = first_rows[static_cast<std::size_t>(text)];
    const std::int64_t length = data.lengths[static_cast<std::size_t>(text)];
    batch.first_row.push_back(batch.rows());
    batch.lengths.push_back(length);
    batch.tokens.insert(batch.tokens.end(), data.tokens.begin() + first,
                        data.tokens.begin() + first + length);
    batch.hidden.insert(batch.hidden.end(), data.hidden.begin() + first * data.width,
                        data.hidden.begin() + (first + length) * data.width);
    if (data.image_tokens == 0) continue;
    const std::int64_t picture = data.pictures[static_cast<std::size_t>(text)];
    const auto [place, fresh] = taken.emplace(picture, static_cast<std::int64_t>(taken.size()));
    batch.pictures.push_back(place->second);
    if (fresh) {
      const std::int64_t size = data.image_tokens * data.vision_width;
      batch.images.insert(batch.images.end(), data.images.begin() + picture * size,
                          data.images.begin() + (picture + 1) * size);
    }
  }
  return batch;
}

}  // namespace espy::training
