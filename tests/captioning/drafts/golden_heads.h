// The decoder, heads and module of goldens.json, their weights by formula.
#ifndef ESPY_TESTS_CAPTIONING_DRAFTS_GOLDEN_HEADS_H_
#define ESPY_TESTS_CAPTIONING_DRAFTS_GOLDEN_HEADS_H_

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/drafts/medusa_heads.h"
#include "captioning/drafts/mtp_module.h"
#include "encoders/safetensors.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::captioning {

// One safetensors file in memory, kept with its bytes.
struct FormulaFile {
  std::string bytes;
  std::unique_ptr<encoders::Safetensors> file;
};

inline std::vector<parity::FormulaTensor> FormulaTensors(const nlohmann::json& specs) {
  std::vector<parity::FormulaTensor> tensors;
  for (const auto& spec : specs) {
    tensors.push_back({spec[0].get<std::string>(), spec[1].get<std::vector<std::int64_t>>(),
                       spec[2].get<float>(), spec[3].get<float>()});
  }
  return tensors;
}

inline FormulaFile MakeFile(const std::vector<parity::FormulaTensor>& tensors,
                            const std::string& name, std::string_view dtype = "F32") {
  FormulaFile made;
  made.bytes = parity::FormulaSafetensors(tensors, dtype);
  auto parsed = encoders::Safetensors::Parse(
      {reinterpret_cast<const std::uint8_t*>(made.bytes.data()), made.bytes.size()}, name);
  EXPECT_TRUE(parsed.ok()) << testing::Why(parsed);
  made.file = std::move(*parsed);
  return made;
}

struct GoldenHeads {
  nlohmann::json golden;
  TextConfig config;
  FormulaFile decoder_file;
  std::unique_ptr<TextDecoder> decoder;
  std::unique_ptr<MedusaHeads> heads;
  std::unique_ptr<MtpModule> module;
  std::vector<float> hidden;
  std::vector<float> image;

  explicit GoldenHeads(ThreadPool* pool = nullptr) {
    golden = nlohmann::json::parse(testing::ReadFileOrDie(std::string(ESPY_SOURCE_DIR) +
                                                          "/tests/captioning/drafts/goldens.json"));
    const auto& sizes = golden["config"];
    config.width = sizes["width"];
    config.heads = sizes["heads"];
    config.inter = sizes["inter"];
    config.layers = 1;
    config.activation = encoders::Activation::kGelu;
    config.norm_eps = sizes["norm_eps"];
    config.vision_width = sizes["vision_width"];
    config.vocabulary = sizes["vocabulary"];
    config.context = sizes["context"];
    decoder_file = MakeFile(FormulaTensors(golden["decoder"]), "decoder");
    auto loaded = TextDecoder::Load(
        encoders::Weights(decoder_file.file.get(), "text_decoder", {pool}), config);
    EXPECT_TRUE(loaded.ok()) << testing::Why(loaded);
    decoder = std::move(*loaded);
    const FormulaFile medusa = MakeFile(FormulaTensors(golden["medusa"]), "medusa");
    auto medusa_loaded = MedusaHeads::Load(*medusa.file, config.width, {pool});
    EXPECT_TRUE(medusa_loaded.ok()) << testing::Why(medusa_loaded);
    heads = std::move(*medusa_loaded);
    const FormulaFile mtp = MakeFile(FormulaTensors(golden["mtp"]), "mtp");
    auto mtp_loaded = MtpModule::Load(*mtp.file, config, {pool});
    EXPECT_TRUE(mtp_loaded.ok()) << testing::Why(mtp_loaded);
    module = std::move(*mtp_loaded);
    hidden =
        parity::FormulaValues("hidden", sizes["rows"].get<std::int64_t>() * config.width, 1.5f);
    image = parity::FormulaValues("image", image_tokens() * config.vision_width, 1.0f);
  }
  std::int64_t rows() const { return golden["config"]["rows"]; }
  std::int64_t image_tokens() const { return golden["config"]["image_tokens"]; }
};

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_DRAFTS_GOLDEN_HEADS_H_
