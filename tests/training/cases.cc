#include "tests/training/cases.h"

#include "base/check.h"
#include "tests/parity/formula.h"
#include "training/heads/draft_model.h"
#include "training/losses/contrastive.h"
#include "training/losses/language.h"
#include "training/losses/matching.h"
#include "training/ops/activation.h"
#include "training/ops/arithmetic.h"
#include "training/ops/attention.h"
#include "training/ops/cross_entropy.h"
#include "training/ops/embedding.h"
#include "training/ops/linear.h"
#include "training/ops/norm.h"
#include "training/tape.h"

namespace espy::training {
namespace {

using Numbers = std::vector<std::int64_t>;

AttentionShape ShapeOf(const nlohmann::json& args) {
  AttentionShape shape;
  shape.heads = args.at("heads");
  shape.scale = args.at("scale");
  shape.causal = args.value("causal", false);
  for (const auto& s : args.at("sequences")) shape.sequences.push_back({s[0], s[1], s[2], s[3]});
  shape.key_seen = args.value("key_seen", std::vector<std::uint8_t>{});
  return shape;
}

Node* Apply(Tape& tape, const std::string& op, const nlohmann::json& args,
            const std::map<std::string, Node*>& in) {
  const auto at = [&](const char* name) { return in.at(name); };
  const auto maybe = [&](const char* name) { return in.contains(name) ? in.at(name) : nullptr; };
  const auto numbers = [&](const char* name) { return args.at(name).get<Numbers>(); };
  const auto logits = [&] {
    std::vector<Node*> all;
    for (const auto& [name, node] : in) all.push_back(node);  // logits1, logits2, ... in order
    return all;
  };
  if (op == "linear") return Linear(tape, at("x"), at("weight"), maybe("bias"));
  if (op == "embedding") return Embedding(tape, at("table"), numbers("ids"));
  if (op == "layer_norm") {
    return LayerNorm(tape, at("x"), at("weight"), at("bias"), args.at("eps"));
  }
  if (op == "rms_norm") return RmsNorm(tape, at("x"), at("weight"), args.at("eps"));
  if (op == "l2_normalize") return L2Normalize(tape, at("x"));
  if (op == "gelu") return Activate(tape, Pointwise::kGelu, at("x"));
  if (op == "gelu_tanh") return Activate(tape, Pointwise::kGeluTanh, at("x"));
  if (op == "quick_gelu") return Activate(tape, Pointwise::kQuickGelu, at("x"));
  if (op == "silu") return Activate(tape, Pointwise::kSilu, at("x"));
  if (op == "join") return JoinColumns(tape, at("a"), at("b"));
  if (op == "attention") return Attention(tape, at("q"), at("k"), at("v"), ShapeOf(args));
  if (op == "cross_entropy") {
    return CrossEntropy(tape, at("logits"), numbers("targets"),
                        {.label_smoothing = args.value("smoothing", 0.0f)});
  }
  if (op == "clip") {
    return ClipLoss(tape, L2Normalize(tape, at("a")), L2Normalize(tape, at("b")), at("log_scale"));
  }
  if (op == "siglip") {
    return SiglipLoss(tape, L2Normalize(tape, at("a")), L2Normalize(tape, at("b")), at("log_scale"),
                      at("bias"));
  }
  if (op == "matching") {
    return MatchingLoss(tape, at("logits"),
                        {.text_of_image = numbers("texts"), .image_of_text = numbers("images")});
  }
  if (op == "language") {
    return LanguageLoss(tape, at("logits"), numbers("tokens"), numbers("lengths"),
                        {.label_smoothing = args.value("smoothing", 0.0f)});
  }
  if (op == "medusa") return MedusaLoss(tape, logits(), numbers("tokens"), numbers("lengths"));
  if (op == "mtp") return MtpLoss(tape, logits(), numbers("tokens"), numbers("lengths"));
  if (op == "bert_layer") {
    // Self-attention, cross-attention and MLP with post-norms, as a BLIP decoder's layer has them.
    const auto linear = [&](Node* x, const std::string& name) {
      return Linear(tape, x, in.at(name + "_weight"), in.at(name + "_bias"));
    };
    const auto attend = [&](Node* x, Node* keys, const std::string& name, const char* shape) {
      Node* joined = Attention(tape, linear(x, name + "_q"), linear(keys, name + "_k"),
                               linear(keys, name + "_v"), ShapeOf(args.at(shape)));
      return LayerNorm(tape, Add(tape, x, linear(joined, name + "_out")),
                       in.at(name + "_norm_weight"), in.at(name + "_norm_bias"), 1e-12f);
    };
    Node* x = attend(at("x"), at("x"), "self", "self");
    x = attend(x, at("picture"), "cross", "cross");
    Node* inner = linear(Activate(tape, Pointwise::kGelu, linear(x, "fc1")), "fc2");
    return LayerNorm(tape, Add(tape, x, inner), at("norm_weight"), at("norm_bias"), 1e-12f);
  }
  ESPY_CHECK(false, "a case names an operation that there is");
}

std::vector<float> InputOf(const nlohmann::json& c, const std::string& input) {
  const nlohmann::json& spec = c.at("inputs").at(input);
  const auto shape = spec.at("shape").get<Numbers>();
  return parity::FormulaValues(c.at("name").get<std::string>() + "." + input, shape[0] * shape[1],
                               spec.value("scale", 1.0f), spec.value("offset", 0.0f));
}

// Medusa heads or an MTP module over a frozen decoder: the inputs named by args.constants are the
// decoder's, the others the model's parameters.
CaseResult RunDraftCase(const nlohmann::json& c, Compute compute, ThreadPool* pool) {
  const nlohmann::json& args = c.at("args");
  FrozenDecoder decoder;
  decoder.width = args.at("width");
  decoder.vision_width = args.at("vision_width");
  decoder.vocabulary = args.at("vocabulary");
  decoder.heads = args.at("heads");
  decoder.inner = args.at("inner");
  decoder.words = InputOf(c, "words");
  decoder.transform_weight = InputOf(c, "transform_weight");
  decoder.transform_bias = InputOf(c, "transform_bias");
  decoder.norm_weight = InputOf(c, "norm_weight");
  decoder.norm_bias = InputOf(c, "norm_bias");
  decoder.output_bias = InputOf(c, "output_bias");
  HeadData data;
  data.width = decoder.width;
  data.vision_width = decoder.vision_width;
  data.image_tokens = args.at("image_tokens");
  data.tokens = args.at("tokens").get<Numbers>();
  data.lengths = args.at("lengths").get<Numbers>();
  data.pictures = args.at("pictures").get<Numbers>();
  data.hidden = InputOf(c, "hidden");
  data.images = InputOf(c, "images");
  const auto model = c.at("op") == "mtp_module"
                         ? NewMtpModule(&decoder, data.image_tokens, args.at("depths"), 1)
                         : NewMedusaHeads(&decoder, args.at("depths"), args.at("blocks"));
  for (Parameter& parameter : model->parameters().all()) {
    parameter.value = InputOf(c, parameter.name);
  }
  Numbers texts;
  for (std::int64_t text = 0; text < data.texts(); ++text) texts.push_back(text);
  const HeadBatch batch = GatherTexts(data, FirstRows(data), texts);
  Tape tape({.compute = compute, .pool = pool});
  Node* loss = model->Loss(tape, batch);
  tape.Backward(loss);
  CaseResult result{.loss = loss->scalar(), .gradients = {}};
  for (Parameter& parameter : model->parameters().all()) {
    result.gradients[parameter.name] = parameter.gradient;
  }
  return result;
}

}  // namespace

CaseResult RunCase(const nlohmann::json& c, Compute compute, ThreadPool* pool) {
  const std::string name = c.at("name");
  if (c.contains("args") && c.at("args").contains("constants")) {
    return RunDraftCase(c, compute, pool);
  }
  ParameterSet inputs;
  for (const auto& [input, spec] : c.at("inputs").items()) {
    const auto shape = spec.at("shape").get<Numbers>();
    Parameter* parameter = inputs.Add(input, shape[0], shape[1], false);
    parameter->value = InputOf(c, input);
  }
  Tape tape({.compute = compute, .pool = pool});
  std::map<std::string, Node*> nodes;
  for (Parameter& parameter : inputs.all()) nodes[parameter.name] = tape.Use(&parameter);
  Node* loss = Apply(tape, c.at("op"), c.value("args", nlohmann::json::object()), nodes);
  std::vector<float> factors;
  if (loss->size() != 1) {
    factors = parity::FormulaValues(name + ".factors", loss->size(), 1.0f);
    loss = Dot(tape, loss, factors);
  }
  tape.Backward(loss);
  CaseResult result{.loss = loss->scalar(), .gradients = {}};
  for (Parameter& parameter : inputs.all()) result.gradients[parameter.name] = parameter.gradient;
  return result;
}

}  // namespace espy::training
