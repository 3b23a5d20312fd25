// Pixels -> the tensor a vision tower takes.
#ifndef ESPY_IMAGING_PREPROCESS_H_
#define ESPY_IMAGING_PREPROCESS_H_

#include <array>
#include <cstdint>

#include "imaging/image.h"
#include "imaging/resize.h"

namespace espy::imaging {

// As preprocessor_config.json says it (transformers' image processors).
struct PreprocessSpec {
  enum class Fit {
    kShortestEdgeCrop,  // shortest side to resize_shortest, then the centre width x height (CLIP)
    kSquash,            // both sides to width x height, whatever the aspect (SigLIP)
  };
  Fit fit = Fit::kShortestEdgeCrop;
  std::int32_t resize_shortest = 224;
  std::int32_t width = 224;
  std::int32_t height = 224;
  Filter filter = Filter::kBicubic;
  float rescale = 1.0f / 255.0f;
  std::array<float, 3> mean{0.5f, 0.5f, 0.5f};
  std::array<float, 3> std{0.5f, 0.5f, 0.5f};
};

// The 8-bit picture just before normalisation: resized and cropped as transformers does it (the
// longer side is int(shortest * long / short); the crop starts at int((side - crop) / 2), padded
// with black where the picture is smaller).
Image FitForModel(const Image& image, const PreprocessSpec& spec);

// FitForModel, then (pixel * rescale - mean) / std. out: [3, spec.height, spec.width] floats,
// channels first.
void Preprocess(const Image& image, const PreprocessSpec& spec, float* out);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_PREPROCESS_H_
