#include "kernels/patches.h"

#include <gtest/gtest.h>

#include <vector>

namespace espy::kernels {
namespace {

TEST(ExtractPatches, PutsEachPixelWhereAConvolutionReadsIt) {
  for (const auto& [size, patch] :
       {std::pair<std::int64_t, std::int64_t>{12, 4}, {14, 4}, {3, 3}}) {
    const std::int64_t batch = 2, channels = 3, side = size / patch;
    std::vector<float> pixels(static_cast<std::size_t>(batch * channels * size * size));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i);
    std::vector<float> out(
        static_cast<std::size_t>(batch * side * side * channels * patch * patch));
    ThreadPool pool(2);
    ExtractPatches(pixels.data(), batch, channels, size, patch, out.data(), &pool);
    std::size_t at = 0;
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t py = 0; py < side; ++py) {
        for (std::int64_t px = 0; px < side; ++px) {
          for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t y = py * patch; y < (py + 1) * patch; ++y) {
              for (std::int64_t x = px * patch; x < (px + 1) * patch; ++x) {
                ASSERT_EQ(out[at++],
                          static_cast<float>(((b * channels + c) * size + y) * size + x));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace espy::kernels
