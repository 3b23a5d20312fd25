#include "encoders/device/device_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/half.h"
#include "base/status_macros.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;  // that goes up at once

std::uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace

Status ToSixteenBits(const float* values, std::size_t n, kernels::ElementType type,
                     const std::string& what, std::uint16_t* out) {
  if (type == kernels::ElementType::kBfloat16) {
    std::transform(values, values + n, out, ToBfloat16);
    return Status::Ok();
  }
  FloatToHalf(values, n, out);
  for (std::size_t i = 0; i < n; ++i) {
    if ((out[i] & 0x7c00u) == 0x7c00u) {
      return Status::Unsupported(what + ": a weight of " + std::to_string(values[i]) +
                                 " is beyond FP16; use --precision bf16, or --device cpu");
    }
  }
  return Status::Ok();
}

Result<Uploader> Uploader::Create() {
  Uploader uploader;
  ESPY_ASSIGN_OR_RETURN(uploader.stream_, cuda::Stream::Create());
  ESPY_ASSIGN_OR_RETURN(uploader.pinned_, cuda::PinnedBuffer::Allocate(kPieceBytes));
  return Result<Uploader>(std::move(uploader));
}

Status Uploader::Upload(void* to, const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += pinned_.bytes()) {
    const std::size_t n = std::min(pinned_.bytes(), bytes - at);
    std::memcpy(pinned_.data(), static_cast<const std::byte*>(from) + at, n);
    ESPY_RETURN_IF_ERROR(stream_.Upload(static_cast<std::byte*>(to) + at, pinned_.data(), n));
    ESPY_RETURN_IF_ERROR(stream_.Wait());
  }
  return Status::Ok();
}

Result<const float*> DeviceLoader::Floats(const std::vector<float>& values) {
  auto* to = arena_->Take<float>(static_cast<std::int64_t>(values.size()));
  if (!arena_->counting()) {
    ESPY_RETURN_IF_ERROR(uploader_->Upload(to, values.data(), values.size() * sizeof(float)));
  }
  return static_cast<const float*>(to);
}

Result<const float*> DeviceLoader::Vector(std::string_view name,
                                          std::initializer_list<std::int64_t> shape) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> values, weights_.Vector(name, shape));
  return Floats(values);
}

Result<DeviceNorm> DeviceLoader::ReadNorm(std::string_view name, std::int64_t width) {
  const std::string base(name);
  DeviceNorm norm{.width = static_cast<std::int32_t>(width)};
  ESPY_ASSIGN_OR_RETURN(norm.weight, Vector(base + ".weight", {width}));
  ESPY_ASSIGN_OR_RETURN(norm.bias, Vector(base + ".bias", {width}));
  return norm;
}

Status DeviceLoader::FillRows(const StoredTensor& stored, std::int64_t rows, std::int64_t width,
                              std::int64_t stride, std::byte* to) {
  if (arena_->counting()) return Status::Ok();
  const auto per_piece = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(kPieceBytes) / 2 / std::max<std::int64_t>(stride, 1));
  std::vector<float> floats(static_cast<std::size_t>(std::min(per_piece, rows) * width));
  std::vector<std::uint16_t> piece(static_cast<std::size_t>(std::min(per_piece, rows) * stride), 0);
  const std::size_t row_bytes =
      static_cast<std::size_t>(width) * kernels::ElementBytes(stored.type);
  for (std::int64_t first = 0; first < rows; first += per_piece) {
    const std::int64_t n = std::min(per_piece, rows - first);
    kernels::ToFloat(stored.data + static_cast<std::size_t>(first) * row_bytes, stored.type,
                     n * width, floats.data());
    for (std::int64_t r = 0; r < n; ++r) {
      ESPY_RETURN_IF_ERROR(ToSixteenBits(floats.data() + r * width, static_cast<std::size_t>(width),
                                         type_, "the model on the GPU", piece.data() + r * stride));
    }
    ESPY_RETURN_IF_ERROR(uploader_->Upload(to + first * stride * 2, piece.data(),
                                           static_cast<std::size_t>(n * stride) * 2));
  }
  return Status::Ok();
}

Result<const void*> DeviceLoader::Table(const StoredTensor& stored, std::int64_t rows,
                                        std::int64_t width) {
  auto* to = reinterpret_cast<std::byte*>(arena_->Take<std::uint16_t>(rows * width));
  ESPY_RETURN_IF_ERROR(FillRows(stored, rows, width, width, to));
  return static_cast<const void*>(to);
}

Result<DeviceLinear> DeviceLoader::Matrix(const std::vector<Part>& parts, std::int64_t outputs,
                                          std::int64_t inputs, std::vector<float> bias) {
  const std::int64_t stride = PaddedToEight(inputs);
  DeviceLinear linear{.outputs = static_cast<std::int32_t>(outputs),
                      .inputs = static_cast<std::int32_t>(stride)};
  auto* to = reinterpret_cast<std::byte*>(arena_->Take<std::uint16_t>(outputs * stride));
  linear.weight = to;
  std::int64_t row = 0;
  for (const Part& part : parts) {
    ESPY_RETURN_IF_ERROR(FillRows(part.stored, part.rows, inputs, stride, to + row * stride * 2));
    row += part.rows;
  }
  if (row < outputs && !arena_->counting()) {
    const std::vector<std::uint16_t> zeros(static_cast<std::size_t>((outputs - row) * stride), 0);
    ESPY_RETURN_IF_ERROR(uploader_->Upload(to + row * stride * 2, zeros.data(), zeros.size() * 2));
  }
  if (bias.empty()) return linear;
  bias.resize(static_cast<std::size_t>(outputs), 0);
  ESPY_ASSIGN_OR_RETURN(linear.bias, Floats(bias));
  ESPY_ASSIGN_OR_RETURN(
      linear.bias_16,
      Table({.data = reinterpret_cast<const std::uint8_t*>(bias.data())}, 1, outputs));
  return linear;
}

Result<DeviceLinear> DeviceLoader::Matrix(const StoredTensor& stored, std::int64_t outputs,
                                          std::int64_t inputs, const std::vector<float>& bias) {
  return Matrix({Part{stored, outputs}}, outputs, inputs, bias);
}

Result<DeviceLinear> DeviceLoader::ReadLinear(std::string_view name, std::int64_t outputs,
                                              std::int64_t inputs, bool with_bias,
                                              std::int64_t padded_outputs) {
  const std::string base(name);
  ESPY_ASSIGN_OR_RETURN(const StoredTensor weight,
                        weights_.Find(base + ".weight", {outputs, inputs}));
  std::vector<float> bias;
  if (with_bias) {
    ESPY_ASSIGN_OR_RETURN(bias, weights_.Vector(base + ".bias", {outputs}));
  }
  return Matrix({Part{weight, outputs}}, std::max(outputs, padded_outputs), inputs,
                std::move(bias));
}

Result<DeviceLinear> DeviceLoader::ReadFused(std::initializer_list<std::string> names,
                                             std::int64_t outputs_each, std::int64_t inputs) {
  std::vector<Part> parts;
  std::vector<float> biases;
  for (const std::string& name : names) {
    ESPY_ASSIGN_OR_RETURN(const StoredTensor weight,
                          weights_.Find(name + ".weight", {outputs_each, inputs}));
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> bias,
                          weights_.Vector(name + ".bias", {outputs_each}));
    parts.push_back({weight, outputs_each});
    biases.insert(biases.end(), bias.begin(), bias.end());
  }
  const auto outputs = static_cast<std::int64_t>(names.size()) * outputs_each;
  return Matrix(parts, outputs, inputs, std::move(biases));
}

}  // namespace espy::encoders
