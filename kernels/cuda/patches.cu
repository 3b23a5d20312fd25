#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/patches.h"

namespace espy::cuda {
namespace {

constexpr int kPatchWarps = 4;  // of a block, a patch each
constexpr int kPatchChannels = 3;

// The last picture that begins at `row` or before.
ESPY_DEVICE int PictureOf(const PatchesArgs& args, int row) {
  int low = 0, high = args.count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (args.pictures[middle].first_row <= row) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

template <class T, bool kBytes>
ESPY_KERNEL ExtractPatchesKernel(PatchesArgs args) {
  const int row = BlockX() * kPatchWarps + ThreadInBlock() / 32;
  if (row >= args.rows) return;
  const PicturePlace picture = args.pictures[PictureOf(args, row)];
  const int patch = args.patch, of_patch = patch * patch;
  const int columns = picture.width / patch;
  const int index = row - picture.first_row;
  const int top = index / columns * patch, left = index % columns * patch;
  const std::int64_t plane = static_cast<std::int64_t>(picture.width) * picture.height;
  T* out = static_cast<T*>(args.out) + row * args.out_stride;
  for (int i = ThreadInBlock() % 32; i < args.out_stride; i += 32) {
    float value = 0;
    if (i < kPatchChannels * of_patch) {
      int channel, pixel;
      if (args.channels_last) {
        channel = i % kPatchChannels;
        pixel = i / kPatchChannels;
      } else {
        channel = i / of_patch;
        pixel = i % of_patch;
      }
      const std::int64_t at =
          static_cast<std::int64_t>(top + pixel / patch) * picture.width + left + pixel % patch;
      if (kBytes) {
        const auto* bytes = static_cast<const std::uint8_t*>(args.pixels) + picture.first;
        value = args.normal[channel * 256 + bytes[at * kPatchChannels + channel]];
      } else {
        value = (static_cast<const float*>(args.pixels) + picture.first)[channel * plane + at];
      }
    }
    out[i] = FromFloat<T>(value);
  }
}

template <class T>
Status StartPatches(const PatchesArgs& args, void* stream) {
  const Grid grid{.blocks_x = (args.rows + kPatchWarps - 1) / kPatchWarps,
                  .threads = kPatchWarps * 32};
  if (args.normal != nullptr) {
    return Start("patches", &ExtractPatchesKernel<T, true>, grid, stream, args);
  }
  return Start("patches", &ExtractPatchesKernel<T, false>, grid, stream, args);
}

}  // namespace

Status ExtractPatches(const PatchesArgs& args, void* stream) {
  if (args.rows == 0) return Status::Ok();
  if (args.patch < 1 || args.out_stride < std::int64_t{kPatchChannels} * args.patch * args.patch) {
    return Status::InvalidArgument("a patch's row on the GPU is shorter than the patch");
  }
  switch (args.type) {
    case kernels::ElementType::kFloat16:
      return StartPatches<Half>(args, stream);
    case kernels::ElementType::kBfloat16:
      return StartPatches<Bfloat16>(args, stream);
    case kernels::ElementType::kFloat32:
      break;
  }
  return Status::InvalidArgument("patches on the GPU are of FP16 or BF16 numbers");
}

}  // namespace espy::cuda
