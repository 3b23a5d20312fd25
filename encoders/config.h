// config.json and preprocessor_config.json of a published CLIP or SigLIP model, with the defaults for absent keys.
#ifndef ESPY_ENCODERS_CONFIG_H_
#define ESPY_ENCODERS_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

enum class Family { kClip, kSiglip };
std::string_view FamilyName(Family family);  // "clip", "siglip"

enum class Activation { kQuickGelu, kGeluTanh, kGelu };  // x * sigmoid(1.702 x); tanh approximation; erf

// One transformer tower. All sizes are at least 1 and bounded (width and inter <= 16384, layers <= 256, ...), heads
// divides width: the parser refuses anything else.
struct TowerConfig {
  std::int64_t width = 0;   // hidden_size
  std::int64_t inter = 0;   // intermediate_size
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  Activation activation = Activation::kQuickGelu;
  float norm_eps = 1e-5f;
};

struct VisionConfig : TowerConfig {
  std::int64_t image_size = 0;  // pixels a side
  std::int64_t patch_size = 0;
  bool attention_pool = false;  // SigLIP's head (vision_use_head)
};

struct TextConfig : TowerConfig {
  std::int64_t vocabulary = 0;
  std::int64_t context = 0;     // max_position_embeddings
  std::int64_t eos_id = 0;      // as config.json says; 2 selects CLIP's legacy pooling at the largest id
  std::int64_t pad_id = 0;
};

struct ModelConfig {
  Family family = Family::kClip;
  VisionConfig vision;
  TextConfig text;
  std::int64_t projection = 0;  // dimension of the embeddings
  imaging::PreprocessSpec preprocess;
  // From espy.json beside config.json when the publisher gave one (ours do): how the model was trained.
  bool sigmoid = false;
};

// Reads config.json, preprocessor_config.json (the family's defaults when absent) and espy.json (optional) in `directory`.
Result<ModelConfig> ReadModelConfig(const std::string& directory);

// The same from text, for tests and fuzzing; `name` stands in messages.
Result<ModelConfig> ParseModelConfig(std::string_view config_json, std::string_view preprocessor_json,
                                     const std::string& name);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_CONFIG_H_
