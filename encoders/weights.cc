#include "encoders/weights.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace espy::encoders {
namespace {

std::string ShapeText(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::span<const std::int64_t> WithoutLeadingOnes(std::span<const std::int64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

kernels::Precision Weights::precision() const {
  const bool whole_numbers = options_.precision == kernels::Precision::kInt8;
  return whole_numbers && !in_layers_ ? kernels::Precision::kBfloat16 : options_.precision;
}

std::string Weights::FullName(std::string_view name) const {
  return tower_.empty() ? std::string(name) : tower_ + "." + std::string(name);
}

kernels::PackedMatrix Weights::PackParts(const std::string& name,
                                         std::span<const StoredTensor> parts,
                                         std::int64_t outputs_each, std::int64_t inputs) const {
  const auto outputs = static_cast<std::int64_t>(parts.size()) * outputs_each;
  TowerPanels* panels = options_.panels;
  if (panels != nullptr) {
    if (const std::byte* packed = panels->Find(name, outputs, inputs, precision())) {
      return kernels::PackedMatrix::Borrow(outputs, inputs, precision(), packed);
    }
  }
  kernels::PackedMatrix matrix =
      panels == nullptr
          ? kernels::PackedMatrix(outputs, inputs, precision())
          : kernels::PackedMatrix::Within(outputs, inputs, precision(),
                                          panels->Take(name, outputs, inputs, precision()));
  std::int64_t row = 0;
  for (const StoredTensor& part : parts) {
    matrix.SetRows(row, outputs_each, part.data, part.type, pool());
    row += outputs_each;
  }
  return matrix;
}

kernels::PackedMatrix Weights::Pack(std::string_view name, const StoredTensor& stored,
                                    std::int64_t outputs, std::int64_t inputs) const {
  return PackParts(FullName(name), {&stored, 1}, outputs, inputs);
}

const TensorView* Weights::Lookup(std::string_view name) const {
  const std::string full = FullName(name);
  if (const TensorView* tensor = file_->Find(full)) return tensor;
  if (const TensorView* tensor = file_->Find(name)) return tensor;
  const std::string deeper = "." + full;
  for (const std::string& candidate : file_->Names()) {
    if (EndsWith(candidate, deeper)) return file_->Find(candidate);
  }
  return nullptr;
}

Result<StoredTensor> Weights::Find(std::string_view name,
                                   std::initializer_list<std::int64_t> shape) const {
  const std::span<const std::int64_t> expected(shape.begin(), shape.size());
  const std::string full = FullName(name);
  const TensorView* tensor = Lookup(name);
  if (tensor == nullptr) {
    return Status::Corruption(file_->path() + ": tensor \"" + full +
                              "\" is missing: config.json calls for one of shape " +
                              ShapeText(expected) +
                              "; check that both files are of the same model");
  }
  const auto want = WithoutLeadingOnes(expected), found = WithoutLeadingOnes(tensor->shape);
  if (!std::equal(want.begin(), want.end(), found.begin(), found.end())) {
    return Status::Corruption(file_->path() + ": tensor \"" + full + "\" has shape " +
                              ShapeText(tensor->shape) + ": config.json calls for " +
                              ShapeText(expected) +
                              "; check that both files are of the same model");
  }
  StoredTensor stored{.data = tensor->bytes.data()};
  switch (tensor->dtype) {
    case DType::kF32:
      stored.type = kernels::ElementType::kFloat32;
      return stored;
    case DType::kF16:
      stored.type = kernels::ElementType::kFloat16;
      return stored;
    case DType::kBF16:
      stored.type = kernels::ElementType::kBfloat16;
      return stored;
    default:
      return Status::Unsupported(file_->path() + ": tensor \"" + full +
                                 "\" is not of FP32, FP16 or BF16 numbers; use the model in one "
                                 "of these formats");
  }
}

Result<std::vector<float>> Weights::Vector(std::string_view name,
                                           std::initializer_list<std::int64_t> shape) const {
  ESPY_ASSIGN_OR_RETURN(const StoredTensor tensor, Find(name, shape));
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  std::vector<float> values(static_cast<std::size_t>(n));
  kernels::ToFloat(tensor.data, tensor.type, n, values.data());
  return values;
}

Result<Norm> Weights::ReadNorm(std::string_view name, std::int64_t width) const {
  const std::string base(name);
  Norm norm;
  ESPY_ASSIGN_OR_RETURN(norm.weight, Vector(base + ".weight", {width}));
  ESPY_ASSIGN_OR_RETURN(norm.bias, Vector(base + ".bias", {width}));
  return norm;
}

Result<Linear> Weights::ReadLinear(std::string_view name, std::int64_t outputs, std::int64_t inputs,
                                   bool with_bias) const {
  const std::string base(name);
  ESPY_ASSIGN_OR_RETURN(const StoredTensor weight, Find(base + ".weight", {outputs, inputs}));
  Linear linear{.weight = Pack(base + ".weight", weight, outputs, inputs), .bias = {}};
  if (with_bias) {
    ESPY_ASSIGN_OR_RETURN(linear.bias, Vector(base + ".bias", {outputs}));
  }
  return linear;
}

Result<Linear> Weights::ReadFused(std::initializer_list<std::string> names,
                                  std::int64_t outputs_each, std::int64_t inputs) const {
  Linear fused;
  std::string joined;
  std::vector<StoredTensor> parts;
  for (const std::string& name : names) {
    ESPY_ASSIGN_OR_RETURN(const StoredTensor weight,
                          Find(name + ".weight", {outputs_each, inputs}));
    joined += (joined.empty() ? "" : "+") + FullName(name + ".weight");
    parts.push_back(weight);
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> bias, Vector(name + ".bias", {outputs_each}));
    fused.bias.insert(fused.bias.end(), bias.begin(), bias.end());
  }
  fused.weight = PackParts(joined, parts, outputs_each, inputs);
  return fused;
}

}  // namespace espy::encoders
