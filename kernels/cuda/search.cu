#include <algorithm>
#include <limits>
#include <string>

#include "base/status_macros.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/search.h"
#include "kernels/cuda/search_reference.cuh"
#include "kernels/cuda/search_rows.cuh"
#include "kernels/cuda/search_tiles.cuh"

namespace espy::cuda {
namespace {

constexpr std::int64_t kLeastSliceRows = 256;  // of a block
constexpr int kMostLaunchQueries = 32'768;     // of a launch of passes: a grid is 65,535 high
constexpr int kMostTileQueries = 2048;         // of a launch of tiles
constexpr std::int64_t kListBytes = 64 << 20;  // that the lists of a launch of passes aim at
constexpr std::int64_t kTileListBytes = 256 << 20;

std::int64_t DividedUp(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }
std::int64_t RoundedUp(std::int64_t n, std::int64_t to) { return DividedUp(n, to) * to; }

// At least one, with nothing in it where there is nothing: a grid without blocks is an error.
int Slices(std::int64_t n, std::int64_t slice) {
  return static_cast<int>(
      std::max<std::int64_t>(DividedUp(n, std::max<std::int64_t>(slice, 1)), 1));
}

// Pieces of the workspace, one behind the other, each at a multiple of 256 bytes.
class Carver {
 public:
  explicit Carver(void* from) : from_(static_cast<std::byte*>(from)) {}
  template <class T>
  T* Take(std::int64_t count) {
    std::byte* at = from_ == nullptr ? nullptr : from_ + bytes_;
    bytes_ += static_cast<std::size_t>(RoundedUp(count * std::int64_t{sizeof(T)}, 256));
    return reinterpret_cast<T*>(at);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* from_;
  std::size_t bytes_ = 0;
};

// Queries that a pass over the rows takes, as its shared memory allows; 0: the rows are too wide.
int PassQueries(std::int32_t count, std::int32_t width, std::int32_t k) {
  int most = kMostPassQueries;
  while (most > 1 && most / 2 >= count) most /= 2;
  const std::int64_t shared = MostSharedBytes();
  for (; most > 0; most /= 2) {
    if (most * (std::int64_t{width} * 4 + ListRoom(k) * 8 + 8) <= shared) return most;
  }
  return 0;
}

struct RowsPlan {
  int pass = 0;     // queries that read the rows together
  int slices = 0;   // of the rows, a block each
  int queries = 0;  // of a launch
  std::int64_t slice_rows = 0;

