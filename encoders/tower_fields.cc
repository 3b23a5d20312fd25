#include "encoders/tower_fields.h"

#include <algorithm>
#include <string>

#include "encoders/config_limits.h"

namespace espy::encoders {
namespace {

struct ActivationName {
  std::string_view name;
  Activation activation;
};
// transformers' ACT2FN names of the three functions.
constexpr ActivationName kActivations[] = {
    {"quick_gelu", Activation::kQuickGelu},      {"gelu", Activation::kGelu},
    {"gelu_python", Activation::kGelu},          {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_python_tanh", Activation::kGeluTanh}, {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},        {"gelu_accurate", Activation::kGeluTanh},
};

}  // namespace

void ReadTower(JsonFields* fields, const TowerDefaults& defaults, TowerConfig* tower) {
  tower->width = fields->Integer("hidden_size", defaults.width, 1, kMaxWidth);
  tower->inter = fields->Integer("intermediate_size", defaults.inter, 1, kMaxInter);
  tower->layers = fields->Integer("num_hidden_layers", defaults.layers, 1, kMaxLayers);
  tower->heads = fields->Integer("num_attention_heads", defaults.heads, 1, kMaxWidth);
  tower->norm_eps =
      static_cast<float>(fields->Number("layer_norm_eps", defaults.norm_eps, 1e-12, 0.1));
  if (tower->width % tower->heads != 0) {
    fields->Refuse("hidden_size", std::to_string(tower->width) +
                                      " is not a multiple of num_attention_heads " +
                                      std::to_string(tower->heads));
  }
  const std::string name = fields->Text("hidden_act", defaults.activation);
  const auto* known =
      std::find_if(std::begin(kActivations), std::end(kActivations),
                   [&](const ActivationName& activation) { return activation.name == name; });
  if (known == std::end(kActivations)) {
    fields->Refuse(
        "hidden_act",
        "is \"" + Printable(name) + "\"; this version has quick_gelu, gelu and gelu_pytorch_tanh",
        StatusCode::kUnsupported);
  } else {
    tower->activation = known->activation;
  }
}

}  // namespace espy::encoders
