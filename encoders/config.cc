#include "encoders/config.h"

#include <algorithm>
#include <optional>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/model_files.h"
#include "encoders/openclip/openclip_config.h"
#include "encoders/optional_file.h"
#include "encoders/preprocessor_config.h"
#include "encoders/tower_fields.h"

namespace espy::encoders {
namespace {

constexpr std::uint64_t kMaxFileBytes = 4 << 20;  // published ones are below 10 KB
constexpr std::int64_t kMaxId = (std::int64_t{1} << 31) - 1;

// As transformers' configuration classes have it.
constexpr TowerDefaults kClipText{512, 2048, 12, 8, "quick_gelu", 1e-5};
constexpr TowerDefaults kClipVision{768, 3072, 12, 12, "quick_gelu", 1e-5};
constexpr TowerDefaults kSiglipTower{768, 3072, 12, 12, "gelu_pytorch_tanh", 1e-6};

// num_patches: positions were learned for a square grid of so many. Returns its side.
std::int64_t ReadPositionGrid(JsonFields* fields) {
  const std::int64_t patches = fields->Integer("num_patches", 256, 1, kMaxPatches);
  std::int64_t side = 1;
  while (side * side < patches) ++side;
  if (side * side != patches) {
    fields->Refuse("num_patches", "is " + std::to_string(patches) + ", which is no square");
  }
  return side;
}

void ReadVision(JsonFields* fields, Family family, VisionConfig* vision) {
  const bool clip = family == Family::kClip;
  ReadTower(fields, clip ? kClipVision : kSiglipTower, vision);
  vision->patch_size = ReadSquareSide(fields, "patch_size", clip ? 32 : 16);
  vision->image_size = family == Family::kSiglip2 ? ReadPositionGrid(fields) * vision->patch_size
                                                  : ReadSquareSide(fields, "image_size", 224);
  // transformers rounds down: a last strip narrower than a patch is not looked at.
  const std::int64_t across = vision->image_size / vision->patch_size;
  if (across < 1 || across * across > kMaxPatches) {
    fields->Refuse("image_size", std::to_string(vision->image_size) + " holds " +
                                     std::to_string(across * across) + " patches of " +
                                     std::to_string(vision->patch_size) +
                                     " pixels a side, outside 1 to " + std::to_string(kMaxPatches));
  }
  if (fields->Integer("num_channels", 3, 1, 1024) != 3) {
    fields->Refuse("num_channels", "is not 3: only colour pictures are supported",
                   StatusCode::kUnsupported);
  }
  vision->attention_pool = !clip && fields->Flag("vision_use_head", true);
  if (!clip && !vision->attention_pool) {
    fields->Refuse("vision_use_head", "is false: without its head the model gives no embedding",
                   StatusCode::kUnsupported);
  }
}

void ReadText(JsonFields* fields, Family family, TextConfig* text) {
  const bool clip = family == Family::kClip;
  ReadTower(fields, clip ? kClipText : kSiglipTower, text);
  text->vocabulary = fields->Integer("vocab_size", clip ? 49408 : 32000, 1, kMaxVocabulary);
  // At least the start, one token and the end.
  text->context = fields->Integer("max_position_embeddings", clip ? 77 : 64, 3, kMaxContext);
  text->eos_id = fields->Integer("eos_token_id", 49407, 0, kMaxId);
  text->pad_id = fields->Integer("pad_token_id", 1, 0, kMaxId);
  // SigLIP's configuration carries CLIP's numbers, which mean nothing there; CLIP pools at this
  // token.
  if (clip && text->eos_id >= text->vocabulary) {
    fields->Refuse("eos_token_id", "is " + std::to_string(text->eos_id) +
                                       ", not below vocab_size " +
                                       std::to_string(text->vocabulary));
  }
}

// The object that describes one tower. Old files carry `text_config_dict` beside `text_config`:
// transformers builds a whole configuration from the former, defaults included, and lets every
// value of it override the latter's. So where the _dict is given, the other is not looked at.
JsonFields TowerFields(JsonFields* config, const std::string& key) {
  return config->Has(key + "_dict") ? config->Object(key + "_dict") : config->Object(key);
}

Result<Family> ReadFamily(JsonFields* config) {
  const std::string type = config->Text("model_type", "");
  ESPY_RETURN_IF_ERROR(config->status());
  if (type == "clip") return Family::kClip;
  if (type == "siglip") return Family::kSiglip;
  if (type == "siglip2") return Family::kSiglip2;
  if (type.empty()) {
    return Status::InvalidArgument(config->where() +
                                   ": model_type is missing; it must be clip, siglip or siglip2");
  }
  return Status::Unsupported(config->where() + ": model_type \"" + Printable(type) +
                             "\" is not supported; models of type clip, siglip and siglip2 are");
}

// `text` is empty where there is no espy.json.
Status ReadEspy(std::string_view text, const std::string& name, ModelConfig* model) {
  if (text.empty()) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(const JsonValue espy, ParseJson(text, name, kConfigJson));
  if (espy.AsObject() == nullptr) return Status::InvalidArgument(name + ": not an object");
  JsonFields fields(&espy, name);
  const std::string loss = fields.Text("loss", model->sigmoid ? "sigmoid" : "softmax");
  if (loss != "sigmoid" && loss != "softmax") {
    fields.Refuse("loss", "is \"" + Printable(loss) + "\"; it must be sigmoid or softmax");
  }
  model->sigmoid = loss == "sigmoid";
  model->logit_bias = static_cast<float>(fields.Number("logit_bias", 0, -1e4, 1e4));
  return fields.status();
}

struct Sources {  // texts and the names that messages give them; an empty text is an absent file
  std::string_view config, preprocessor, espy;
  std::string config_name, preprocessor_name, espy_name;
};

Result<ModelConfig> Parse(const Sources& sources) {
  ESPY_ASSIGN_OR_RETURN(const JsonValue root,
                        ParseJson(sources.config, sources.config_name, kConfigJson));
  if (root.AsObject() == nullptr) {
    return Status::InvalidArgument(sources.config_name + ": not an object");
  }
  JsonFields config(&root, sources.config_name);
  ModelConfig model;
  ESPY_ASSIGN_OR_RETURN(model.family, ReadFamily(&config));
  JsonFields vision = TowerFields(&config, "vision_config");
  JsonFields text = TowerFields(&config, "text_config");
  ESPY_RETURN_IF_ERROR(config.status());
  ReadVision(&vision, model.family, &model.vision);
  ESPY_RETURN_IF_ERROR(vision.status());
  ReadText(&text, model.family, &model.text);
  ESPY_RETURN_IF_ERROR(text.status());
  if (model.family == Family::kClip) {
    model.projection = config.Integer("projection_dim", 512, 1, kMaxWidth);
    ESPY_RETURN_IF_ERROR(config.status());
  } else {
    model.sigmoid = true;
    model.projection = text.Integer("projection_size", model.text.width, 1, kMaxWidth);
    if (model.projection != model.vision.width) {
      text.Refuse("projection_size", "is " + std::to_string(model.projection) +
                                         ", but the vision tower's vectors have " +
                                         std::to_string(model.vision.width) + " dimensions");
    }
    ESPY_RETURN_IF_ERROR(text.status());
  }

  JsonValue preprocessor;
  if (!sources.preprocessor.empty()) {
    ESPY_ASSIGN_OR_RETURN(preprocessor,
                          ParseJson(sources.preprocessor, sources.preprocessor_name, kConfigJson));
  }
  // transformers 5 saves one processor_config.json, which holds the image processor's part under
  // its own key.
  const JsonValue* part = sources.preprocessor.empty() ? nullptr : &preprocessor;
  if (const JsonValue* inner = preprocessor.FindGiven("image_processor")) part = inner;
  ESPY_ASSIGN_OR_RETURN(model.preprocess, ReadPreprocessor(part, model.family, model.vision,
                                                           sources.preprocessor_name));

  model.tokenizer.family = FamilyName(model.family);
  ESPY_RETURN_IF_ERROR(ReadEspy(sources.espy, sources.espy_name, &model));
  return model;
}

}  // namespace

std::int64_t ReadSquareSide(JsonFields* fields, std::string_view key, std::int64_t otherwise) {
  const JsonValue* field = fields->Raw(key);
  const JsonValue::Array* pair = field == nullptr ? nullptr : field->AsArray();
  if (pair == nullptr) return fields->Integer(key, otherwise, 1, kMaxImage);
  const std::optional<std::int64_t> first =
      pair->size() == 2 ? WholeNumber((*pair)[0]) : std::nullopt;
  const std::optional<std::int64_t> second =
      pair->size() == 2 ? WholeNumber((*pair)[1]) : std::nullopt;
  if (!first || first != second) {
    fields->Refuse(key, "is not one side or two equal ones: only square pictures are supported",
                   StatusCode::kUnsupported);
    return otherwise;
  }
  if (*first < 1 || *first > kMaxImage) {
    fields->Refuse(key,
                   "is " + std::to_string(*first) + ", outside 1 to " + std::to_string(kMaxImage));
    return otherwise;
  }
  return *first;
}

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kClip:
      return "clip";
    case Family::kSiglip:
      return "siglip";
    case Family::kSiglip2:
      return "siglip2";
  }
  return "";
}

