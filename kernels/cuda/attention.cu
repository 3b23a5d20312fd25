#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_fused.cuh"
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/attention_reference.cuh"
#include "kernels/cuda/launch.cuh"

namespace espy::cuda {
namespace {

constexpr int kMostHeadDim = 256;

int DividedUp(int n, int by) { return (n + by - 1) / by; }

template <class T>
Status StartReference(const AttentionArgs& args, void* stream) {
  constexpr int kThreads = 128;
  const int blocks = DividedUp(args.most_queries, kThreads);
  return Start("reference attention", &AttentionReference<T>,
               {.blocks_x = args.sequences * blocks, .blocks_y = args.heads, .threads = kThreads},
               stream, args, blocks);
}

template <class T>
Status StartPlain(const AttentionArgs& args, void* stream) {
  constexpr int kWarps = 4;
  const int blocks = DividedUp(args.most_queries, kWarps);
  const Grid grid{
      .blocks_x = args.sequences * blocks, .blocks_y = args.heads, .threads = kWarps * 32};
  if (args.head_dim <= 64) {
    return Start("plain attention", &AttentionPlain<T, 2>, grid, stream, args, blocks);
  }
  if (args.head_dim <= 128) {
    return Start("plain attention", &AttentionPlain<T, 4>, grid, stream, args, blocks);
  }
  return Start("plain attention", &AttentionPlain<T, 8>, grid, stream, args, blocks);
}

// Warps of a block that hold `tiles` query tiles with the fewest idle turns: of 13 tiles (197
// tokens) seven warps leave one turn of 14 empty, eight would leave three of 16.
int WarpsFor(int tiles) {
  constexpr int kMost = 8;
  if (tiles <= kMost) return std::max(tiles, 1);
  int best = kMost, least = DividedUp(tiles, kMost) * kMost;
  for (int warps = kMost - 1; warps >= 5; --warps) {
    const int turns = DividedUp(tiles, warps) * warps;
    if (turns < least) {
      best = warps;
      least = turns;
    }
  }
  return best;
}

template <class T, int kDim>
Status StartFused(const AttentionArgs& args, void* stream) {
  const int tiles = DividedUp(args.most_queries, kTileQueries);
  const int resident = ResidentBytes<kDim>(args.most_keys);
  if (resident <= MostSharedBytes()) {
    const int warps = WarpsFor(tiles);
    // Few heads: their query tiles on several multiprocessors, each with K and V of its own.
    const int heads = std::max(1, args.sequences * args.heads);
    const int splits =
        std::clamp(Multiprocessors() / heads, 1, std::max(1, DividedUp(tiles, warps)));
    return Start("fused attention", &AttentionResident<T, kDim>,
                 {.blocks_x = args.sequences * splits,
                  .blocks_y = args.heads,
                  .threads = warps * 32,
                  .shared_bytes = resident},
                 stream, args, splits);
  }
  const int warps = std::min(tiles, 8);
  const int splits = DividedUp(tiles, warps);
  return Start("fused attention", &AttentionRing<T, kDim>,
               {.blocks_x = args.sequences * splits,
                .blocks_y = args.heads,
                .threads = warps * 32,
                .shared_bytes = RingBytes<kDim>()},
               stream, args, splits);
}

template <class T>
Status StartFused(const AttentionArgs& args, void* stream) {
  switch (args.head_dim) {
    case 64:
      return StartFused<T, 64>(args, stream);
    case 72:
      return StartFused<T, 72>(args, stream);
    case 80:
      return StartFused<T, 80>(args, stream);
    case 88:
      return StartFused<T, 88>(args, stream);
    case 96:
      return StartFused<T, 96>(args, stream);
    default:
      return StartFused<T, 128>(args, stream);
  }
}

bool HopperIsAsked() {
  static const bool asked = [] {
    const char* value = std::getenv("ESPY_ATTENTION");
    return value != nullptr && std::string_view(value) == "hopper";
  }();
  return asked;
}

bool OnSixteenBytes(const void* data, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % 8 == 0;
}

}  // namespace

bool FusedTakes(const AttentionArgs& args) {
  if (args.type == kernels::ElementType::kFloat32) return false;
  switch (args.head_dim) {
    case 64:
    case 72:
    case 80:
    case 88:
    case 96:
    case 128:
      return OnSixteenBytes(args.q.data, args.q.row_stride) &&
             OnSixteenBytes(args.k.data, args.k.row_stride) &&
             OnSixteenBytes(args.v.data, args.v.row_stride) &&
             OnSixteenBytes(args.out, args.out_stride);
    default:
      return false;
  }
}

bool HopperTakes(const AttentionArgs& args) {
  return FusedTakes(args) && args.key_rows > 0 && HopperIsThere();
}

Status Attention(const AttentionArgs& args, AttentionKernel kernel, void* stream) {
  if (args.sequences == 0 || args.heads == 0 || args.most_queries == 0) return Status::Ok();
  if (args.head_dim < 1 || args.head_dim > kMostHeadDim) {
    return Status::InvalidArgument("attention on the GPU takes heads of 1 to 256 numbers, not " +
                                   std::to_string(args.head_dim));
  }
  if (kernel == AttentionKernel::kFused && !FusedTakes(args)) {
    return Status::InvalidArgument(
        "fused attention takes FP16 and BF16 heads of 64, 72, 80, 88, 96 or 128 numbers in rows "
        "that begin at multiples of 16 bytes");
  }
  if (kernel == AttentionKernel::kHopper && !HopperTakes(args)) {
    return Status::InvalidArgument(
        "attention by warpgroups takes what fused attention takes, with the number of all keys, on "
        "a "
        "GPU of sm_90");
  }
  if (kernel == AttentionKernel::kFastest) {
    kernel = !FusedTakes(args)                      ? AttentionKernel::kPlain
             : HopperIsAsked() && HopperTakes(args) ? AttentionKernel::kHopper
                                                    : AttentionKernel::kFused;
  }
  if (kernel == AttentionKernel::kHopper) return StartHopper(args, stream);
  const auto start = [&]<class T>(T) {
    return kernel == AttentionKernel::kReference ? StartReference<T>(args, stream)
                                                 : StartPlain<T>(args, stream);
  };
  switch (args.type) {
    case kernels::ElementType::kFloat32:
      return start(float{});
    case kernels::ElementType::kFloat16:
      return kernel == AttentionKernel::kFused ? StartFused<Half>(args, stream) : start(Half{});
    case kernels::ElementType::kBfloat16:
      return kernel == AttentionKernel::kFused ? StartFused<Bfloat16>(args, stream)
                                               : start(Bfloat16{});
  }
  return Status::InvalidArgument("attention of an unknown number format");
}

}  // namespace espy::cuda