  RowsPlan(const SearchArgs& args, std::int32_t count)
      : pass(PassQueries(count, args.in.width, args.k)) {
    const std::int64_t most =
        std::min<std::int64_t>(2 * Multiprocessors(), DividedUp(args.in.rows, kLeastSliceRows));
    slice_rows = RoundedUp(DividedUp(args.in.rows, std::max<std::int64_t>(most, 1)), 32);
    slices = Slices(args.in.rows, slice_rows);
    const std::int64_t bytes = std::int64_t{slices} * args.k * 8;
    queries = static_cast<int>(std::clamp<std::int64_t>(
        kListBytes / bytes / kMostPassQueries * kMostPassQueries, kMostPassQueries,
        std::min<std::int64_t>(RoundedUp(count, kMostPassQueries), kMostLaunchQueries)));
  }
};

struct RowsWorkspace {
  Scored* lists;
  int* counts;
  RowsWorkspace(const RowsPlan& plan, const SearchArgs& args, Carver* carver)
      : lists(carver->Take<Scored>(std::int64_t{plan.queries} * plan.slices * args.k)),
        counts(carver->Take<int>(std::int64_t{plan.queries} * plan.slices)) {}
};

template <int kQueries>
Status StartRows(const SearchArgs& args, const RowsPlan& plan, const QueryList& list,
                 const RowsWorkspace& space, void* stream) {
  return Start(
      "search", &SearchRowsKernel<kQueries>,
      {.blocks_x = plan.slices,
       .blocks_y = static_cast<int>(DividedUp(list.most, kQueries)),
       .threads = kSearchThreads,
       .shared_bytes = static_cast<int>(SearchRowsShared<kQueries>(args.in.width, args.k))},
      stream, args.in, list, args.queries, plan.slice_rows, plan.slices, args.k, space.lists,
      space.counts);
}

// Answers the `count` queries, or those that which[0 .. *counted) names.
Status SearchByRows(const SearchArgs& args, const RowsPlan& plan, const std::int32_t* which,
                    const std::int32_t* counted, Carver* carver, void* stream) {
  const RowsWorkspace space(plan, args, carver);
  for (int first = 0; first < args.count; first += plan.queries) {
    const QueryList list{which, counted, first, std::min(plan.queries, args.count - first)};
    switch (plan.pass) {
      case 1:
        ESPY_RETURN_IF_ERROR(StartRows<1>(args, plan, list, space, stream));
        break;
      case 2:
        ESPY_RETURN_IF_ERROR(StartRows<2>(args, plan, list, space, stream));
        break;
      case 4:
        ESPY_RETURN_IF_ERROR(StartRows<4>(args, plan, list, space, stream));
        break;
      default:
        ESPY_RETURN_IF_ERROR(StartRows<8>(args, plan, list, space, stream));
    }
    ESPY_RETURN_IF_ERROR(Start("merge of a search", &SearchMergeKernel,
                               {.blocks_x = list.most,
                                .threads = kSearchThreads,
                                .shared_bytes = MergeRoom(args.k) * 8 + 8},
                               stream, args.in.ids, list, space.lists, space.counts, plan.slices,
                               args.k, args.scores, args.rows));
  }
  return Status::Ok();
}

struct TilesPlan {
  int queries = 0;      // of a launch
  int query_tiles = 0;  // of a launch
  int kept = 0;
  int slices = 0;
  std::int64_t slice_tiles = 0;

