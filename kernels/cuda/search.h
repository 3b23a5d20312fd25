// Exact search by inner product on the device: the k best rows of a collection for each query, or
// all rows above a score. The collection is FP16, queries are FP32.
//
// Scores have the bits that index/dot.h gives on every CPU: element i of a row goes to lane i mod
// 32 by a fused multiply-add, in order, and the lanes are folded in halves (16, 8, 4, 2, 1). There
// is no tolerance. What tensor cores compute along the way only decides which rows are scored so,
// and every answer is proven complete or searched again (docs/decisions/0043).
//
// Order: the higher score first, equal scores by the smaller id. A score that is no number (the row
// holds NaN, or infinities that cancel) counts as minus infinity: last, but it fills k when nothing
// else does. Infinite scores are scores. -0 equals 0.
#ifndef ESPY_KERNELS_CUDA_SEARCH_H_
#define ESPY_KERNELS_CUDA_SEARCH_H_

#include <cstddef>
#include <cstdint>

#include "espy/status.h"

namespace espy::cuda {

// Everything in device memory. Bytes are counted in 64 bits; rows are numbered in 31.
struct SearchRows {
  const void* halves = nullptr;  // [rows, width] FP16, at a multiple of 16 bytes
  std::int64_t rows = 0;         // below 2^31
  std::int32_t width = 0;        // a multiple of 32: dimensions are padded with zeros
  // Row r may be found when bit r % 32 of word r / 32 is set; null: all rows.
  const std::uint32_t* allowed = nullptr;
  const std::uint64_t* ids = nullptr;  // [rows], decide between equal scores; null: row numbers
  // What LongestRow gave for these rows. Without it only kReference and kRows are taken.
  const float* longest = nullptr;
};

struct SearchArgs {
  SearchRows in;
  const float* queries = nullptr;  // [count, width], at a multiple of 16 bytes
  std::int32_t count = 0;
  std::int32_t k = 10;               // 1 to kMostSearchK
  float* scores = nullptr;           // [count, k], best first
  std::int32_t* rows = nullptr;      // [count, k] row numbers; -1 where no more rows are allowed
  std::int32_t* unproven = nullptr;  // 1, or null: how many queries kTiles had to search again
};

// A block keeps the k best of its rows in shared memory. Beyond this score everything by
// RangeSearch, or search on the CPU.
inline constexpr std::int32_t kMostSearchK = 1024;

// The ladder: what each rung gains is measured by bench/cuda_search.
enum class SearchKernel {
  kFastest,    // kRows up to 8 queries, kTiles above
  kReference,  // a thread a row, then k times the best that is left: read this first
  kRows,       // each row is read once for 8 queries; bound by memory
  kTiles,      // products by tensor cores in tiles of 128 queries and 128 rows, fused with the
               // choice of the best; those are scored again as kRows does
};

// Bytes of device memory that Search needs beside its arguments, at a multiple of 256.
std::size_t SearchWorkspace(const SearchArgs& args, SearchKernel kernel);

// Queues the search on `stream` (a cudaStream_t; null is the default stream) and does not wait;
// nothing comes back to the host. InvalidArgument when the arguments are not as stated above;
// Unavailable when the device fails. A query's answer does not depend on others beside it.
Status Search(const SearchArgs& args, SearchKernel kernel, void* workspace, void* stream);

// longest = max(longest, a bound from above on the Euclidean length of each of the rows [first,
// first + count)): infinite when a row holds infinities; rows with NaN are passed over. `longest`
// begins as 0 and is one number on the device.
Status LongestRow(const SearchRows& in, std::int64_t first, std::int64_t count, float* longest,
                  void* stream);

struct RangeArgs {
  SearchRows in;
  const float* queries = nullptr;  // [count, width]
  std::int32_t count = 0;          // at most 32,768
  const float* least = nullptr;    // [count], on the device: rows that score at least this
  std::int32_t capacity = 0;       // of each query's answer
  float* scores = nullptr;         // [count, capacity], in no order
  std::int32_t* rows = nullptr;    // [count, capacity]
  std::int32_t* found = nullptr;  // [count]: how many rows there are. Where that is above capacity,
                                  // `capacity` of them are in the answer, whichever came first
};
Status RangeSearch(const RangeArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_H_
