// Decoded pixels, and the limits that hold before memory is taken for them.
#ifndef ESPY_IMAGING_IMAGE_H_
#define ESPY_IMAGING_IMAGE_H_

#include <cstdint>
#include <vector>

namespace espy::imaging {

// 8-bit sRGB, upright, alpha flattened over white. Rows top to bottom, no padding: pixels[(y *
// width + x) * 3 + c].
struct Image {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::vector<std::uint8_t> pixels;
};

struct ImageLimits {
  std::uint64_t max_bytes = 256u << 20;   // of the file
  std::int32_t max_side = 65'500;         // pixels
  std::int64_t max_pixels = 100'000'000;  // libvips' maintainer advises refusing more
};

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_IMAGE_H_
