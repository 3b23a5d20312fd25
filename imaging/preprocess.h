// Pixels -> the tensor a vision tower takes.
#ifndef ESPY_IMAGING_PREPROCESS_H_
#define ESPY_IMAGING_PREPROCESS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "imaging/image.h"
#include "imaging/resize.h"

namespace espy::imaging {

// As preprocessor_config.json says it (transformers' image processors).
struct PreprocessSpec {
  enum class Fit {
    kShortestEdgeCrop,  // shortest side to resize_shortest, then the centre width x height (CLIP)
    kSquash,            // both sides to width x height, whatever the aspect (SigLIP)
    kPatches,  // the aspect kept, at most max_patches whole patches (SigLIP2's NaFlex variant)
  };
  Fit fit = Fit::kShortestEdgeCrop;
  // Where the crop of kShortestEdgeCrop starts when it cannot be in the middle.
  enum class CropStart {
    kBefore,   // rounded down (transformers)
    kNearest,  // half to even (torchvision, and so open_clip)
  };
  CropStart crop_start = CropStart::kBefore;
  std::int32_t resize_shortest = 224;
  // The size of every picture; with kPatches that of a square one, the others having other sides.
  std::int32_t width = 224;
  std::int32_t height = 224;
  std::int32_t patch_size = 0;   // with kPatches: pixels a side
  std::int32_t max_patches = 0;  // with kPatches
  Filter filter = Filter::kBicubic;
  float rescale = 1.0f / 255.0f;
  std::array<float, 3> mean{0.5f, 0.5f, 0.5f};
  std::array<float, 3> std{0.5f, 0.5f, 0.5f};
};

struct Size {
  std::int32_t width = 0;
  std::int32_t height = 0;
  bool operator==(const Size&) const = default;
};

// The size at which the model sees a picture of `full` pixels. With kPatches it is transformers'
// get_image_size_for_max_num_patches: each side times the largest scale, rounded up to whole
// patches, that keeps within max_patches.
Size FittedSize(const PreprocessSpec& spec, Size full);

// A picture as a vision tower takes it: [3, height, width] floats, channels first.
struct PictureView {
  const float* values = nullptr;
  Size size;
};
struct PictureTensor {
  std::vector<float> values;
  Size size;
  PictureView view() const { return {values.data(), size}; }
};

// A decoded picture. `full` is its size before it was decoded at a smaller scale: the shape in
// which the model sees it is that of the whole picture, which scaling may have rounded.
struct PixelView {
  const Image* image = nullptr;
  Size full;
};

// What FitForModel does to a picture of `stored` pixels: it is resized to `resized`, of which
// `part` is kept and put at (left, top) of `out`, black where nothing is.
struct FitPlan {
  Size resized;
  Window part;
  Size out;
  std::int32_t left = 0;
  std::int32_t top = 0;
};
FitPlan PlanFit(const PreprocessSpec& spec, Size stored, Size full);

// The 8-bit picture just before normalisation: resized and cropped as transformers does it (the
// longer side is int(shortest * long / short); the crop starts at (side - crop) / 2, padded with
// black where the picture is smaller).
Image FitForModel(const Image& image, const PreprocessSpec& spec);
// The same where `image` is a picture of `full` pixels that was decoded at a smaller scale: the
// shape is that of the whole picture, which scaling may have rounded.
Image FitForModel(const Image& image, const PreprocessSpec& spec, Size full);

// What a byte of a channel becomes: (byte * rescale - mean) / std.
std::array<float, 256> NormalLevels(const PreprocessSpec& spec, int channel);

// FitForModel, then (pixel * rescale - mean) / std.
PictureTensor Preprocess(const Image& image, const PreprocessSpec& spec, Size full);
// The same for pictures that all become spec.width x spec.height; out: [3, height, width].
void Preprocess(const Image& image, const PreprocessSpec& spec, float* out);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_PREPROCESS_H_
