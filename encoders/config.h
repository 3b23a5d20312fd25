// config.json and preprocessor_config.json of a published CLIP or SigLIP model, with the defaults
// for absent keys. docs/MODELS.md lists every key that is read, its default and its limits.
#ifndef ESPY_ENCODERS_CONFIG_H_
#define ESPY_ENCODERS_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "encoders/json_fields.h"
#include "encoders/tokenizers/tokenizer.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

// kSiglip2 is SigLIP2's NaFlex variant, whose pictures keep their aspect; SigLIP2 models of a fixed
// size are of kSiglip.
enum class Family { kClip, kSiglip, kSiglip2 };
std::string_view FamilyName(Family family);  // config.json's "clip", "siglip", "siglip2"

enum class Activation {
  kQuickGelu,
  kGeluTanh,
  kGelu
};  // x * sigmoid(1.702 x); tanh approximation; erf

// One transformer tower. All sizes are at least 1 and bounded (width <= 16384, inter <= 65536,
// layers <= 256), heads divides width: the parser refuses anything else.
struct TowerConfig {
  std::int64_t width = 0;  // hidden_size
  std::int64_t inter = 0;  // intermediate_size
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  Activation activation = Activation::kQuickGelu;
  float norm_eps = 1e-5f;
};

struct VisionConfig : TowerConfig {
  // Pixels a side, at least patch_size. With kSiglip2 of the picture whose patches are the grid
  // that positions were learned for, sqrt(num_patches) a side.
  std::int64_t image_size = 0;
  std::int64_t patch_size =
      0;  // (image_size / patch_size)^2 patches, the division rounded down; at most 16384
  bool attention_pool = false;  // SigLIP's head (vision_use_head)
};

struct TextConfig : TowerConfig {
  std::int64_t vocabulary = 0;
  std::int64_t context = 0;  // max_position_embeddings
  std::int64_t eos_id =
      0;  // as config.json says; 2 selects CLIP's legacy pooling at the largest id
  std::int64_t pad_id = 0;
};

struct ModelConfig {
  Family family = Family::kClip;
  VisionConfig vision;
  TextConfig text;
  std::int64_t projection = 0;  // dimension of the embeddings; SigLIP's equals vision.width
  // Its width and height equal vision.image_size, but for kSiglip2: there, a square picture's as
  // the processor makes it.
  imaging::PreprocessSpec preprocess;
  TokenizerKind tokenizer;
  // How the model was trained: SigLIP by the sigmoid loss, CLIP by softmax unless espy.json says
  // otherwise.
  bool sigmoid = false;
  // From espy.json; used where the weights hold no logit_bias tensor (CLIP's layout has none).
  float logit_bias = 0;
};

// Reads config.json, preprocessor_config.json (else processor_config.json's image_processor, else
// the family's defaults) and espy.json (optional) in `directory`; in one of OpenCLIP's layout
// (model_files.h) open_clip_config.json instead of the first two.
//
// espy.json is what config.json has no place for, from publishers that care to say it:
//   "loss"        "sigmoid" | "softmax": the contrastive loss of the training; with the first,
//   sigmoid(logit) is a
//                 probability
//   "logit_bias"  number added to logit_scale * cosine; default 0
// Other keys in it are the publisher's own and are not looked at.
//
// Errors name the file, the object and the key: InvalidArgument for a wrong value, Unsupported for
// a well-formed model of another kind, Corruption for broken JSON.
Result<ModelConfig> ReadModelConfig(const std::string& directory);

// The same from text, for tests and fuzzing; `name` stands in messages. Empty texts are absent
// files.
Result<ModelConfig> ParseModelConfig(std::string_view config_json,
                                     std::string_view preprocessor_json, const std::string& name,
                                     std::string_view espy_json = {});

// image_size and patch_size: one number from 1 to 4096, or two equal ones.
std::int64_t ReadSquareSide(JsonFields* fields, std::string_view key, std::int64_t otherwise);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_CONFIG_H_
