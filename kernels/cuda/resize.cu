#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resize.h"

namespace espy::cuda {
namespace {

constexpr int kResizeThreads = 128;
constexpr int kFractionBits = 22;
constexpr std::int32_t kHalfLevel = 1 << (kFractionBits - 1);

ESPY_DEVICE std::uint8_t ToByte(std::int32_t sum) {
  const std::int32_t value = sum >> kFractionBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A thread has a pixel; grid (pixels of a row, rows).
ESPY_KERNEL HorizontalKernel(ResizeArgs args, std::int64_t in_row_bytes) {
  const int x = BlockX() * kResizeThreads + ThreadInBlock();
  if (x >= args.outputs) return;
  const ResizeSpan span = args.spans[x];
  const std::int32_t* k = args.coefficients + static_cast<std::int64_t>(x) * args.stride;
  const std::uint8_t* p = args.in + BlockY() * in_row_bytes + span.first * 3;
  std::int32_t red = kHalfLevel, green = kHalfLevel, blue = kHalfLevel;
  for (int t = 0; t < span.count; ++t) {
    red += p[t * 3] * k[t];
    green += p[t * 3 + 1] * k[t];
    blue += p[t * 3 + 2] * k[t];
  }
  std::uint8_t* out = args.out + BlockY() * args.out_stride + static_cast<std::int64_t>(x) * 3;
  out[0] = ToByte(red);
  out[1] = ToByte(green);
  out[2] = ToByte(blue);
}

// A thread has a byte; grid (bytes of a row, output rows).
ESPY_KERNEL VerticalKernel(ResizeArgs args, std::int32_t row_bytes) {
  const int x = BlockX() * kResizeThreads + ThreadInBlock();
  if (x >= row_bytes) return;
  const ResizeSpan span = args.spans[BlockY()];
  const std::int32_t* k = args.coefficients + static_cast<std::int64_t>(BlockY()) * args.stride;
  const std::uint8_t* p = args.in + static_cast<std::int64_t>(span.first) * row_bytes + x;
  std::int32_t sum = kHalfLevel;
  for (int t = 0; t < span.count; ++t) sum += p[static_cast<std::int64_t>(t) * row_bytes] * k[t];
  args.out[BlockY() * args.out_stride + x] = ToByte(sum);
}

constexpr std::int32_t kMostBlocksY = 65535;  // that a launch takes

Status TooTall() {
  return Status::InvalidArgument("a picture of more than 65535 rows is not resized on the GPU");
}

}  // namespace

Status ResizeHorizontally(const ResizeArgs& args, std::int32_t rows, std::int32_t in_width,
                          void* stream) {
  if (rows > kMostBlocksY) return TooTall();
  const Grid grid{.blocks_x = (args.outputs + kResizeThreads - 1) / kResizeThreads,
                  .blocks_y = rows,
                  .threads = kResizeThreads};
  return Start("horizontal resize", &HorizontalKernel, grid, stream, args,
               std::int64_t{in_width} * 3);
}

Status ResizeVertically(const ResizeArgs& args, std::int32_t row_bytes, void* stream) {
  if (args.outputs > kMostBlocksY) return TooTall();
  const Grid grid{.blocks_x = (row_bytes + kResizeThreads - 1) / kResizeThreads,
                  .blocks_y = args.outputs,
                  .threads = kResizeThreads};
  return Start("vertical resize", &VerticalKernel, grid, stream, args, row_bytes);
}

}  // namespace espy::cuda
