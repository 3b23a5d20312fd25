#include "encoders/weights.h"

#include <gtest/gtest.h>

#include "encoders/tower.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

using parity::FormulaTensor;

std::unique_ptr<Safetensors> Write(const testing::TempDir& directory,
                                   const std::vector<FormulaTensor>& tensors,
                                   std::string_view dtype = "F32") {
  auto file = Safetensors::Open(
      directory.Write("model.safetensors", parity::FormulaSafetensors(tensors, dtype)));
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(file).value();
}

TEST(Weights, FindsATensorUnderEachPublishedPrefix) {
  for (const char* prefix : {"vision_model.", "model.vision_model.", ""}) {
    const testing::TempDir directory;
    const auto file =
        Write(directory, {{std::string(prefix) + "post_layernorm.weight", {4}, 1, 0},
                          {std::string(prefix) + "embeddings.position_ids", {1, 5}, 1, 0}});
    const Weights weights(file.get(), "vision_model", nullptr);
    const auto found = weights.Vector("post_layernorm.weight", {4});
    ESPY_ASSERT_OK(found);
    EXPECT_EQ(*found, parity::FormulaValues(std::string(prefix) + "post_layernorm.weight", 4, 1));
  }
}

TEST(Weights, DoesNotTakeTheOtherTowersTensor) {
  const testing::TempDir directory;
  const auto file = Write(directory, {{"text_model.encoder.layers.0.mlp.fc1.bias", {4}, 1, 0}});
  const Weights weights(file.get(), "vision_model", nullptr);
  EXPECT_FALSE(weights.Find("encoder.layers.0.mlp.fc1.bias", {4}).ok());
}

TEST(Weights, LeadingDimensionsOfOneAreIgnored) {
  const testing::TempDir directory;
  const auto file = Write(directory, {{"vision_model.head.probe", {1, 1, 6}, 1, 0}});
  const Weights weights(file.get(), "vision_model", nullptr);
  ESPY_ASSERT_OK(weights.Find("head.probe", {6}));
  EXPECT_FALSE(weights.Find("head.probe", {7}).ok());
}

TEST(Weights, MissingTensorIsNamedWithItsFileAndShape) {
  const testing::TempDir directory;
  const auto file = Write(directory, {{"other", {2}, 1, 0}});
  const Weights weights(file.get(), "text_model", nullptr);
  const Status status = weights.ReadLinear("head", 3, 5).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  for (const std::string& part :
       {directory / "model.safetensors", std::string("text_model.head.weight"),
        std::string("[3, 5]"), std::string("missing")}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

TEST(Weights, WrongShapeIsToldBesideTheExpectedOne) {
  const testing::TempDir directory;
  const auto file = Write(directory, {{"text_model.head.weight", {5, 3}, 1, 0}});
  const Weights weights(file.get(), "text_model", nullptr);
  const Status status = weights.ReadLinear("head", 3, 5).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  for (const std::string& part :
       {directory / "model.safetensors", std::string("text_model.head.weight"),
        std::string("[3, 5]"), std::string("[5, 3]")}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

TEST(Weights, IntegerNumbersAreRefused) {
  const testing::TempDir directory;
  const std::string header =
      R"({"vision_model.a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  bytes += header + std::string(8, '\0');
  const auto file = Safetensors::Open(directory.Write("model.safetensors", bytes));
  ESPY_ASSERT_OK(file);
  const Weights weights(file->get(), "vision_model", nullptr);
  EXPECT_EQ(weights.Vector("a", {2}).status().code(), StatusCode::kUnsupported);
}

// A whole small model whose file lacks one tensor after another, or has it misshapen: each is an
// error that names it.
class WholeModel : public ::testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, WholeModel,
                         ::testing::Values(Family::kClip, Family::kSiglip, Family::kSiglip2),
                         [](const auto& family) { return std::string(FamilyName(family.param)); });

std::vector<FormulaTensor> TensorsOf(Family family) {
  std::vector<FormulaTensor> tensors;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    tensors.push_back({name, std::move(shape), 0.1f, 0});
  };
  const auto linear = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {8});
    add(name + ".bias", {8});
  };
  for (const std::string tower : {"vision_model.", "text_model."}) {
    const std::string layer = tower + "encoder.layers.0.";
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      linear(layer + "self_attn." + name, 8, 8);
    }
    linear(layer + "mlp.fc1", 12, 8);
    linear(layer + "mlp.fc2", 8, 12);
    norm(layer + "layer_norm1");
    norm(layer + "layer_norm2");
  }
  norm("vision_model.post_layernorm");
  norm("text_model.final_layer_norm");
  if (family == Family::kSiglip2) {
    add("vision_model.embeddings.patch_embedding.weight", {8, 12});
  } else {
    add("vision_model.embeddings.patch_embedding.weight", {8, 3, 2, 2});
  }
  add("text_model.embeddings.token_embedding.weight", {10, 8});
  add("text_model.embeddings.position_embedding.weight", {5, 8});
  if (family == Family::kClip) {
    add("vision_model.embeddings.class_embedding", {8});
    add("vision_model.embeddings.position_embedding.weight", {5, 8});
    norm("vision_model.pre_layrnorm");
    add("visual_projection.weight", {8, 8});
    add("text_projection.weight", {8, 8});
  } else {
    add("vision_model.embeddings.patch_embedding.bias", {8});
    add("vision_model.embeddings.position_embedding.weight", {4, 8});
    add("vision_model.head.probe", {1, 1, 8});
    add("vision_model.head.attention.in_proj_weight", {24, 8});
    add("vision_model.head.attention.in_proj_bias", {24});
    linear("vision_model.head.attention.out_proj", 8, 8);
    norm("vision_model.head.layernorm");
    linear("vision_model.head.mlp.fc1", 12, 8);
    linear("vision_model.head.mlp.fc2", 8, 12);
    linear("text_model.head", 8, 8);
  }
  return tensors;
}

