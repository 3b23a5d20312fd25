// Search bound by memory: each row is read once for up to eight queries, in whole 64-byte pieces.
//
// A block has a slice of the rows. Its warps score them and add what may be among the k best to a
// list a query in shared memory; after every kBetweenRows rows the block meets, and cuts the lists
// that are nearly full. The lists of all blocks are then merged, a block a query.
//
// A row that is not allowed is not read.
#ifndef ESPY_KERNELS_CUDA_SEARCH_ROWS_CUH_
#define ESPY_KERNELS_CUDA_SEARCH_ROWS_CUH_

#include "kernels/cuda/search_dot.cuh"
#include "kernels/cuda/search_kept.cuh"

namespace espy::cuda {

inline constexpr int kSearchThreads = 256;
inline constexpr int kBetweenRows = 1024;  // of a block, between two looks at its lists
inline constexpr int kSlackRows = 256;     // a list above k by more than this is cut
inline constexpr int kMostPassQueries = 8;
ESPY_HOST_DEVICE constexpr int ListRoom(int k) { return k + kSlackRows + kBetweenRows; }

// Rows that four threads have at once: as many loads are under way at a time.
ESPY_HOST_DEVICE constexpr int RowsAtOnce(int queries) {
  return queries == 1 ? 4 : queries <= 4 ? 2 : 1;
}

// Which queries a launch answers: which[first + i], or first + i where which is null.
struct QueryList {
  const std::int32_t* which;
  const std::int32_t* count;  // of the list, on the device; null: `most` of them
  int first;
  int most;

  // Of the i-th of this launch, -1 when there is none.
  ESPY_DEVICE int operator[](int i) const {
    if (i >= most || (count != nullptr && first + i >= *count)) return -1;
    return which != nullptr ? which[first + i] : first + i;
  }
};

// Calls take(row, scores) in one of the four threads of each allowed row of [begin, end), with the
// rows dealt to the block's warps.
template <int kQueries, class Take>
ESPY_DEVICE void PassOver(const SearchRows& in, const float* queries, std::int64_t begin,
                          std::int64_t end, const Take& take) {
  constexpr int kRows = RowsAtOnce(kQueries);
  constexpr int kWarpRows = 32 / kRowThreads * kRows;
  const int lane = ThreadInBlock() % 32, warp = ThreadInBlock() / 32;
  const int step = ThreadsOfBlock() / 32 * kWarpRows;
  for (std::int64_t first = begin + warp * kWarpRows; first < end; first += step) {
    const Half* rows[kRows];
    bool any = false;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t row = first + r * (32 / kRowThreads) + lane / kRowThreads;
      rows[r] = row < end && IsAllowed(in, row) ? RowAt(in, row) : nullptr;
      any = any || rows[r] != nullptr;
    }
    if (!AnyLane(any)) continue;
    float scores[kRows][kQueries];
    ScoreRows<kRows, kQueries>(rows, queries, in.width, scores);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (rows[r] == nullptr || lane % kRowThreads != r % kRowThreads) continue;
      take(static_cast<std::int32_t>(first + r * (32 / kRowThreads) + lane / kRowThreads),
           scores[r]);
    }
  }
}

// The queries of a pass to shared memory, zeros where there is none. By all threads.
template <int kQueries>
ESPY_DEVICE void BringQueries(const QueryList& list, const float* queries, std::int32_t width,
                              int first, float* to) {
  for (int q = 0; q < kQueries; ++q) {
    const int query = list[first + q];
    for (int i = ThreadInBlock(); i < width; i += ThreadsOfBlock()) {
      to[static_cast<std::int64_t>(q) * width + i] =
          query < 0 ? 0 : queries[static_cast<std::int64_t>(query) * width + i];
    }
  }
}

template <int kQueries>
ESPY_HOST_DEVICE constexpr std::int64_t SearchRowsShared(std::int32_t width, std::int32_t k) {
  return kQueries * (std::int64_t{width} * 4 + ListRoom(k) * 8 + 8);
}