Result<ModelConfig> ReadModelConfig(const std::string& directory) {
  Sources sources;
  sources.config_name = directory + "/" + ConfigFileName(directory);
  sources.preprocessor_name = directory + "/preprocessor_config.json";
  sources.espy_name = directory + "/espy.json";
  ESPY_ASSIGN_OR_RETURN(const std::string config,
                        Env::Default()->ReadFile(sources.config_name, kMaxFileBytes));
  ESPY_ASSIGN_OR_RETURN(const std::string espy, ReadIfThere(sources.espy_name, kMaxFileBytes));
  if (LayoutOf(directory) == Layout::kOpenClip) {
    ESPY_ASSIGN_OR_RETURN(ModelConfig model, ParseOpenClipConfig(config, sources.config_name));
    ESPY_RETURN_IF_ERROR(ReadEspy(espy, sources.espy_name, &model));
    return model;
  }
  ESPY_ASSIGN_OR_RETURN(std::string preprocessor,
                        ReadIfThere(sources.preprocessor_name, kMaxFileBytes));
  if (preprocessor.empty()) {
    const std::string other = directory + "/processor_config.json";
    ESPY_ASSIGN_OR_RETURN(preprocessor, ReadIfThere(other, kMaxFileBytes));
    if (!preprocessor.empty()) sources.preprocessor_name = other;
  }
  sources.config = config;
  sources.preprocessor = preprocessor;
  sources.espy = espy;
  return Parse(sources);
}

Result<ModelConfig> ParseModelConfig(std::string_view config_json,
                                     std::string_view preprocessor_json, const std::string& name,
                                     std::string_view espy_json) {
  return Parse({config_json, preprocessor_json, espy_json, name + "/config.json",
                name + "/preprocessor_config.json", name + "/espy.json"});
}

}  // namespace espy::encoders
