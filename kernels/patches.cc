#include "kernels/patches.h"

#include <cstring>

#include "kernels/parallel.h"

namespace espy::kernels {

void ExtractPatches(const float* pixels, std::int64_t batch, std::int64_t channels,
                    std::int64_t size, std::int64_t patch, float* out, ThreadPool* pool) {
  const std::int64_t side = size / patch;
  const std::int64_t columns = channels * patch * patch;
  const auto run = static_cast<std::size_t>(patch) * sizeof(float);
  // One task is one row of patches: it reads channels * patch rows of pixels.
  ParallelFor(pool, batch * side, [&](std::int64_t task) {
    const float* picture = pixels + task / side * channels * size * size;
    float* rows = out + task * side * columns;
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t y = 0; y < patch; ++y) {
        const float* line = picture + (c * size + task % side * patch + y) * size;
        for (std::int64_t p = 0; p < side; ++p) {
          std::memcpy(rows + p * columns + (c * patch + y) * patch, line + p * patch, run);
        }
      }
    }
  });
}

}  // namespace espy::kernels