// Grid: (slices, passes of kQueries queries). lists: [queries of the launch, slices, k]; counts:
// [queries of the launch, slices].
template <int kQueries>
ESPY_KERNEL ESPY_BLOCKS(kSearchThreads, kQueries <= 2 ? 3 : 2)
    SearchRowsKernel(SearchRows in, QueryList list, const float* queries, std::int64_t slice,
                     std::int32_t slices, std::int32_t k, Scored* lists, int* counts) {
  const int first = BlockY() * kQueries;
  if (list[first] < 0) return;
  auto* held = reinterpret_cast<float*>(SharedMemory());
  auto* entries = reinterpret_cast<Scored*>(held + std::int64_t{kQueries} * in.width);
  const int room = ListRoom(k);
  auto* count = reinterpret_cast<int*>(entries + kQueries * room);
  auto* threshold = reinterpret_cast<float*>(count + kQueries);
  const BetterRow better{in.ids};
  const auto kept = [&](int q) { return Kept{entries + q * room, count + q, threshold + q}; };
  BringQueries<kQueries>(list, queries, in.width, first, held);
  if (ThreadInBlock() < kQueries) kept(ThreadInBlock()).Begin();
  SyncBlock();

  const std::int64_t begin = BlockX() * slice;
  const std::int64_t end = begin + slice < in.rows ? begin + slice : in.rows;
  for (std::int64_t from = begin; from < end; from += kBetweenRows) {
    const std::int64_t to = from + kBetweenRows < end ? from + kBetweenRows : end;
    PassOver<kQueries>(in, held, from, to, [&](std::int32_t row, const float(&scores)[kQueries]) {
#pragma unroll
      for (int q = 0; q < kQueries; ++q) kept(q).Add(scores[q], row);
    });
    SyncBlock();
    for (int q = 0; q < kQueries; ++q) {
      if (count[q] > k + kSlackRows) kept(q).template Cut<BlockTeam>(k, better, nullptr);
    }
    SyncBlock();  // all have read the counts before any adds to them
  }
  for (int q = 0; q < kQueries; ++q) {
    if (list[first + q] < 0) continue;
    kept(q).template Cut<BlockTeam>(k, better, nullptr);
    const std::int64_t mine = static_cast<std::int64_t>(first + q) * slices + BlockX();
    for (int i = ThreadInBlock(); i < count[q]; i += ThreadsOfBlock()) {
      lists[mine * k + i] = entries[q * room + i];
    }
    if (ThreadInBlock() == 0) counts[mine] = count[q];
  }
}

// Grid: queries of the launch. Shared memory: MergeRoom(k) entries and 8 bytes.
ESPY_KERNEL SearchMergeKernel(const std::uint64_t* ids, QueryList list, const Scored* lists,
                              const int* counts, std::int32_t slices, std::int32_t k, float* scores,
                              std::int32_t* rows) {
  const int query = list[BlockX()];
  if (query < 0) return;
  auto* entries = reinterpret_cast<Scored*>(SharedMemory());
  auto* count = reinterpret_cast<int*>(entries + MergeRoom(k));
  const Kept kept{entries, count, reinterpret_cast<float*>(count + 1)};
  const std::int64_t first = static_cast<std::int64_t>(BlockX()) * slices;
  MergeLists({lists + first * k, counts + first, k, slices, k}, k, BetterRow{ids}, kept);
  const std::int64_t out = static_cast<std::int64_t>(query) * k;
  for (int i = ThreadInBlock(); i < k; i += ThreadsOfBlock()) {
    const bool there = i < *count;
    scores[out + i] = there ? entries[i].score : -Infinity();
    rows[out + i] = there ? entries[i].row : -1;
  }
}

// Nothing is found yet. A thread a query.
ESPY_KERNEL RangeBeginKernel(RangeArgs args) {
  const int query = BlockX() * ThreadsOfBlock() + ThreadInBlock();
  if (query < args.count) args.found[query] = 0;
}

// Grid: (slices, passes). Shared memory: the queries of a pass.
template <int kQueries>
ESPY_KERNEL ESPY_BLOCKS(kSearchThreads, kQueries <= 2 ? 3 : 2)
    RangeRowsKernel(RangeArgs args, std::int64_t slice) {
  const int first = BlockY() * kQueries;
  const QueryList list{nullptr, nullptr, 0, args.count};
  auto* held = reinterpret_cast<float*>(SharedMemory());
  BringQueries<kQueries>(list, args.queries, args.in.width, first, held);
  SyncBlock();
  const std::int64_t begin = BlockX() * slice;
  const std::int64_t end = begin + slice < args.in.rows ? begin + slice : args.in.rows;
  PassOver<kQueries>(args.in, held, begin, end,
                     [&](std::int32_t row, const float(&scores)[kQueries]) {
#pragma unroll
                       for (int q = 0; q < kQueries; ++q) {
                         const int query = first + q;
                         if (query >= args.count) continue;
                         const float score = Ranked(scores[q]);
                         if (!(score >= args.least[query])) continue;
                         const int at = AtomicAdd(args.found + query, 1);
                         if (at >= args.capacity) continue;
                         args.scores[static_cast<std::int64_t>(query) * args.capacity + at] = score;
                         args.rows[static_cast<std::int64_t>(query) * args.capacity + at] = row;
                       }
                     });
}

// Grid: enough blocks for a warp a row.
ESPY_KERNEL LongestRowKernel(SearchRows in, std::int64_t first, std::int64_t count,
                             float* longest) {
  const int warps = ThreadsOfBlock() / 32, lane = ThreadInBlock() % 32;
  const std::int64_t i = static_cast<std::int64_t>(BlockX()) * warps + ThreadInBlock() / 32;
  if (i >= count) return;
  const Half* row = RowAt(in, first + i);
  float squares = 0;
  for (int at = lane; at < in.width; at += 32) {
    const float x = ToFloat(row[at]);
    squares += x * x;
  }
  for (int mask = 16; mask > 0; mask /= 2) squares += ShuffleXor(squares, mask);
  if (lane == 0 && squares == squares) AtomicMax(longest, RootFromAbove(squares));
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_ROWS_CUH_
