// preprocessor_config.json: how a picture becomes the vision tower's input.
#ifndef ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_
#define ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_

#include <array>
#include <cstdint>
#include <string>

#include "encoders/config.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

// `preprocessor` is the file's object, or nullptr for the family's defaults. What
// Espy cannot do exactly as the publisher's processor does (a picture that would not end up square
// at image_size, a filter other than bilinear and bicubic, no resizing) is refused rather than
// approximated.
Result<imaging::PreprocessSpec> ReadPreprocessor(const JsonValue* preprocessor, Family family,
                                                 const VisionConfig& vision,
                                                 const std::string& name);

// BLIP's: both sides to image_size whatever the aspect, CLIP's mean and deviation.
Result<imaging::PreprocessSpec> ReadBlipPreprocessor(const JsonValue* preprocessor,
                                                     std::int64_t image_size,
                                                     const std::string& name);

// CLIP's, the default of transformers' CLIP processor and of open_clip.
inline constexpr std::array<float, 3> kClipMean{0.48145466f, 0.4578275f, 0.40821073f};
inline constexpr std::array<float, 3> kClipStd{0.26862954f, 0.26130258f, 0.27577711f};

// A list of three numbers in [least, most], or one number for all; `out` stays where the key is
// absent.
void ReadChannels(JsonFields* fields, std::string_view key, double least, double most,
                  std::array<float, 3>* out);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_
