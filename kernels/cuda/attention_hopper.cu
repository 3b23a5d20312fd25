#include <algorithm>

#include "base/status_macros.h"
#include "kernels/cuda/attention_hopper.cuh"
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/tensor_map.cuh"

namespace espy::cuda {
namespace {

int DividedUp(int n, int by) { return (n + by - 1) / by; }

template <class T, int kDim, int kWidth>
Status Start(const AttentionArgs& args, void* stream) {
  using Layout = HopperLayout<kDim, kWidth>;
  HopperMaps maps{};
  for (int panel = 0; panel < Layout::kPanels; ++panel) {
    BoxedTensor tensor{.type = args.type,
                       .data = args.k.data,
                       .columns = kDim,
                       .heads = args.heads,
                       .rows = args.key_rows,
                       .row_stride = args.k.row_stride,
                       .box_columns = panel == 0 ? 64 : Layout::kRest,
                       .box_rows = kWidth};
    ESPY_ASSIGN_OR_RETURN(maps.keys[panel], MakeTensorMap(tensor));
    tensor.data = args.v.data;
    tensor.row_stride = args.v.row_stride;
    ESPY_ASSIGN_OR_RETURN(maps.values[panel], MakeTensorMap(tensor));
  }
  const int fit = (MostSharedBytes() - HopperBytes<kDim, kWidth>(0)) / Layout::kStageBytes;
  const int tiles = DividedUp(args.most_keys, kWidth);
  const int stages = std::min({tiles, fit, kMostStages});
  const int query_tiles = DividedUp(args.most_queries, kGroupQueries);
  const int groups = std::min(query_tiles, kMostGroups);
  const int turns = DividedUp(query_tiles, groups);
  // Of a ring a warpgroup takes one tile. Few heads: their tiles on several multiprocessors, each
  // with K and V of its own.
  const int heads = std::max(1, args.sequences * args.heads);
  const int splits = tiles > stages ? turns : std::clamp(Multiprocessors() / heads, 1, turns);
  return cuda::Start("attention by warpgroups", &AttentionHopper<T, kDim, kWidth>,
                     {.blocks_x = args.sequences * splits,
                      .blocks_y = args.heads,
                      .threads = (groups + 1) * kGroupThreads,
                      .shared_bytes = HopperBytes<kDim, kWidth>(stages)},
                     stream, args, maps, splits, stages);
}

// The width whose tiles leave the least empty; each tile costs about as much as 8 keys besides.
template <class T, int kDim>
Status Start(const AttentionArgs& args, void* stream) {
  constexpr int kPerTile = 8;
  const auto cost = [&](int width) {
    return DividedUp(args.most_keys, width) * (width + kPerTile);
  };
  int best = 64;
  for (const int width : {88, 128}) {
    if (cost(width) < cost(best)) best = width;
  }
  // Scores over 200 keys and the output of wider heads together are too many registers.
  if constexpr (kDim <= 64) {
    if (cost(200) < cost(best)) return Start<T, kDim, 200>(args, stream);
  }
  switch (best) {
    case 64:
      return Start<T, kDim, 64>(args, stream);
    case 88:
      return Start<T, kDim, 88>(args, stream);
    default:
      return Start<T, kDim, 128>(args, stream);
  }
}

template <class T>
Status Start(const AttentionArgs& args, void* stream) {
  switch (args.head_dim) {
    case 64:
      return Start<T, 64>(args, stream);
    case 72:
      return Start<T, 72>(args, stream);
    case 80:
      return Start<T, 80>(args, stream);
    case 88:
      return Start<T, 88>(args, stream);
    case 96:
      return Start<T, 96>(args, stream);
    default:
      return Start<T, 128>(args, stream);
  }
}

}  // namespace

bool HopperIsThere() { return TensorMapsAreThere(); }

Status StartHopper(const AttentionArgs& args, void* stream) {
  return args.type == kernels::ElementType::kFloat16 ? Start<Half>(args, stream)
                                                     : Start<Bfloat16>(args, stream);
}

}  // namespace espy::cuda
