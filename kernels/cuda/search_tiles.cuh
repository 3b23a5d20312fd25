// Search for many queries: products in tiles of 128 queries and 128 rows on tensor cores (mma.sync,
// FP16 with FP32 sums), fused with the choice of the best, and proven.
//
// Queries are rounded to FP16 for the products, so that a product differs from the row's score by
// at most a bound that PrepareQueries knows. Some more than k rows are kept by their products and
// scored again in FP32. The k-th best of these scores, if it is above the worst kept product by
// more than the bound, is above the score of every row that was not kept: the answer is the exact
// one. Else (rows that are nearly the same as many others, infinities) the query is searched again
// by SearchRowsKernel.
//
// A block has a tile of queries and a slice of the rows. Both operands pass through a ring of
// stages in shared memory, 32 columns at a time, a barrier a stage. Rows of a stage are 80 bytes
// apart, five pieces of 16, so that the eight rows of an ldmatrix lie in different banks.
#ifndef ESPY_KERNELS_CUDA_SEARCH_TILES_CUH_
#define ESPY_KERNELS_CUDA_SEARCH_TILES_CUH_

#include "kernels/cuda/search_rows.cuh"

namespace espy::cuda {

inline constexpr int kBlockQueries = 128;
inline constexpr int kBlockRows = 128;
inline constexpr int kWarpQueries = 64;  // of a warp's part of the tile: eight warps, two by four
inline constexpr int kWarpRows = 32;
inline constexpr int kStageHalves = 32;
inline constexpr int kStagePitch = kStageHalves * 2 + 16;
inline constexpr int kStages = 4;
inline constexpr int kStageBytes = (kBlockQueries + kBlockRows) * kStagePitch;

// Rows kept by their products. Near the k-th best of a million vectors of 512 random numbers lie
// some 40,000 rows a unit of score for k = 100, so that about 10 are within the bound of it.
ESPY_HOST_DEVICE constexpr int KeptByProducts(int k) { return k + 16 + k / 16; }

// Up to here the lists are cut by a warp each, eight at a time, in an area of shared memory that
// leaves room for two blocks on a multiprocessor of an H100.
inline constexpr int kWarpListRoom = 448;
ESPY_HOST_DEVICE constexpr bool CutByWarps(int kept) { return kept <= 160; }
ESPY_HOST_DEVICE constexpr int TileListRoom(int kept) {
  return CutByWarps(kept) ? kWarpListRoom : 2 * kept + kBlockRows;
}
ESPY_HOST_DEVICE constexpr int SearchTilesShared(int kept) {
  return kStages * kStageBytes + TileListRoom(kept) * 8 * (CutByWarps(kept) ? 8 : 1) +
         kBlockQueries * 8 + kStages * 8 + 16;
}

// A warp a query: halves [count, width] in FP16, and bounds[q] >= |product - score| for every row.
// With d the width, R the longest row and u = 2^-24:
//   rounding the query           |q - half(q)| R
//   sums of a tensor core        17/16 d 2 u |q| R: each adds 16 products to a sum, and may cut all
//                                17 to the bits of the largest (Fasi et al. 2021, "Numerical
//                                behavior of NVIDIA tensor cores")
//   the score's own roundings    (d/32 + 5) u |q| R, and the bound's own: 3 u |q| R
// Infinite, which proves nothing, for queries so short that their squares would be lost.
ESPY_KERNEL PrepareQueries(const float* queries, std::int32_t count, std::int32_t width,
                           const float* longest, Half* halves, float* bounds,
                           std::int32_t* unproven) {
  const int query = BlockX() * (ThreadsOfBlock() / 32) + ThreadInBlock() / 32;
  const int lane = ThreadInBlock() % 32;
  if (unproven != nullptr && query == 0 && lane == 0) *unproven = 0;
  if (query >= count) return;
  const std::int64_t first = static_cast<std::int64_t>(query) * width;
  float squares = 0, off = 0;
  for (int i = lane; i < width; i += 32) {
    const float x = queries[first + i];
    const Half half = FromFloat<Half>(x);
    halves[first + i] = half;
    const float by = x - ToFloat(half);
    squares += x * x;
    off += by * by;
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    squares += ShuffleXor(squares, mask);
    off += ShuffleXor(off, mask);
  }
  if (lane != 0) return;
  const float d = static_cast<float>(width);
  const float sums = (d * 2.125f + d / 32 + 8) * 0x1p-24f;
  const float bound = (RootFromAbove(off) + sums * RootFromAbove(squares)) * *longest;
  bounds[query] = squares >= 0x1p-60f ? bound * (1 + 0x1p-9f) : Infinity();
}

// Where a block is: a tile of rows, and the columns of a stage.
struct StageCursor {
  std::int64_t tile;
  int stage;
};

// Grid: (slices, tiles of queries). lists: [tiles of queries, slices, 128, TileListRoom]; counts:
// [queries padded to tiles, slices].
ESPY_KERNEL ESPY_BLOCKS(kSearchThreads, 2)
    SearchTilesKernel(SearchRows in, const Half* queries, std::int32_t query_count,
                      std::int64_t slice_tiles, std::int32_t slices, std::int32_t kept_rows,
                      Scored* lists, int* counts) {
  const int room = TileListRoom(kept_rows);
  std::byte* ring = SharedMemory();
  auto* sorting = reinterpret_cast<Scored*>(ring + kStages * kStageBytes);
  auto* barriers = reinterpret_cast<Barrier*>(sorting + room * (CutByWarps(kept_rows) ? 8 : 1));
  auto* count = reinterpret_cast<int*>(barriers + kStages);
  auto* threshold = reinterpret_cast<float*>(count + kBlockQueries);
  auto* full = reinterpret_cast<int*>(threshold + kBlockQueries);
  const int thread = ThreadInBlock(), lane = thread % 32, warp = thread / 32;
  const int first_query = BlockY() * kBlockQueries;
  Scored* mine =
      lists + (static_cast<std::int64_t>(BlockY()) * slices + BlockX()) * kBlockQueries * room;
  const BetterRow better{in.ids};
  const auto kept = [&](int q) {
    return Kept{mine + static_cast<std::int64_t>(q) * room, count + q, threshold + q};
  };
  if (thread < kStages) InitBarrier(barriers + thread, ThreadsOfBlock());
  if (thread < kBlockQueries) kept(thread).Begin();
  if (thread == 0) *full = 0;
  SyncBlock();

  const std::int64_t tiles = (in.rows + kBlockRows - 1) / kBlockRows;
  const std::int64_t begin = BlockX() * slice_tiles;
  const std::int64_t end = begin + slice_tiles < tiles ? begin + slice_tiles : tiles;
  const int stages = in.width / kStageHalves;
  // The next tile that has an allowed row.
  const auto from_tile = [&](std::int64_t tile) {
    if (in.allowed == nullptr) return tile;
    for (; tile < end; ++tile) {
      for (std::int64_t row = tile * kBlockRows; row < in.rows && row < (tile + 1) * kBlockRows;
           row += 32) {
        if (in.allowed[row / 32] != 0) return tile;
      }
    }
    return tile;
  };
  const auto advance = [&](StageCursor* cursor) {
    if (++cursor->stage < stages) return;
    *cursor = {from_tile(cursor->tile + 1), 0};
  };
  const auto bring = [&](const StageCursor& cursor, int place) {
    std::byte* to = ring + place * kStageBytes;
    constexpr int kPieces = kStageHalves / 8;
    for (int i = thread; i < (kBlockQueries + kBlockRows) * kPieces; i += ThreadsOfBlock()) {
      const int line = i / kPieces, piece = i % kPieces;
      const int column = cursor.stage * kStageHalves + piece * 8;
      const Half* from = nullptr;
      bool present = false;
      if (line < kBlockQueries) {
        const std::int64_t query = first_query + line;
        present = query < query_count;
        from = queries + (present ? query : 0) * in.width + column;
      } else {
        const std::int64_t row = cursor.tile * kBlockRows + line - kBlockQueries;
        present = row < in.rows && IsAllowed(in, row);
        from = RowAt(in, present ? row : 0) + column;
      }
      CopyAsync16(to + line * kStagePitch + piece * 16, from, present);
    }
    ArriveAfterCopies(barriers + place);
  };

  constexpr int kMs = kWarpQueries / 16, kNs = kWarpRows / 8;
  const int warp_query = warp / 4 * kWarpQueries, warp_row = warp % 4 * kWarpRows;
  float sums[kMs][kNs][4] = {};
  const auto multiply = [&](int place) {
    const std::byte* a =
        ring + place * kStageBytes + (warp_query + lane % 16) * kStagePitch + lane / 16 * 16;
    const std::byte* b = ring + place * kStageBytes +
                         (kBlockQueries + warp_row + lane % 8 + lane / 16 * 8) * kStagePitch +
                         lane / 8 % 2 * 16;
#pragma unroll
    for (int step = 0; step < kStageHalves / 16; ++step) {
      std::uint32_t left[kMs][4], right[kNs / 2][4];
#pragma unroll
      for (int m = 0; m < kMs; ++m) LoadMatrix4(a + m * 16 * kStagePitch + step * 32, left[m]);
#pragma unroll
      for (int n = 0; n < kNs / 2; ++n) LoadMatrix4(b + n * 16 * kStagePitch + step * 32, right[n]);
#pragma unroll
      for (int m = 0; m < kMs; ++m) {
#pragma unroll
        for (int n = 0; n < kNs; ++n) {
          MultiplyAdd<Half>(sums[m][n], left[m], right[n / 2][n % 2 * 2],
                            right[n / 2][n % 2 * 2 + 1]);
        }
      }
    }
  };
  const auto collect = [&](std::int64_t tile) {
#pragma unroll
    for (int m = 0; m < kMs; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int query = warp_query + m * 16 + half * 8 + lane / 4;
        const float least = threshold[query];
#pragma unroll
        for (int n = 0; n < kNs; ++n) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const float product = sums[m][n][half * 2 + i];
            sums[m][n][half * 2 + i] = 0;
            if (product <= least) continue;
            const std::int64_t row = tile * kBlockRows + warp_row + n * 8 + lane % 4 * 2 + i;
            if (first_query + query >= query_count || row >= in.rows || !IsAllowed(in, row))
              continue;
            const int now =
                kept(query).template Add<false>(product, static_cast<std::int32_t>(row));
            // No room for another tile of rows.
            if (now > room - kBlockRows) *full = 1;
          }
        }
      }
    }
  };
  const auto cut = [&] {
    if (CutByWarps(kept_rows)) {
      for (int q = warp; q < kBlockQueries; q += ThreadsOfBlock() / 32) {
        if (count[q] <= room - kBlockRows) continue;
        kept(q).template Cut<WarpTeam>(kept_rows, better, sorting + warp * room);
      }
    } else {
      for (int q = 0; q < kBlockQueries; ++q) {
        if (count[q] <= room - kBlockRows) continue;
        kept(q).template Cut<BlockTeam>(kept_rows, better, sorting);
      }
    }
    SyncBlock();
    if (thread == 0) *full = 0;
    SyncBlock();
  };

  StageCursor next{from_tile(begin), 0};
  StageCursor at = next;
  int brought = 0;
  for (; brought < kStages - 1 && next.tile < end; ++brought) {
    bring(next, brought);
    advance(&next);
  }
  for (int i = 0; at.tile < end; ++i) {
    WaitBarrier(barriers + i % kStages, i / kStages % 2);
    // All have done with the stage before, whose place the next one takes.
    SyncBlock();
    if (next.tile < end) {
      bring(next, brought++ % kStages);
      advance(&next);
    }
    multiply(i % kStages);
    if (at.stage == stages - 1) {
      collect(at.tile);
      SyncBlock();
      if (*full != 0) cut();
    }
    advance(&at);
  }
  SyncBlock();
  for (int q = thread; q < kBlockQueries; q += ThreadsOfBlock()) {
    counts[static_cast<std::int64_t>(first_query + q) * slices + BlockX()] = count[q];
  }
}

