#include <string>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/norm.h"

namespace espy::cuda {
namespace {

constexpr int kNormWarps = 4;   // of a block, a row each
constexpr int kLaneValues = 4;  // that a lane reads at once

template <class T>
struct alignas(sizeof(T) * kLaneValues) Vector {
  T values[kLaneValues];
};

ESPY_DEVICE float SumOfWarp(float value) {
  for (int mask = 16; mask > 0; mask /= 2) value += ShuffleXor(value, mask);
  return value;
}

// A warp has a row in its registers, lane l the numbers 4 l to 4 l + 3 of every 128: memory is read
// once and written once. The variance is that about the mean, in a pass of its own.
template <class T, int kVectors>
ESPY_KERNEL ResidualNormKernel(ResidualNormArgs args) {
  const int row = BlockX() * kNormWarps + ThreadInBlock() / 32;
  const int lane = ThreadInBlock() % 32;
  if (row >= args.rows) return;
  const std::int64_t start = static_cast<std::int64_t>(row) * args.width;
  auto* x = reinterpret_cast<Vector<float>*>(args.x + start);
  const auto* added =
      args.added == nullptr
          ? nullptr
          : reinterpret_cast<const Vector<T>*>(static_cast<const T*>(args.added) + start);
  auto* out = reinterpret_cast<Vector<T>*>(static_cast<T*>(args.out) + start);
  const int vectors = args.width / kLaneValues;

  Vector<float> held[kVectors];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int at = i * 32 + lane;
    if (at >= vectors) continue;
    held[i] = x[at];
    if (added != nullptr) {
      const Vector<T> more = added[at];
#pragma unroll
      for (int j = 0; j < kLaneValues; ++j) held[i].values[j] += ToFloat(more.values[j]);
      if (!args.post) x[at] = held[i];
    }
#pragma unroll
    for (int j = 0; j < kLaneValues; ++j) sum += held[i].values[j];
  }
  const float mean = SumOfWarp(sum) / static_cast<float>(args.width);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    if (i * 32 + lane >= vectors) continue;
#pragma unroll
    for (int j = 0; j < kLaneValues; ++j) {
      const float off = held[i].values[j] - mean;
      squares += off * off;
    }
  }
  const float variance = SumOfWarp(squares) / static_cast<float>(args.width);
  const float scale = ReciprocalRoot(variance + args.eps);
  const auto* weight = reinterpret_cast<const Vector<float>*>(args.weight);
  const auto* bias = reinterpret_cast<const Vector<float>*>(args.bias);
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int at = i * 32 + lane;
    if (at >= vectors) continue;
    const Vector<float> w = weight[at], b = bias[at];
    Vector<T> result;
#pragma unroll
    for (int j = 0; j < kLaneValues; ++j) {
      held[i].values[j] = (held[i].values[j] - mean) * scale * w.values[j] + b.values[j];
      result.values[j] = FromFloat<T>(held[i].values[j]);
    }
    if (args.post) x[at] = held[i];
    out[at] = result;
  }
}

template <class T>
Status StartNorm(const ResidualNormArgs& args, void* stream) {
  const Grid grid{.blocks_x = (args.rows + kNormWarps - 1) / kNormWarps,
                  .threads = kNormWarps * 32};
  constexpr int kOfVector = 32 * kLaneValues;
  if (args.width <= 6 * kOfVector) {
    return Start("norm", &ResidualNormKernel<T, 6>, grid, stream, args);
  }
  if (args.width <= 8 * kOfVector) {
    return Start("norm", &ResidualNormKernel<T, 8>, grid, stream, args);
  }
  return Start("norm", &ResidualNormKernel<T, 16>, grid, stream, args);
}

}  // namespace

Status ResidualNorm(const ResidualNormArgs& args, void* stream) {
  if (args.width < 4 || args.width % 4 != 0 || args.width > 2048) {
    return Status::InvalidArgument(
        "norms on the GPU are of a multiple of 4 up to 2048 numbers, "
        "not " +
        std::to_string(args.width));
  }
  if (args.rows == 0) return Status::Ok();
  switch (args.type) {
    case kernels::ElementType::kFloat32:
      return StartNorm<float>(args, stream);
    case kernels::ElementType::kFloat16:
      return StartNorm<Half>(args, stream);
    case kernels::ElementType::kBfloat16:
      return StartNorm<Bfloat16>(args, stream);
  }
  return Status::InvalidArgument("a norm of an unknown number format");
}

}  // namespace espy::cuda
