// The first rung of search: every score to memory, then k times the best that is left.
#ifndef ESPY_KERNELS_CUDA_SEARCH_REFERENCE_CUH_
#define ESPY_KERNELS_CUDA_SEARCH_REFERENCE_CUH_

#include "kernels/cuda/search_dot.cuh"
#include "kernels/cuda/search_kept.cuh"

namespace espy::cuda {

// scores: [rows], a thread a row.
ESPY_KERNEL SearchReferenceScores(SearchRows in, const float* query, float* scores) {
  const std::int64_t row = static_cast<std::int64_t>(BlockX()) * ThreadsOfBlock() + ThreadInBlock();
  if (row >= in.rows) return;
  float lanes[kPieceHalves] = {};
  for (int i = 0; i < in.width; ++i) {
    lanes[i % kPieceHalves] =
        FusedMultiplyAdd(query[i], ToFloat(RowAt(in, row)[i]), lanes[i % kPieceHalves]);
  }
  for (int half = kPieceHalves / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  scores[row] = lanes[0];
}

// One block. Each round takes the best allowed row that comes after the one taken before.
ESPY_KERNEL SearchReferenceBest(SearchRows in, const float* scores, std::int32_t k,
                                float* best_scores, std::int32_t* best_rows) {
  const BetterRow better{in.ids};
  auto* best = reinterpret_cast<Scored*>(SharedMemory());  // of each thread
  Scored last{0, -1};
  for (int i = 0; i < k; ++i) {
    Scored mine{0, -1};
    for (std::int64_t row = ThreadInBlock(); row < in.rows; row += ThreadsOfBlock()) {
      if (!IsAllowed(in, row)) continue;
      const Scored candidate{Ranked(scores[row]), static_cast<std::int32_t>(row)};
      if (last.row >= 0 && !better(last, candidate)) continue;
      if (mine.row < 0 || better(candidate, mine)) mine = candidate;
    }
    best[ThreadInBlock()] = mine;
    SyncBlock();
    Scored found{0, -1};
    for (int t = 0; t < ThreadsOfBlock(); ++t) {
      if (best[t].row >= 0 && (found.row < 0 || better(best[t], found))) found = best[t];
    }
    if (ThreadInBlock() == 0) {
      best_scores[i] = found.row < 0 ? -Infinity() : found.score;
      best_rows[i] = found.row;
    }
    if (found.row < 0) found = last;  // none comes after the last: nor will one
    last = found;
    SyncBlock();
  }
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_REFERENCE_CUH_
