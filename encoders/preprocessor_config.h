// preprocessor_config.json: how a picture becomes the vision tower's input.
#ifndef ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_
#define ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_

#include <cstdint>
#include <string>

#include "encoders/config.h"
#include "encoders/json.h"
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

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PREPROCESSOR_CONFIG_H_
