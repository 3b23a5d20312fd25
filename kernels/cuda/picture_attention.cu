#include <string>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/picture_attention.cuh"

namespace espy::cuda {
namespace {

constexpr int kMostPictureHeadDim = 256;

template <class T, int kColumns>
Status StartPictures(const PictureAttentionArgs& args, void* stream) {
  const Grid grid{
      .blocks_x = args.rows,
      .blocks_y = args.heads,
      .threads = kPictureWarps * 32,
      .shared_bytes = kPictureWarps * static_cast<int>(sizeof(GatheredByWarp<kColumns>))};
  return Start("attention to pictures", &AttentionToPictures<T, kColumns>, grid, stream, args);
}

template <class T>
Status StartPicturesOf(const PictureAttentionArgs& args, void* stream) {
  if (args.head_dim <= 64) return StartPictures<T, 2>(args, stream);
  if (args.head_dim <= 128) return StartPictures<T, 4>(args, stream);
  return StartPictures<T, 8>(args, stream);
}

}  // namespace

Status PictureAttention(const PictureAttentionArgs& args, void* stream) {
  if (args.rows == 0 || args.heads == 0) return Status::Ok();
  if (args.head_dim < 1 || args.head_dim > kMostPictureHeadDim) {
    return Status::InvalidArgument(
        "attention to pictures on the GPU takes heads of 1 to 256 numbers, not " +
        std::to_string(args.head_dim));
  }
  switch (args.type) {
    case kernels::ElementType::kFloat32:
      return StartPicturesOf<float>(args, stream);
    case kernels::ElementType::kFloat16:
      return StartPicturesOf<Half>(args, stream);
    case kernels::ElementType::kBfloat16:
      return StartPicturesOf<Bfloat16>(args, stream);
  }
  return Status::InvalidArgument("attention to pictures of an unknown number format");
}

}  // namespace espy::cuda
