#include "encoders/openclip/openclip_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/openclip/timm_towers.h"
#include "encoders/preprocessor_config.h"

namespace espy::encoders {
namespace {

using imaging::PreprocessSpec;

void Unsupported(JsonFields* fields, std::string_view key, const std::string& why) {
  fields->Refuse(key, why, StatusCode::kUnsupported);
}

// Parts of open_clip's towers that change what they compute and that Espy's do not have.
void RefuseVariants(JsonFields* fields) {
  for (const char* key :
       {"ls_init_value", "attentional_pool", "no_ln_pre", "qk_norm", "scaled_cosine_attn",
        "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc", "embed_cls"}) {
    const JsonValue* field = fields->Raw(key);
    const bool off = field == nullptr || (field->AsBool() != nullptr && !*field->AsBool());
    if (!off) Unsupported(fields, key, "is set, which this version does not compute");
  }
}

Activation ReadActivation(JsonFields* fields, bool quick_gelu) {
  JsonFields arguments = fields->Object("act_kwargs");
  const std::string approximate = arguments.Text("approximate", "none");
  fields->Merge(arguments.status());
  if (approximate == "tanh" && !quick_gelu) return Activation::kGeluTanh;
  if (approximate != "none") {
    Unsupported(fields, "act_kwargs",
                "asks for \"" + Printable(approximate) + "\", which no GELU here has");
  }
  return quick_gelu ? Activation::kQuickGelu : Activation::kGelu;
}

// What both towers of open_clip's own have in common; `heads` is read by the caller.
void ReadTower(JsonFields* fields, std::int64_t width, bool quick_gelu, TowerConfig* tower) {
  tower->width = fields->Integer("width", width, 1, kMaxWidth);
  if (const JsonValue* layers = fields->Raw("layers"); layers != nullptr && layers->AsArray()) {
    Unsupported(fields, "layers", "is a list: the tower is a ResNet; use a ViT model");
    return;
  }
  tower->layers = fields->Integer("layers", 12, 1, kMaxLayers);
  const double ratio = fields->Number("mlp_ratio", 4.0, 1e-3, 1e3);
  tower->inter = static_cast<std::int64_t>(static_cast<double>(tower->width) * ratio);
  if (tower->inter < 1 || tower->inter > kMaxInter) {
    fields->Refuse("mlp_ratio", "makes the MLP " + std::to_string(tower->inter) +
                                    " wide, outside 1 to " + std::to_string(kMaxInter));
  }
  tower->activation = ReadActivation(fields, quick_gelu);
  JsonFields norm = fields->Object("norm_kwargs");
  tower->norm_eps = static_cast<float>(norm.Number("eps", 1e-5, 1e-12, 0.1));
  fields->Merge(norm.status());
  RefuseVariants(fields);
}

// image_size and patch_size, and how many patches they make.
void ReadSizes(JsonFields* fields, std::int64_t image, std::int64_t patch, VisionConfig* vision) {
  vision->image_size = ReadSquareSide(fields, "image_size", image);
  vision->patch_size = ReadSquareSide(fields, "patch_size", patch);
  const std::int64_t across = vision->image_size / vision->patch_size;
  if (across < 1 || across * across > kMaxPatches) {
    fields->Refuse("image_size", std::to_string(vision->image_size) + " holds " +
                                     std::to_string(across * across) + " patches, outside 1 to " +
                                     std::to_string(kMaxPatches));
  }
}

void ReadVision(JsonFields* fields, bool quick_gelu, VisionConfig* vision) {
  ReadTower(fields, 768, quick_gelu, vision);
  const std::int64_t head_width = fields->Integer("head_width", 64, 1, kMaxWidth);
  vision->heads = std::max<std::int64_t>(vision->width / head_width, 1);
  if (vision->width % vision->heads != 0) {
    fields->Refuse("width", std::to_string(vision->width) + " is not a multiple of its " +
                                std::to_string(vision->heads) + " heads");
  }
  ReadSizes(fields, 224, 16, vision);
  const std::string pool = fields->Text("pool_type", "tok");
  if (pool != "tok") {
    Unsupported(fields, "pool_type",
                "is \"" + Printable(pool) + "\"; only tok, the class token, is read");
  }
}

void ReadTimmVision(JsonFields* fields, VisionConfig* vision) {
  const std::string name = fields->Text("timm_model_name", "");
  const VisionConfig* known = FindTimmTower(name);
  if (known == nullptr) {
    Unsupported(fields, "timm_model_name",
                "is \"" + Printable(name) + "\"; of timm's towers only SigLIP's are read");
    return;
  }
  *vision = *known;
  vision->image_size = ReadSquareSide(fields, "image_size", known->image_size);
  if (vision->image_size / vision->patch_size != known->image_size / known->patch_size) {
    fields->Refuse("image_size", "is " + std::to_string(vision->image_size) + ", but " +
                                     Printable(name) + " takes " +
                                     std::to_string(known->image_size));
  }
  if (fields->Text("timm_pool", "avg") != "map" || fields->Text("timm_proj", "linear") != "none") {
    Unsupported(fields, "timm_pool",
                "and timm_proj are not map and none, which SigLIP's towers have");
  }
}

void ReadText(JsonFields* fields, bool siglip, bool quick_gelu, TextConfig* text) {
  if (fields->Has("hf_model_name")) {
    Unsupported(
        fields, "hf_model_name",
        "is given: text towers of transformers are not read; use a model with open_clip's own");
    return;
  }
  ReadTower(fields, 512, quick_gelu, text);
  text->heads = fields->Integer("heads", 8, 1, kMaxWidth);
  if (text->width % text->heads != 0) {
    fields->Refuse("width", std::to_string(text->width) + " is not a multiple of its " +
                                std::to_string(text->heads) + " heads");
  }
  text->vocabulary = fields->Integer("vocab_size", 49408, 1, kMaxVocabulary);
  text->context = fields->Integer("context_length", 77, 3, kMaxContext);
  text->eos_id = 2;  // pooling at the largest id
  const std::string pool = fields->Text("pool_type", "argmax");
  const bool masked = !fields->Flag("no_causal_mask", false);
  const bool bias = fields->Flag("proj_bias", false);
  if (fields->Text("proj_type", "linear") != "linear" ||
      (siglip ? pool != "last" || masked || !bias : pool != "argmax" || !masked || bias)) {
    Unsupported(fields, "pool_type",
                "\"" + Printable(pool) +
                    "\" with this mask and projection is neither CLIP's text "
                    "tower nor SigLIP's");
  }
}

TokenizerKind ReadTokenizer(JsonFields* text, bool siglip) {
  TokenizerKind kind;
  kind.family = siglip ? "siglip" : "clip";
  kind.simple = text->Text("hf_tokenizer_name", "").empty();
  if (siglip && kind.simple) {
    Unsupported(text, "hf_tokenizer_name", "is missing, which SigLIP's text tower needs");
  }
  if (!text->Text("tokenizer_mode", "").empty()) {
    Unsupported(text, "tokenizer_mode", "is set, which this version does not follow");
  }
  JsonFields arguments = text->Object("tokenizer_kwargs");
  for (const char* key : {"strip_sep_token", "reduction_mask", "language"}) {
    const JsonValue* field = arguments.Raw(key);
    if (field != nullptr && !(field->AsBool() != nullptr && !*field->AsBool())) {
      Unsupported(&arguments, key, "is set, which this version does not follow");
    }
  }
  const std::string clean = arguments.Text("clean", kind.simple ? "lower" : "whitespace");
  constexpr std::pair<std::string_view, TextCleaning> kCleanings[] = {
      {"lower", TextCleaning::kLower},
      {"whitespace", TextCleaning::kWhitespace},
      {"canonicalize", TextCleaning::kCanonicalize}};
  const auto* known = std::find_if(std::begin(kCleanings), std::end(kCleanings),
                                   [&](const auto& entry) { return entry.first == clean; });
  if (known == std::end(kCleanings)) {
    Unsupported(&arguments, "clean",
                "is \"" + Printable(clean) + "\"; it must be lower, whitespace or canonicalize");
  } else {
    kind.cleaning = known->second;
  }
  text->Merge(arguments.status());
  return kind;
}

PreprocessSpec ReadPreprocess(JsonFields* fields, std::int64_t image_size) {
  PreprocessSpec spec;
  spec.width = static_cast<std::int32_t>(image_size);
  spec.height = spec.width;
  spec.resize_shortest = spec.width;
  spec.crop_start = PreprocessSpec::CropStart::kNearest;
  const std::string mode = fields->Text("resize_mode", "shortest");
  if (mode == "squash") {
    spec.fit = PreprocessSpec::Fit::kSquash;
  } else if (mode != "shortest") {
    Unsupported(fields, "resize_mode",
                "is \"" + Printable(mode) + "\"; it must be shortest or squash");
  }
  // "random" is a choice of training; open_clip takes bicubic for it otherwise.
  const std::string filter = fields->Text("interpolation", "bicubic");
  if (filter == "bilinear") {
    spec.filter = imaging::Filter::kBilinear;
  } else if (filter != "bicubic" && filter != "random") {
    Unsupported(fields, "interpolation",
                "is \"" + Printable(filter) + "\"; it must be bicubic or bilinear");
  }
  spec.mean = kClipMean;
  spec.std = kClipStd;
  ReadChannels(fields, "mean", -1e6, 1e6, &spec.mean);
  ReadChannels(fields, "std", 1e-6, 1e6, &spec.std);
  return spec;
}

}  // namespace

Result<ModelConfig> ParseOpenClipConfig(std::string_view text, const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const JsonValue root, ParseJson(text, name, kConfigJson));
  if (root.AsObject() == nullptr) return Status::InvalidArgument(name + ": not an object");
  JsonFields fields(&root, name);
  if (!fields.Has("model_cfg")) {
    fields.Refuse("model_cfg",
                  "is missing; use the open_clip_config.json of the model's publisher");
  }
  JsonFields model_cfg = fields.Object("model_cfg");
  ESPY_RETURN_IF_ERROR(fields.status());
  if (model_cfg.Has("multimodal_cfg")) {
    Unsupported(&model_cfg, "multimodal_cfg",
                "is given: CoCa models are not read; use a CLIP model");
  }
  JsonFields vision = model_cfg.Object("vision_cfg"), words = model_cfg.Object("text_cfg");
  JsonFields preprocess = fields.Object("preprocess_cfg");
  ESPY_RETURN_IF_ERROR(fields.status());
  ESPY_RETURN_IF_ERROR(model_cfg.status());