// A block a query: merges its lists, scores the best products' rows in FP32, sorts those, and
// notes the query in `again` when that proves nothing. first: of the launch's queries.
ESPY_KERNEL SearchProveKernel(SearchRows in, const float* queries, int first, const Scored* lists,
                              const int* counts, std::int32_t slices, std::int32_t kept_rows,
                              const float* bounds, std::int32_t k, float* scores,
                              std::int32_t* rows, std::int32_t* again, std::int32_t* unproven) {
  const int room = TileListRoom(kept_rows);
  auto* entries = reinterpret_cast<Scored*>(SharedMemory());
  auto* count = reinterpret_cast<int*>(entries + MergeRoom(kept_rows));
  const Kept kept{entries, count, reinterpret_cast<float*>(count + 1)};
  const BetterRow better{in.ids};
  const int local = BlockX(), query = first + local;
  const std::int64_t list =
      static_cast<std::int64_t>(local / kBlockQueries) * slices * kBlockQueries +
      local % kBlockQueries;
  MergeLists({lists + list * room, counts + static_cast<std::int64_t>(local) * slices,
              static_cast<std::int64_t>(kBlockQueries) * room, slices, room},
             kept_rows, better, kept);
  const int n = *count;
  const float worst = n > 0 ? entries[n - 1].score : 0;
  SyncBlock();

  const int lane = ThreadInBlock() % 32, warp_entries = 32 / kRowThreads;
  for (int i = ThreadInBlock() / 32 * warp_entries; i < n;
       i += ThreadsOfBlock() / 32 * warp_entries) {
    const int mine = i + lane / kRowThreads;
    const Half* row[1] = {mine < n ? RowAt(in, entries[mine].row) : nullptr};
    float score[1][1];
    ScoreRows<1, 1>(row, queries + static_cast<std::int64_t>(query) * in.width, in.width, score);
    if (mine < n && lane % kRowThreads == 0) entries[mine].score = Ranked(score[0][0]);
  }
  SyncBlock();
  SortBest<BlockTeam>(entries, n, better);
  const std::int64_t out = static_cast<std::int64_t>(query) * k;
  for (int i = ThreadInBlock(); i < k; i += ThreadsOfBlock()) {
    scores[out + i] = i < n ? entries[i].score : -Infinity();
    rows[out + i] = i < n ? entries[i].row : -1;
  }
  // Fewer than were to be kept: those are all the allowed rows.
  const bool proven = n < kept_rows || entries[k - 1].score > worst + bounds[local];
  if (!proven && ThreadInBlock() == 0) again[AtomicAdd(unproven, 1)] = query;
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_TILES_CUH_
