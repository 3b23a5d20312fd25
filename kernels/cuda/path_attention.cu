#include <string>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/path_attention.cuh"

namespace espy::cuda {
namespace {

constexpr int kMostPathHeadDim = 256;

template <class T>
Status StartPaths(const PathAttentionArgs& args, void* stream) {
  constexpr int kWarps = 4;
  const Grid grid{.blocks_x = (args.rows + kWarps - 1) / kWarps,
                  .blocks_y = args.heads,
                  .threads = kWarps * 32};
  if (args.head_dim <= 64) {
    return Start("attention along paths", &AttentionAlongPaths<T, 2>, grid, stream, args);
  }
  if (args.head_dim <= 128) {
    return Start("attention along paths", &AttentionAlongPaths<T, 4>, grid, stream, args);
  }
  return Start("attention along paths", &AttentionAlongPaths<T, 8>, grid, stream, args);
}

}  // namespace

Status PathAttention(const PathAttentionArgs& args, void* stream) {
  if (args.rows == 0 || args.heads == 0) return Status::Ok();
  if (args.head_dim < 1 || args.head_dim > kMostPathHeadDim) {
    return Status::InvalidArgument(
        "attention along paths on the GPU takes heads of 1 to 256 numbers, not " +
        std::to_string(args.head_dim));
  }
  switch (args.type) {
    case kernels::ElementType::kFloat32:
      return StartPaths<float>(args, stream);
    case kernels::ElementType::kFloat16:
      return StartPaths<Half>(args, stream);
    case kernels::ElementType::kBfloat16:
      return StartPaths<Bfloat16>(args, stream);
  }
  return Status::InvalidArgument("attention along paths of an unknown number format");
}

}  // namespace espy::cuda