ModelConfig ConfigOf(Family family) {
  ModelConfig config;
  config.family = family;
  static_cast<TowerConfig&>(config.vision) = {.width = 8, .inter = 12, .layers = 1, .heads = 2};
  static_cast<TowerConfig&>(config.text) = {.width = 8, .inter = 12, .layers = 1, .heads = 2};
  config.vision.image_size = 4;
  config.vision.patch_size = 2;
  config.vision.attention_pool = family != Family::kClip;
  config.text.vocabulary = 10;
  config.text.context = 5;
  config.text.eos_id = 9;
  config.projection = 8;
  return config;
}

Status LoadBoth(const ModelConfig& config, const Safetensors& file) {
  const Status image = LoadImageTower(config, file, nullptr).status();
  return image.ok() ? LoadTextTower(config, file, {.id = 1}, nullptr).status() : image;
}

TEST_P(WholeModel, LoadsWithEveryTensorAndFailsWithoutAnyOne) {
  const std::vector<FormulaTensor> tensors = TensorsOf(GetParam());
  const testing::TempDir whole;
  ASSERT_TRUE(LoadBoth(ConfigOf(GetParam()), *Write(whole, tensors)).ok());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::vector<FormulaTensor> lacking = tensors;
    lacking.erase(lacking.begin() + static_cast<std::ptrdiff_t>(i));
    const testing::TempDir directory;
    const Status missing = LoadBoth(ConfigOf(GetParam()), *Write(directory, lacking));
    EXPECT_EQ(missing.code(), StatusCode::kCorruption);
    EXPECT_NE(missing.message().find(tensors[i].name), std::string::npos) << missing.message();

    std::vector<FormulaTensor> misshapen = tensors;
    misshapen[i].shape.back() += 1;
    const testing::TempDir another;
    const Status wrong = LoadBoth(ConfigOf(GetParam()), *Write(another, misshapen));
    EXPECT_EQ(wrong.code(), StatusCode::kCorruption);
    EXPECT_NE(wrong.message().find(tensors[i].name), std::string::npos) << wrong.message();
  }
}

TEST(SiglipTower, WithoutAPoolingHeadThereIsNoPictureVector) {
  ModelConfig config = ConfigOf(Family::kSiglip);
  config.vision.attention_pool = false;
  const testing::TempDir directory;
  const auto file = Write(directory, TensorsOf(Family::kSiglip));
  EXPECT_EQ(LoadImageTower(config, *file, nullptr).status().code(), StatusCode::kUnsupported);
  ESPY_ASSERT_OK(LoadTextTower(config, *file, {.id = 1}, nullptr));
}

TEST(SiglipTower, PaddingOutsideOfTheVocabularyIsRefused) {
  const testing::TempDir directory;
  const auto file = Write(directory, TensorsOf(Family::kSiglip));
  for (const std::int32_t pad : {-1, 10}) {
    EXPECT_EQ(LoadTextTower(ConfigOf(Family::kSiglip), *file, {.id = pad}, nullptr).status().code(),
              StatusCode::kCorruption);
  }
}

}  // namespace
}  // namespace espy::encoders
