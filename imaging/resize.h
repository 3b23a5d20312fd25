// Resizing that equals Pillow's Image.resize to the last 8-bit level.
#ifndef ESPY_IMAGING_RESIZE_H_
#define ESPY_IMAGING_RESIZE_H_

#include <cstdint>

#include "imaging/image.h"

namespace espy::imaging {

// A part of a picture, in pixels.
struct Window {
  std::int32_t x, y, width, height;
};

enum class Filter {
  kBilinear,
  kBicubic
};  // with antialiasing: the support grows with the reduction

// Pillow's algorithm (src/libImaging/Resample.c, version 13): two passes, coefficients in fixed
// point of 22 bits, each pass rounded and clamped to 8 bits; the horizontal pass first, unless far
// more rows than columns are to go. Earlier versions always begin horizontally, which differs by a
// level here and there in such tall pictures. width and height at least 1. Any thread.
Image Resize(const Image& in, std::int32_t width, std::int32_t height, Filter filter);

// The part of Resize(in, width, height, filter) that starts at (x, y) and has crop_width x
// crop_height pixels, without the cost of the rest. The part must lie inside.
Image ResizeAndCrop(const Image& in, std::int32_t width, std::int32_t height, std::int32_t x,
                    std::int32_t y, std::int32_t crop_width, std::int32_t crop_height,
                    Filter filter);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RESIZE_H_
