#include <string>

#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/rows.h"

namespace espy::cuda {
namespace {

constexpr int kRowWarps = 4;  // of a block, a row each

ESPY_DEVICE int RowOfWarp() { return BlockX() * kRowWarps + ThreadInBlock() / 32; }

Grid RowsGrid(std::int32_t rows) {
  return {.blocks_x = (rows + kRowWarps - 1) / kRowWarps, .threads = kRowWarps * 32};
}

ESPY_KERNEL AssembleKernel(AssembleArgs args) {
  const int row = RowOfWarp();
  if (row >= args.pictures * args.tokens) return;
  const int picture = row / args.tokens, token = row % args.tokens;
  const int before = args.class_token != nullptr ? 1 : 0;
  const std::int64_t width = args.width;
  const float* from =
      before == 1 && token == 0
          ? args.class_token
          : args.embedded +
                (static_cast<std::int64_t>(picture) * (args.tokens - before) + token - before) *
                    width;
  for (int i = ThreadInBlock() % 32; i < args.width; i += 32) {
    args.x[row * width + i] = from[i] + args.positions[token * width + i];
  }
}

template <class T>
ESPY_KERNEL EmbedKernel(EmbedArgs args) {
  const int row = RowOfWarp();
  if (row >= args.rows) return;
  const std::int64_t width = args.width;
  const T* token = static_cast<const T*>(args.table) + args.ids[row] * width;
  const float* position = args.positions + args.places[row] * width;
  for (int i = ThreadInBlock() % 32; i < args.width; i += 32) {
    args.x[row * width + i] = ToFloat(token[i]) + position[i];
  }
}

template <class T>
ESPY_KERNEL GatherKernel(GatherArgs args) {
  const int row = RowOfWarp();
  if (row >= args.count) return;
  const std::int64_t width = args.width;
  const T* from = static_cast<const T*>(args.from) + args.rows[row] * width;
  T* out = static_cast<T*>(args.out) + row * width;
  for (int i = ThreadInBlock() % 32; i < args.width; i += 32) out[i] = from[i];
}

template <class T>
ESPY_KERNEL ScatterKernel(ScatterArgs args) {
  const int row = RowOfWarp();
  if (row >= args.count) return;
  const std::int64_t width = args.width;
  const T* from = static_cast<const T*>(args.from) + row * args.from_stride;
  T* out = static_cast<T*>(args.out) + args.rows[row] * width;
  for (int i = ThreadInBlock() % 32; i < args.width; i += 32) out[i] = from[i];
}

template <class T>
ESPY_KERNEL ActivateKernel(ActivateArgs args) {
  const int row = RowOfWarp();
  if (row >= args.rows) return;
  T* values = static_cast<T*>(args.values) + row * args.stride;
  for (int i = ThreadInBlock() % 32; i < args.width; i += 32) {
    const float bias = args.bias != nullptr ? args.bias[i] : 0;
    values[i] = FromFloat<T>(Activated(args.activation, ToFloat(values[i]) + bias));
  }
}

ESPY_KERNEL L2NormalizeKernel(float* x, std::int32_t rows, std::int32_t width) {
  const int row = RowOfWarp();
  if (row >= rows) return;
  float* values = x + static_cast<std::int64_t>(row) * width;
  float squares = 0;
  for (int i = ThreadInBlock() % 32; i < width; i += 32) squares += values[i] * values[i];
  for (int mask = 16; mask > 0; mask /= 2) squares += ShuffleXor(squares, mask);
  if (squares == 0) return;
  const float length = SquareRoot(squares);
  for (int i = ThreadInBlock() % 32; i < width; i += 32) values[i] /= length;
}

// start(T{}) with the T of `type`.
template <class StartAs>
Status StartOfType(kernels::ElementType type, const StartAs& start) {
  switch (type) {
    case kernels::ElementType::kFloat32:
      return start(float{});
    case kernels::ElementType::kFloat16:
      return start(Half{});
    case kernels::ElementType::kBfloat16:
      return start(Bfloat16{});
  }
  return Status::InvalidArgument("rows of an unknown number format");
}

}  // namespace

Status AssembleTokens(const AssembleArgs& args, void* stream) {
  if (args.pictures == 0) return Status::Ok();
  return Start("tokens", &AssembleKernel, RowsGrid(args.pictures * args.tokens), stream, args);
}

Status EmbedTokens(const EmbedArgs& args, void* stream) {
  if (args.rows == 0) return Status::Ok();
  return StartOfType(args.type, [&]<class T>(T) {
    return Start("token embeddings", &EmbedKernel<T>, RowsGrid(args.rows), stream, args);
  });
}

Status GatherRows(const GatherArgs& args, void* stream) {
  if (args.count == 0) return Status::Ok();
  return StartOfType(args.type, [&]<class T>(T) {
    return Start("rows", &GatherKernel<T>, RowsGrid(args.count), stream, args);
  });
}

Status ScatterRows(const ScatterArgs& args, void* stream) {
  if (args.count == 0) return Status::Ok();
  return StartOfType(args.type, [&]<class T>(T) {
    return Start("rows", &ScatterKernel<T>, RowsGrid(args.count), stream, args);
  });
}

Status Activate(const ActivateArgs& args, void* stream) {
  if (args.rows == 0) return Status::Ok();
  return StartOfType(args.type, [&]<class T>(T) {
    return Start("activation", &ActivateKernel<T>, RowsGrid(args.rows), stream, args);
  });
}

Status L2Normalize(float* x, std::int32_t rows, std::int32_t width, void* stream) {
  if (rows == 0) return Status::Ok();
  return Start("unit vectors", &L2NormalizeKernel, RowsGrid(rows), stream, x, rows, width);
}

}  // namespace espy::cuda
