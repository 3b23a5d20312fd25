// Any bytes -> Medusa heads and an MTP module of a decoder of width 4. Whatever is taken runs, and
// drafts from it are in the vocabulary, NaN and infinities among its numbers or not; whatever is
// refused names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "captioning/drafts/heads_drafter.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy::captioning;
  const auto parsed = espy::encoders::Safetensors::Parse({data, size}, "fuzzed");
  if (!parsed.ok()) return 0;
  TextConfig config;
  config.width = 4;
  config.heads = 2;
  config.inter = 4;
  config.layers = 1;
  config.activation = espy::encoders::Activation::kGelu;
  config.vision_width = 4;
  config.vocabulary = 5;
  config.context = 8;
  const auto heads = MedusaHeads::Load(**parsed, config.width, {nullptr});
  if (heads.ok()) {
    const float hidden[4] = {1, -2, 0.5f, 3};
    std::vector<float> states(static_cast<std::size_t>((*heads)->count()) * 4);
    (*heads)->Run(hidden, (*heads)->count(), states.data(), nullptr);
    for (const std::int32_t token :
         TopTokens(states.data(), static_cast<std::int64_t>(states.size()), 8)) {
      Require(token >= 0 && static_cast<std::size_t>(token) < states.size());
    }
    AcceptanceTable table;
    (*heads)->acceptance().SetPriors(1, 16, &table);
    for (int depth = 1; depth <= 16; ++depth) {
      Require(table.Chance(depth, 0) >= 0 && table.Chance(depth, 0) <= 1);
    }
  } else {
    Require(heads.status().message().find("fuzzed") == 0);
  }
  const auto module = MtpModule::Load(**parsed, config, {nullptr});
  if (module.ok()) {
    const float image[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const float rows[8] = {1, 0, 0, 1, -1, 2, 0, 3};
    const std::int32_t chain[2] = {-1, 0};
    MtpState state(config);
    Require((*module)->Begin(image, 2, &state).ok());
    const float* out = nullptr;
    Require((*module)->Run(rows, rows, chain, &state, &out).ok());
  } else {
    Require(module.status().message().find("fuzzed") == 0);
  }
  return 0;
}
