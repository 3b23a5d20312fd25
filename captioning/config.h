// config.json and preprocessor_config.json of a published BLIP model, with transformers' defaults
// for absent keys. docs/MODELS.md lists every key that is read, its default and its limits.
#ifndef ESPY_CAPTIONING_CONFIG_H_
#define ESPY_CAPTIONING_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "encoders/config.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::captioning {

// The text tower: decoder of captions, or encoder of texts with a picture. Sizes are bounded as
// encoders/config_limits.h says.
struct TextConfig : encoders::TowerConfig {
  std::int64_t vision_width = 0;  // what the cross-attention reads
  std::int64_t vocabulary = 0;
  std::int64_t context = 0;  // max_position_embeddings
  // All below the vocabulary.
  std::int32_t bos_id = 0;  // [DEC], what a caption begins with
  std::int32_t sep_id = 0;  // what ends it
  std::int32_t pad_id = 0;
};

struct BlipConfig {
  encoders::VisionConfig vision;
  TextConfig text;
  std::int64_t projection = 0;  // image_text_hidden_size, of the cosine
  // Its width and height equal vision.image_size.
  imaging::PreprocessSpec preprocess;
};

// Reads config.json and preprocessor_config.json (else processor_config.json's image_processor,
// else BLIP's defaults) in `directory`. Errors name the file, the object and the key:
// InvalidArgument for a wrong value, Unsupported for a well-formed model of another kind,
// Corruption for broken JSON.
Result<BlipConfig> ReadBlipConfig(const std::string& directory);

// The same from text, for tests and fuzzing; `name` stands in messages. An empty preprocessor_json
// is an absent file.
Result<BlipConfig> ParseBlipConfig(std::string_view config_json, std::string_view preprocessor_json,
                                   const std::string& name);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CONFIG_H_
