#include "imaging/preprocess.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace espy::imaging {
namespace {

struct Size {
  std::int32_t width, height;
};

// The shortest side becomes `shortest`, the other keeps the aspect, rounded down.
Size ShortestEdge(const Image& image, std::int32_t shortest) {
  const std::int64_t width = image.width;
  const std::int64_t height = image.height;
  if (width <= height) return {shortest, static_cast<std::int32_t>(shortest * height / width)};
  return {static_cast<std::int32_t>(shortest * width / height), shortest};
}

std::int32_t FloorHalf(std::int32_t value) { return value >> 1; }

}  // namespace

Image FitForModel(const Image& image, const PreprocessSpec& spec) {
  if (spec.fit == PreprocessSpec::Fit::kSquash) {
    return Resize(image, spec.width, spec.height, spec.filter);
  }
  const Size size = ShortestEdge(image, spec.resize_shortest);
  // Where the crop starts; negative where the picture is smaller and black is put around it.
  const std::int32_t left = FloorHalf(size.width - spec.width);
  const std::int32_t top = FloorHalf(size.height - spec.height);
  const std::int32_t width = std::min(size.width, spec.width);
  const std::int32_t height = std::min(size.height, spec.height);
  Image part = ResizeAndCrop(image, size.width, size.height, std::max(left, 0), std::max(top, 0),
                             width, height, spec.filter);
  if (width == spec.width && height == spec.height) return part;

  Image padded;
  padded.width = spec.width;
  padded.height = spec.height;
  padded.pixels.assign(static_cast<std::size_t>(spec.width) * spec.height * 3, 0);
  const std::int32_t pad_left = std::max(-left, 0);
  const std::int32_t pad_top = std::max(-top, 0);
  for (std::int32_t y = 0; y < height; ++y) {
    std::copy_n(
        &part.pixels[static_cast<std::size_t>(y) * width * 3], width * 3,
        &padded.pixels[((static_cast<std::size_t>(y) + pad_top) * spec.width + pad_left) * 3]);
  }
  return padded;
}

void Preprocess(const Image& image, const PreprocessSpec& spec, float* out) {
  const Image fitted = FitForModel(image, spec);
  const std::size_t plane = static_cast<std::size_t>(spec.width) * spec.height;
  for (int c = 0; c < 3; ++c) {
    // A byte has 256 values: normalise those, then look up.
    std::array<float, 256> normal;
    for (int v = 0; v < 256; ++v) {
      normal[v] = (static_cast<float>(v) * spec.rescale - spec.mean[c]) / spec.std[c];
    }
    const std::uint8_t* in = fitted.pixels.data() + c;
    float* to = out + c * plane;
    for (std::size_t i = 0; i < plane; ++i) to[i] = normal[in[i * 3]];
  }
}

}  // namespace espy::imaging
