#include "captioning/config.h"

#include <algorithm>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/model_store.h"
#include "encoders/optional_file.h"
#include "encoders/preprocessor_config.h"
#include "encoders/tower_fields.h"

namespace espy::captioning {
namespace {

using encoders::JsonFields;
using encoders::JsonValue;

constexpr std::uint64_t kMaxFileBytes = 4 << 20;  // published ones are below 10 KB

// As transformers' BlipTextConfig and BlipVisionConfig have it: yes, eight heads.
constexpr encoders::TowerDefaults kText{768, 3072, 12, 8, "gelu", 1e-12};
constexpr encoders::TowerDefaults kVision{768, 3072, 12, 12, "gelu", 1e-5};

void ReadVision(JsonFields* fields, encoders::VisionConfig* vision) {
  encoders::ReadTower(fields, kVision, vision);
  vision->patch_size = encoders::ReadSquareSide(fields, "patch_size", 16);
  vision->image_size = encoders::ReadSquareSide(fields, "image_size", 384);
  if (!fields->status().ok()) return;
  const std::int64_t across = vision->image_size / vision->patch_size;
  if (across < 1 || across * across > encoders::kMaxPatches) {
    fields->Refuse("image_size", std::to_string(vision->image_size) + " holds " +
                                     std::to_string(across * across) + " patches of " +
                                     std::to_string(vision->patch_size) +
                                     " pixels a side, outside 1 to " +
                                     std::to_string(encoders::kMaxPatches));
  }
}

void ReadText(JsonFields* fields, TextConfig* text) {
  encoders::ReadTower(fields, kText, text);
  text->vocabulary = fields->Integer("vocab_size", 30524, 4, encoders::kMaxVocabulary);
  text->context = fields->Integer("max_position_embeddings", 512, 3, encoders::kMaxContext);
  const auto id = [&](std::string_view key, std::int64_t otherwise) {
    const std::int64_t value = fields->Integer(key, otherwise, 0, encoders::kMaxVocabulary);
    if (value >= text->vocabulary) {
      fields->Refuse(key, "is " + std::to_string(value) + ", not below vocab_size " +
                              std::to_string(text->vocabulary));
    }
    return static_cast<std::int32_t>(value);
  };
  text->bos_id = id("bos_token_id", 30522);
  text->sep_id = id("sep_token_id", 102);
  text->pad_id = id("pad_token_id", 0);
}

struct Sources {  // an empty preprocessor is an absent file
  std::string_view config, preprocessor;
  std::string config_name, preprocessor_name;
};

Result<BlipConfig> Parse(const Sources& sources) {
  ESPY_ASSIGN_OR_RETURN(
      const JsonValue root,
      encoders::ParseJson(sources.config, sources.config_name, encoders::kConfigJson));
  if (root.AsObject() == nullptr) {
    return Status::InvalidArgument(sources.config_name + ": not an object");
  }
  JsonFields config(&root, sources.config_name);
  const std::string type = config.Text("model_type", "");
  ESPY_RETURN_IF_ERROR(config.status());
  if (type != encoders::kCaptionerType) {
    return Status::Unsupported(sources.config_name + ": model_type is \"" +
                               encoders::Printable(type) +
                               "\"; captions and image-text matching need a model of type blip");
  }
  BlipConfig model;
  JsonFields vision = config.Object("vision_config");
  JsonFields text = config.Object("text_config");
  ESPY_RETURN_IF_ERROR(config.status());
  ReadVision(&vision, &model.vision);
  ESPY_RETURN_IF_ERROR(vision.status());
  ReadText(&text, &model.text);
  if (!text.Flag("tie_word_embeddings", true)) {
    text.Refuse("tie_word_embeddings", "is false; published BLIP models tie them",
                StatusCode::kUnsupported);
  }
  ESPY_RETURN_IF_ERROR(text.status());
  // transformers sets encoder_hidden_size so, whatever the file says.
  model.text.vision_width = model.vision.width;
  model.projection = config.Integer("image_text_hidden_size", 256, 1, encoders::kMaxWidth);
  ESPY_RETURN_IF_ERROR(config.status());

  JsonValue preprocessor;
  const JsonValue* part = nullptr;
  if (!sources.preprocessor.empty()) {
    ESPY_ASSIGN_OR_RETURN(preprocessor,
                          encoders::ParseJson(sources.preprocessor, sources.preprocessor_name,
                                              encoders::kConfigJson));
    // transformers 5 saves one processor_config.json, with the image processor's part in it.
    const JsonValue* inner = preprocessor.FindGiven("image_processor");
    part = inner != nullptr ? inner : &preprocessor;
  }
  ESPY_ASSIGN_OR_RETURN(
      model.preprocess,
      encoders::ReadBlipPreprocessor(part, model.vision.image_size, sources.preprocessor_name));
  return model;
}

}  // namespace

Result<BlipConfig> ParseBlipConfig(std::string_view config_json, std::string_view preprocessor_json,
                                   const std::string& name) {
  return Parse(
      {config_json, preprocessor_json, name + "/config.json", name + "/preprocessor_config.json"});
}

Result<BlipConfig> ReadBlipConfig(const std::string& directory) {
  Sources sources{.config_name = directory + "/config.json",
                  .preprocessor_name = directory + "/preprocessor_config.json"};
  ESPY_ASSIGN_OR_RETURN(const std::string config,
                        Env::Default()->ReadFile(sources.config_name, kMaxFileBytes));
  ESPY_ASSIGN_OR_RETURN(std::string preprocessor,
                        encoders::ReadIfThere(sources.preprocessor_name, kMaxFileBytes));
  if (preprocessor.empty()) {
    const std::string other = directory + "/processor_config.json";
    ESPY_ASSIGN_OR_RETURN(preprocessor, encoders::ReadIfThere(other, kMaxFileBytes));
    if (!preprocessor.empty()) sources.preprocessor_name = other;
  }
  sources.config = config;
  sources.preprocessor = preprocessor;
  return Parse(sources);
}

}  // namespace espy::captioning
