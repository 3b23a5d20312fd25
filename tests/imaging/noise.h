// Pixels that make_goldens.py makes too, so that no large file has to be kept.
#ifndef ESPY_TESTS_IMAGING_NOISE_H_
#define ESPY_TESTS_IMAGING_NOISE_H_

#include <cstdint>

#include "imaging/image.h"

namespace espy::imaging {

inline Image Noise(std::uint32_t seed, std::int32_t width, std::int32_t height) {
  Image image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * height * 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    std::uint32_t x = static_cast<std::uint32_t>(i) + (seed << 20);
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    image.pixels[i] = static_cast<std::uint8_t>(x >> 24);
  }
  return image;
}

}  // namespace espy::imaging

#endif  // ESPY_TESTS_IMAGING_NOISE_H_
