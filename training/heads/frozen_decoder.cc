#include "training/heads/frozen_decoder.h"

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/weights.h"
#include "training/ops/linear.h"
#include "training/ops/norm.h"

namespace espy::training {
namespace {
constexpr std::uint64_t kMaxConfigBytes = 1 << 20;
// Far above any published captioner, far below what overflows a product of two.
constexpr std::int64_t kMaxWidth = 8192;
constexpr std::int64_t kMaxVocabulary = 1 << 20;

Status ReadConfig(const std::string& path, FrozenDecoder* decoder) {
  ESPY_ASSIGN_OR_RETURN(const std::string text, Env::Default()->ReadFile(path, kMaxConfigBytes));
  ESPY_ASSIGN_OR_RETURN(const encoders::JsonValue json, encoders::ParseJson(text, path));
  encoders::JsonFields all(&json, path);
  encoders::JsonFields fields = all.Object("text_config");
  decoder->width = fields.Integer("hidden_size", 768, 1, kMaxWidth);
  decoder->heads = fields.Integer("num_attention_heads", 8, 1, 256);
  decoder->inner = fields.Integer("intermediate_size", 3072, 1, 4 * kMaxWidth);
  decoder->vocabulary = fields.Integer("vocab_size", 30524, 1, kMaxVocabulary);
  decoder->eps = static_cast<float>(fields.Number("layer_norm_eps", 1e-12, 0, 1));
  const std::string activation = fields.Text("hidden_act", "gelu");
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new") {
    decoder->activation = Pointwise::kGeluTanh;
  } else if (activation == "quick_gelu") {
    decoder->activation = Pointwise::kQuickGelu;
  } else if (activation != "gelu") {
    fields.Refuse("hidden_act", "is none of gelu, gelu_new, gelu_pytorch_tanh and quick_gelu",
                  StatusCode::kUnsupported);
  }
  if (decoder->width % decoder->heads != 0) {
    fields.Refuse("num_attention_heads", "does not divide hidden_size");
  }
  encoders::JsonFields vision = all.Object("vision_config");
  decoder->vision_width = vision.Integer("hidden_size", 768, 1, kMaxWidth);
  ESPY_RETURN_IF_ERROR(fields.status());
  return vision.status();
}
}  // namespace

Node* FrozenDecoder::Logits(Tape& tape, Node* hidden) const {
  const auto row = [&](const std::vector<float>& v) {
    return tape.Constant(v.data(), 1, static_cast<std::int64_t>(v.size()));
  };
  Node* x = Linear(tape, hidden, tape.Constant(transform_weight.data(), width, width),
                   row(transform_bias));
  x = LayerNorm(tape, Activate(tape, activation, x), row(norm_weight), row(norm_bias), eps);
  return Linear(tape, x, tape.Constant(words.data(), vocabulary, width), row(output_bias));
}

Result<FrozenDecoder> ReadFrozenDecoder(const std::string& directory) {
  FrozenDecoder decoder;
  ESPY_RETURN_IF_ERROR(ReadConfig(directory + "/config.json", &decoder));
  ESPY_ASSIGN_OR_RETURN(const auto file,
                        encoders::Safetensors::Open(directory + "/model.safetensors"));
  const encoders::Weights weights(file.get(), "text_decoder", encoders::TowerOptions(nullptr));
  const std::int64_t d = decoder.width;
  const std::int64_t n = decoder.vocabulary;
  const std::string head = "cls.predictions.";
  ESPY_ASSIGN_OR_RETURN(decoder.words,
                        weights.Vector("bert.embeddings.word_embeddings.weight", {n, d}));
  ESPY_ASSIGN_OR_RETURN(decoder.transform_weight,
                        weights.Vector(head + "transform.dense.weight", {d, d}));
  ESPY_ASSIGN_OR_RETURN(decoder.transform_bias, weights.Vector(head + "transform.dense.bias", {d}));
  ESPY_ASSIGN_OR_RETURN(decoder.norm_weight,
                        weights.Vector(head + "transform.LayerNorm.weight", {d}));
  ESPY_ASSIGN_OR_RETURN(decoder.norm_bias, weights.Vector(head + "transform.LayerNorm.bias", {d}));
  ESPY_ASSIGN_OR_RETURN(decoder.output_bias, weights.Vector(head + "bias", {n}));
  return decoder;
}

}  // namespace espy::training