  ModelConfig model;
  const bool siglip = vision.Has("timm_model_name");
  const bool quick_gelu = model_cfg.Flag("quick_gelu", false);
  model.family = siglip ? Family::kSiglip : Family::kClip;
  if (siglip) {
    ReadTimmVision(&vision, &model.vision);
  } else {
    ReadVision(&vision, quick_gelu, &model.vision);
  }
  ESPY_RETURN_IF_ERROR(vision.status());
  ReadText(&words, siglip, quick_gelu, &model.text);
  model.tokenizer = ReadTokenizer(&words, siglip);
  ESPY_RETURN_IF_ERROR(words.status());
  model.projection = model_cfg.Integer("embed_dim", 512, 1, kMaxWidth);
  if (siglip && model.projection != model.vision.width) {
    model_cfg.Refuse("embed_dim", "is " + std::to_string(model.projection) +
                                      ", but the vision tower's vectors have " +
                                      std::to_string(model.vision.width) + " dimensions");
  }
  model.sigmoid = model_cfg.Has("init_logit_bias");  // only the sigmoid loss has a bias
  ESPY_RETURN_IF_ERROR(model_cfg.status());
  model.preprocess = ReadPreprocess(&preprocess, model.vision.image_size);
  ESPY_RETURN_IF_ERROR(preprocess.status());
  return model;
}

}  // namespace espy::encoders
