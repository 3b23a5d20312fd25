// Search on the GPU behind C functions, for cuda_search_peers.py to call on PyTorch's tensors.
#include <cstdint>
#include <cstdio>

#include "kernels/cuda/search.h"

namespace {

int Report(const espy::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace

#define ESPY_VISIBLE __attribute__((visibility("default")))

extern "C" {

// As SearchArgs has them; kernel: 0 fastest, 1 reference, 2 rows, 3 tiles. `workspace` null: only
// *workspace_bytes is set. 0 when queued.
ESPY_VISIBLE int espy_cuda_search(int kernel, const void* halves, std::int64_t rows,
                                  std::int32_t width, const std::uint32_t* allowed,
                                  const float* longest, const float* queries, std::int32_t count,
                                  std::int32_t k, void* workspace, std::int64_t* workspace_bytes,
                                  float* scores, std::int32_t* found, std::int32_t* unproven,
                                  void* stream) {
  const espy::cuda::SearchArgs args{.in = {.halves = halves,
                                           .rows = rows,
                                           .width = width,
                                           .allowed = allowed,
                                           .longest = longest},
                                    .queries = queries,
                                    .count = count,
                                    .k = k,
                                    .scores = scores,
                                    .rows = found,
                                    .unproven = unproven};
  const auto chosen = static_cast<espy::cuda::SearchKernel>(kernel);
  if (workspace == nullptr) {
    *workspace_bytes = static_cast<std::int64_t>(espy::cuda::SearchWorkspace(args, chosen));
    return 0;
  }
  return Report(espy::cuda::Search(args, chosen, workspace, stream));
}

ESPY_VISIBLE int espy_cuda_longest_row(const void* halves, std::int64_t rows, std::int32_t width,
                                       float* longest, void* stream) {
  return Report(espy::cuda::LongestRow({.halves = halves, .rows = rows, .width = width}, 0, rows,
                                       longest, stream));
}

ESPY_VISIBLE int espy_cuda_range_search(const void* halves, std::int64_t rows, std::int32_t width,
                                        const float* queries, std::int32_t count,
                                        const float* least, std::int32_t capacity, float* scores,
                                        std::int32_t* found_rows, std::int32_t* found,
                                        void* stream) {
  return Report(espy::cuda::RangeSearch({.in = {.halves = halves, .rows = rows, .width = width},
                                         .queries = queries,
                                         .count = count,
                                         .least = least,
                                         .capacity = capacity,
                                         .scores = scores,
                                         .rows = found_rows,
                                         .found = found},
                                        stream));
}
}
