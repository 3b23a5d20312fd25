#include "imaging/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace espy::imaging {
namespace {

// The shortest side becomes `shortest`, the other keeps the aspect, rounded down.
Size ShortestEdge(Size stored, std::int32_t shortest) {
  const std::int64_t width = stored.width;
  const std::int64_t height = stored.height;
  if (width <= height) return {shortest, static_cast<std::int32_t>(shortest * height / width)};
  return {static_cast<std::int32_t>(shortest * width / height), shortest};
}

// (side - crop) / 2 of the whole; of an odd difference the half is taken by `rule`.
std::int32_t CropStart(std::int32_t side, std::int32_t crop, PreprocessSpec::CropStart rule) {
  const std::int32_t below = (side - crop) >> 1;
  const bool odd = ((side - crop) & 1) != 0;
  const bool up = rule == PreprocessSpec::CropStart::kNearest && odd && (below & 1) != 0;
  return below + (up ? 1 : 0);
}

// In whole patches, at least one. Doubles, in the reference's order: a side that falls on a patch's
// edge must round to the same number of them.
double ScaledPatches(double scale, std::int32_t side, std::int32_t patch_size) {
  return std::max(1.0, std::ceil(side * scale / patch_size));
}

Size LargestOfPatches(const PreprocessSpec& spec, Size full) {
  constexpr double kEpsilon = 1e-5;
  double least = kEpsilon / 10, most = 100.0;
  while (most - least >= kEpsilon) {
    const double scale = (least + most) / 2;
    const bool fits = ScaledPatches(scale, full.height, spec.patch_size) *
                          ScaledPatches(scale, full.width, spec.patch_size) <=
                      spec.max_patches;
    (fits ? least : most) = scale;
  }
  const auto side = [&](std::int32_t pixels) {
    return static_cast<std::int32_t>(ScaledPatches(least, pixels, spec.patch_size)) *
           spec.patch_size;
  };
  return {side(full.width), side(full.height)};
}

void Normalize(const Image& fitted, const PreprocessSpec& spec, float* out) {
  const std::size_t plane = static_cast<std::size_t>(fitted.width) * fitted.height;
  for (int c = 0; c < 3; ++c) {
    const std::array<float, 256> normal = NormalLevels(spec, c);
    const std::uint8_t* in = fitted.pixels.data() + c;
    float* to = out + c * plane;
    for (std::size_t i = 0; i < plane; ++i) to[i] = normal[in[i * 3]];
  }
}

}  // namespace

Size FittedSize(const PreprocessSpec& spec, Size full) {
  if (spec.fit == PreprocessSpec::Fit::kPatches) return LargestOfPatches(spec, full);
  return {spec.width, spec.height};
}

Image FitForModel(const Image& image, const PreprocessSpec& spec) {
  return FitForModel(image, spec, {image.width, image.height});
}

FitPlan PlanFit(const PreprocessSpec& spec, Size stored, Size full) {
  if (spec.fit != PreprocessSpec::Fit::kShortestEdgeCrop) {
    const Size fitted = FittedSize(spec, full);
    return {.resized = fitted, .part = {0, 0, fitted.width, fitted.height}, .out = fitted};
  }
  const Size size = ShortestEdge(stored, spec.resize_shortest);
  // Where the crop starts; negative where the picture is smaller and black is put around it.
  const std::int32_t left = CropStart(size.width, spec.width, spec.crop_start);
  const std::int32_t top = CropStart(size.height, spec.height, spec.crop_start);
  return {.resized = size,
          .part = {std::max(left, 0), std::max(top, 0), std::min(size.width, spec.width),
                   std::min(size.height, spec.height)},
          .out = {spec.width, spec.height},
          .left = std::max(-left, 0),
          .top = std::max(-top, 0)};
}

Image FitForModel(const Image& image, const PreprocessSpec& spec, Size full) {
  const FitPlan plan = PlanFit(spec, {image.width, image.height}, full);
  if (spec.fit != PreprocessSpec::Fit::kShortestEdgeCrop) {
    return Resize(image, plan.resized.width, plan.resized.height, spec.filter);
  }
  Image part = ResizeAndCrop(image, plan.resized.width, plan.resized.height, plan.part.x,
                             plan.part.y, plan.part.width, plan.part.height, spec.filter);
  if (part.width == plan.out.width && part.height == plan.out.height) return part;

  Image padded;
  padded.width = plan.out.width;
  padded.height = plan.out.height;
  padded.pixels.assign(static_cast<std::size_t>(padded.width) * padded.height * 3, 0);
  for (std::int32_t y = 0; y < part.height; ++y) {
    std::copy_n(&part.pixels[static_cast<std::size_t>(y) * part.width * 3], part.width * 3,
                &padded.pixels[((static_cast<std::size_t>(y) + plan.top) * padded.width +
                                static_cast<std::size_t>(plan.left)) *
                               3]);
  }
  return padded;
}

// A byte has 256 values: those are normalised, then looked up.
std::array<float, 256> NormalLevels(const PreprocessSpec& spec, int channel) {
  const auto c = static_cast<std::size_t>(channel);
  std::array<float, 256> normal;
  for (std::size_t v = 0; v < normal.size(); ++v) {
    normal[v] = (static_cast<float>(v) * spec.rescale - spec.mean[c]) / spec.std[c];
  }
  return normal;
}

PictureTensor Preprocess(const Image& image, const PreprocessSpec& spec, Size full) {
  const Image fitted = FitForModel(image, spec, full);
  PictureTensor tensor;
  tensor.size = {fitted.width, fitted.height};
  tensor.values.resize(fitted.pixels.size());
  Normalize(fitted, spec, tensor.values.data());
  return tensor;
}

void Preprocess(const Image& image, const PreprocessSpec& spec, float* out) {
  Normalize(FitForModel(image, spec), spec, out);
}

}  // namespace espy::imaging