  explicit TilesPlan(const SearchArgs& args)
      : queries(std::min(args.count, kMostTileQueries)),
        query_tiles(static_cast<int>(DividedUp(queries, kBlockQueries))),
        kept(KeptByProducts(args.k)) {
    const std::int64_t tiles = DividedUp(args.in.rows, kBlockRows);
    const std::int64_t of_slice =
        std::int64_t{query_tiles} * kBlockQueries * TileListRoom(kept) * 8;
    const std::int64_t most = std::min(
        {std::int64_t{2} * Multiprocessors() / query_tiles, kTileListBytes / of_slice, tiles});
    slice_tiles = DividedUp(tiles, std::max<std::int64_t>(most, 1));
    slices = Slices(tiles, slice_tiles);
  }
};

struct TilesWorkspace {
  Half* halves;
  float* bounds;
  Scored* lists;
  int* counts;
  std::int32_t* again;
  std::int32_t* unproven;
  TilesWorkspace(const TilesPlan& plan, const SearchArgs& args, Carver* carver) {
    const std::int64_t padded = std::int64_t{plan.query_tiles} * kBlockQueries;
    halves = carver->Take<Half>(padded * args.in.width);
    bounds = carver->Take<float>(padded);
    lists = carver->Take<Scored>(padded * plan.slices * TileListRoom(plan.kept));
    counts = carver->Take<int>(padded * plan.slices);
    again = carver->Take<std::int32_t>(args.count);
    unproven = carver->Take<std::int32_t>(1);
  }
};

Status SearchByTiles(const SearchArgs& args, Carver* carver, void* stream) {
  const TilesPlan plan(args);
  const TilesWorkspace space(plan, args, carver);
  std::int32_t* unproven = args.unproven != nullptr ? args.unproven : space.unproven;
  for (int first = 0; first < args.count; first += plan.queries) {
    const int count = std::min(plan.queries, args.count - first);
    const int tiles = static_cast<int>(DividedUp(count, kBlockQueries));
    constexpr int kWarps = kSearchThreads / 32;
    ESPY_RETURN_IF_ERROR(
        Start("queries of a search", &PrepareQueries,
              {.blocks_x = static_cast<int>(DividedUp(count, kWarps)), .threads = kSearchThreads},
              stream, args.queries + std::int64_t{first} * args.in.width, count, args.in.width,
              args.in.longest, space.halves, space.bounds, first == 0 ? unproven : nullptr));
    ESPY_RETURN_IF_ERROR(Start("search by tiles", &SearchTilesKernel,
                               {.blocks_x = plan.slices,
                                .blocks_y = tiles,
                                .threads = kSearchThreads,
                                .shared_bytes = SearchTilesShared(plan.kept)},
                               stream, args.in, space.halves, count, plan.slice_tiles, plan.slices,
                               plan.kept, space.lists, space.counts));
    ESPY_RETURN_IF_ERROR(Start("proof of a search", &SearchProveKernel,
                               {.blocks_x = count,
                                .threads = kSearchThreads,
                                .shared_bytes = MergeRoom(plan.kept) * 8 + 8},
                               stream, args.in, args.queries, first, space.lists, space.counts,
                               plan.slices, plan.kept, space.bounds, args.k, args.scores, args.rows,
                               space.again, unproven));
  }
  // As many as were noted; blocks for the others end at once.
  return SearchByRows(args, RowsPlan(args, args.count), space.again, unproven, carver, stream);
}

struct ReferenceWorkspace {
  float* scores;
  ReferenceWorkspace(const SearchArgs& args, Carver* carver)
      : scores(carver->Take<float>(args.in.rows)) {}
};

Status SearchByReference(const SearchArgs& args, Carver* carver, void* stream) {
  const ReferenceWorkspace space(args, carver);
  for (int q = 0; q < args.count; ++q) {
    if (args.in.rows > 0) {
      ESPY_RETURN_IF_ERROR(
          Start("reference search", &SearchReferenceScores,
                {.blocks_x = static_cast<int>(DividedUp(args.in.rows, kSearchThreads)),
                 .threads = kSearchThreads},
                stream, args.in, args.queries + std::int64_t{q} * args.in.width, space.scores));
    }
    ESPY_RETURN_IF_ERROR(Start("reference search", &SearchReferenceBest,
                               {.threads = kSearchThreads, .shared_bytes = kSearchThreads * 8},
                               stream, args.in, space.scores, args.k,
                               args.scores + std::int64_t{q} * args.k,
                               args.rows + std::int64_t{q} * args.k));
  }
  return Status::Ok();
}

SearchKernel Chosen(const SearchArgs& args, SearchKernel kernel) {
  if (kernel != SearchKernel::kFastest) return kernel;
  return args.count <= kMostPassQueries || args.in.longest == nullptr ? SearchKernel::kRows
                                                                      : SearchKernel::kTiles;
}

Status CheckRows(const SearchRows& in) {
  if (in.width < 32 || in.width % 32 != 0 || in.rows < 0 ||
      in.rows > std::numeric_limits<std::int32_t>::max() ||
      reinterpret_cast<std::uintptr_t>(in.halves) % 16 != 0) {
    return Status::InvalidArgument(
        "search on the GPU takes up to 2^31 - 1 rows of a multiple of 32 numbers that begin at a "
        "multiple of 16 bytes, not " +
        std::to_string(in.rows) + " of " + std::to_string(in.width));
  }
  return Status::Ok();
}

Status TooWide(std::int32_t width) {
  return Status::InvalidArgument("search on the GPU: rows of " + std::to_string(width) +
                                 " numbers do not fit a multiprocessor; search on the CPU");
}

}  // namespace

std::size_t SearchWorkspace(const SearchArgs& args, SearchKernel kernel) {
  Carver carver(nullptr);
  if (args.count == 0) return 0;
  switch (Chosen(args, kernel)) {
    case SearchKernel::kReference:
      ReferenceWorkspace(args, &carver);
      break;
    case SearchKernel::kTiles:
      TilesWorkspace(TilesPlan(args), args, &carver);
      [[fallthrough]];
    default:
      RowsWorkspace(RowsPlan(args, args.count), args, &carver);
  }
  return carver.bytes();
}

Status Search(const SearchArgs& args, SearchKernel kernel, void* workspace, void* stream) {
  ESPY_RETURN_IF_ERROR(CheckRows(args.in));
  if (args.k < 1 || args.k > kMostSearchK) {
    return Status::InvalidArgument("search on the GPU gives 1 to " + std::to_string(kMostSearchK) +
                                   " rows, not " + std::to_string(args.k) +
                                   "; search on the CPU, or by a least score");
  }
  if (args.count == 0) return Status::Ok();
  kernel = Chosen(args, kernel);
  Carver carver(workspace);
  if (kernel == SearchKernel::kReference) return SearchByReference(args, &carver, stream);
  const RowsPlan plan(args, args.count);
  if (plan.pass == 0) return TooWide(args.in.width);
  if (kernel == SearchKernel::kRows) {
    return SearchByRows(args, plan, nullptr, nullptr, &carver, stream);
  }
  if (args.in.longest == nullptr) {
    return Status::InvalidArgument("search by tiles needs the length of the longest row");
  }
  return SearchByTiles(args, &carver, stream);
}

Status LongestRow(const SearchRows& in, std::int64_t first, std::int64_t count, float* longest,
                  void* stream) {
  ESPY_RETURN_IF_ERROR(CheckRows(in));
  if (count == 0) return Status::Ok();
  return Start("lengths of rows", &LongestRowKernel,
               {.blocks_x = static_cast<int>(DividedUp(count, kSearchThreads / 32)),
                .threads = kSearchThreads},
               stream, in, first, count, longest);
}

Status RangeSearch(const RangeArgs& args, void* stream) {
  ESPY_RETURN_IF_ERROR(CheckRows(args.in));
  if (args.count == 0) return Status::Ok();
  if (args.count > kMostLaunchQueries) {
    return Status::InvalidArgument("range search on the GPU takes " +
                                   std::to_string(kMostLaunchQueries) + " queries at once, not " +
                                   std::to_string(args.count));
  }
  ESPY_RETURN_IF_ERROR(Start("range search", &RangeBeginKernel,
                             {.blocks_x = static_cast<int>(DividedUp(args.count, kSearchThreads)),
                              .threads = kSearchThreads},
                             stream, args));
  if (args.in.rows == 0) return Status::Ok();
  const std::int64_t most =
      std::min<std::int64_t>(4 * Multiprocessors(), DividedUp(args.in.rows, kLeastSliceRows));
  const std::int64_t slice = RoundedUp(DividedUp(args.in.rows, most), 32);
  const auto start = [&]<int kQueries>(std::integral_constant<int, kQueries>) {
    return Start("range search", &RangeRowsKernel<kQueries>,
                 {.blocks_x = static_cast<int>(DividedUp(args.in.rows, slice)),
                  .blocks_y = static_cast<int>(DividedUp(args.count, kQueries)),
                  .threads = kSearchThreads,
                  .shared_bytes = kQueries * args.in.width * 4},
                 stream, args, slice);
  };
  const std::int64_t row_bytes = std::int64_t{args.in.width} * 4, shared = MostSharedBytes();
  if (args.count > 1 && kMostPassQueries * row_bytes <= shared) {
    return start(std::integral_constant<int, kMostPassQueries>{});
  }
  if (row_bytes <= shared) return start(std::integral_constant<int, 1>{});
  return TooWide(args.in.width);
}

}  // namespace espy::cuda
