// Both towers against the embeddings that transformers gives for the same weights and inputs
// (goldens.json).
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "encoders/config.h"
#include "encoders/safetensors.h"
#include "encoders/tower.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

using nlohmann::json;

const json& Goldens() {
  static const json goldens =
      json::parse(std::ifstream(ESPY_SOURCE_DIR "/tests/parity/goldens.json"));
  return goldens;
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const json& golden : Goldens()["cases"]) names.push_back(golden["name"]);
  return names;
}

// The model of a case, written as its publisher would ship it.
struct Model {
  explicit Model(const json& golden) {
    std::vector<parity::FormulaTensor> tensors;
    for (const json& t : golden["tensors"]) tensors.push_back({t[0], t[1], t[2], t[3]});
    directory.Write("config.json", golden["config"].dump());
    directory.Write("model.safetensors",
                    parity::FormulaSafetensors(tensors, golden["dtype"].get<std::string>()));
  }
  testing::TempDir directory;
};

Padding PaddingOf(const json& golden) {
  return {.id = golden["pad"].get<std::int32_t>(), .left = golden.value("pads_left", false)};
}

struct Agreement {
  double cosine = 1;      // the least of any row
  double difference = 0;  // the largest, as a part of its row's norm
};

Agreement Compare(const std::vector<float>& got, const json& expected) {
  Agreement agreement;
  std::size_t at = 0;
  for (const json& row : expected) {
    double dot = 0, squares = 0, own = 0, largest = 0;
    for (const json& x : row) {
      const double e = x.get<double>(), g = got.at(at++);
      dot += e * g;
      squares += e * e;
      own += g * g;
      largest = std::max(largest, std::abs(e - g));
    }
    agreement.cosine = std::min(agreement.cosine, dot / std::sqrt(squares * own));
    agreement.difference = std::max(agreement.difference, largest / std::sqrt(squares));
  }
  EXPECT_EQ(at, got.size());
  return agreement;
}

// Both sides sum in FP32, in different orders: a sum of n terms is uncertain by about sqrt(n) *
// 2^-24 of its size, some 1e-6 at these widths, and each layer adds as much again. 1e-4 of the norm
// leaves room for the deepest published towers; a wrong formula (exact for tanh GELU, a swapped
// head) shows as 1e-3 and more.
constexpr double kMinCosine = 0.99999;
constexpr double kMaxDifference = 1e-4;

class Parity : public ::testing::TestWithParam<std::string> {
 protected:
  static const json& Golden() {
    for (const json& golden : Goldens()["cases"]) {
      if (golden["name"] == GetParam()) return golden;
    }
    ADD_FAILURE() << "no case " << GetParam();
    return Goldens();
  }
};
INSTANTIATE_TEST_SUITE_P(Transformers, Parity, ::testing::ValuesIn(CaseNames()),
                         [](const auto& golden) { return golden.param; });

TEST_P(Parity, EmbeddingsAgreeWithTransformers) {
  const json& golden = Golden();
  const Model model(golden);
  const auto config = ReadModelConfig(model.directory.path());
  ESPY_ASSERT_OK(config);
  const auto weights = Safetensors::Open(model.directory / "model.safetensors");
  ESPY_ASSERT_OK(weights);
  ThreadPool pool(2);
  Workspace workspace;

  const auto image = LoadImageTower(*config, **weights, &pool);
  ESPY_ASSERT_OK(image);
  const auto batch = static_cast<std::int64_t>(golden["images"].size());
  const std::int64_t size = config->vision.image_size;
  const auto pixels = parity::FormulaValues("pixels", batch * 3 * size * size, 2.0f);
  std::vector<float> out(static_cast<std::size_t>(batch * config->projection));
  image.value()->Encode(pixels.data(), batch, &workspace, out.data(), &pool);
  const Agreement pictures = Compare(out, golden["images"]);
  EXPECT_GE(pictures.cosine, kMinCosine);
  EXPECT_LE(pictures.difference, kMaxDifference);
  RecordProperty("image_difference", std::to_string(pictures.difference));

  const auto text = LoadTextTower(*config, **weights, PaddingOf(golden), &pool);
  ESPY_ASSERT_OK(text);
  const auto ids = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  out.assign(ids.size() * static_cast<std::size_t>(config->projection), 0.0f);
  text.value()->Encode(ids, &workspace, out.data(), &pool);
  const Agreement words = Compare(out, golden["text_embeddings"]);
  EXPECT_GE(words.cosine, kMinCosine);
  EXPECT_LE(words.difference, kMaxDifference);
  RecordProperty("text_difference", std::to_string(words.difference));
}

TEST_P(Parity, AnItemHasTheSameBitsAloneAndInAnyBatch) {
  const json& golden = Golden();
  const Model model(golden);
  const auto config = ReadModelConfig(model.directory.path());
  ESPY_ASSERT_OK(config);
  const auto weights = Safetensors::Open(model.directory / "model.safetensors");
  ESPY_ASSERT_OK(weights);
  ThreadPool two(2);
  Workspace workspace, other;
  const std::int64_t dimension = config->projection;

  const auto image = LoadImageTower(*config, **weights, &two);
  ESPY_ASSERT_OK(image);
  const std::int64_t picture = 3 * config->vision.image_size * config->vision.image_size;
  const std::int64_t batch = 5;
  const auto pixels = parity::FormulaValues("other pixels", batch * picture, 2.0f);
  std::vector<float> together(static_cast<std::size_t>(batch * dimension)), alone = together;
  image.value()->Encode(pixels.data(), batch, &workspace, together.data(), &two);
  for (std::int64_t i = batch - 1; i >= 0; --i) {
    image.value()->Encode(pixels.data() + i * picture, 1, &other, alone.data() + i * dimension,
                          nullptr);
  }
  EXPECT_EQ(together, alone);

  const auto text = LoadTextTower(*config, **weights, PaddingOf(golden), &two);
  ESPY_ASSERT_OK(text);
  const auto ids = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  together.assign(ids.size() * static_cast<std::size_t>(dimension), 0.0f);
  alone = together;
  text.value()->Encode(ids, &workspace, together.data(), &two);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    text.value()->Encode(std::span(ids).subspan(i, 1), &other,
                         alone.data() + static_cast<std::int64_t>(i) * dimension, nullptr);
  }
  EXPECT_EQ(together, alone);
}

}  // namespace
}  // namespace espy::encoders
