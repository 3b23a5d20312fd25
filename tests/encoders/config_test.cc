#include "encoders/config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

using imaging::Filter;
using imaging::PreprocessSpec;

Result<ModelConfig> Parse(const std::string& config, const std::string& preprocessor = "",
                          const std::string& espy = "") {
  return ParseModelConfig(config, preprocessor, "model", espy);
}

TEST(ModelConfig, AbsentKeysOfClipMeanTransformersDefaults) {
  const auto config = Parse(R"({"model_type":"clip"})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->family, Family::kClip);
  EXPECT_EQ(FamilyName(config->family), "clip");
  EXPECT_EQ(config->vision.width, 768);
  EXPECT_EQ(config->vision.inter, 3072);
  EXPECT_EQ(config->vision.layers, 12);
  EXPECT_EQ(config->vision.heads, 12);
  EXPECT_EQ(config->vision.image_size, 224);
  EXPECT_EQ(config->vision.patch_size, 32);
  EXPECT_EQ(config->vision.activation, Activation::kQuickGelu);
  EXPECT_EQ(config->vision.norm_eps, 1e-5f);
  EXPECT_FALSE(config->vision.attention_pool);
  EXPECT_EQ(config->text.width, 512);
  EXPECT_EQ(config->text.inter, 2048);
  EXPECT_EQ(config->text.layers, 12);
  EXPECT_EQ(config->text.heads, 8);
  EXPECT_EQ(config->text.vocabulary, 49408);
  EXPECT_EQ(config->text.context, 77);
  EXPECT_EQ(config->text.eos_id, 49407);
  EXPECT_EQ(config->text.pad_id, 1);
  EXPECT_EQ(config->text.activation, Activation::kQuickGelu);
  EXPECT_EQ(config->projection, 512);
  EXPECT_FALSE(config->sigmoid);
  EXPECT_EQ(config->preprocess.fit, PreprocessSpec::Fit::kShortestEdgeCrop);
  EXPECT_EQ(config->preprocess.resize_shortest, 224);
  EXPECT_EQ(config->preprocess.width, 224);
  EXPECT_EQ(config->preprocess.height, 224);
  EXPECT_EQ(config->preprocess.filter, Filter::kBicubic);
  EXPECT_EQ(config->preprocess.rescale, 1.0f / 255.0f);
  EXPECT_EQ(config->preprocess.mean[0], 0.48145466f);
  EXPECT_EQ(config->preprocess.std[2], 0.27577711f);
}

TEST(ModelConfig, AbsentKeysOfSiglipMeanTransformersDefaults) {
  const auto config = Parse(
      R"({"initializer_factor":1.0,"model_type":"siglip",
          "text_config":{"model_type":"siglip_text_model"},
          "vision_config":{"model_type":"siglip_vision_model"}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->family, Family::kSiglip);
  EXPECT_EQ(FamilyName(config->family), "siglip");
  EXPECT_EQ(config->vision.width, 768);
  EXPECT_EQ(config->vision.patch_size, 16);
  EXPECT_EQ(config->vision.activation, Activation::kGeluTanh);
  EXPECT_EQ(config->vision.norm_eps, 1e-6f);
  EXPECT_TRUE(config->vision.attention_pool);
  EXPECT_EQ(config->text.width, 768);
  EXPECT_EQ(config->text.heads, 12);
  EXPECT_EQ(config->text.vocabulary, 32000);
  EXPECT_EQ(config->text.context, 64);
  EXPECT_EQ(config->projection, 768);
  EXPECT_TRUE(config->sigmoid);
  EXPECT_EQ(config->preprocess.fit, PreprocessSpec::Fit::kSquash);
  EXPECT_EQ(config->preprocess.width, 224);
  EXPECT_EQ(config->preprocess.mean[1], 0.5f);
  EXPECT_EQ(config->preprocess.std[1], 0.5f);
}

TEST(ModelConfig, ReadsTheShapeOptimizedSiglip) {
  const auto config = Parse(
      R"({"model_type":"siglip",
          "text_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,"num_hidden_layers":27},
          "vision_config":{"hidden_size":1152,"image_size":384,"intermediate_size":4304,"num_attention_heads":16,"num_hidden_layers":27,"patch_size":14}})",
      R"({"do_normalize":true,"do_rescale":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],
          "image_processor_type":"SiglipImageProcessor","image_std":[0.5,0.5,0.5],"processor_class":"SiglipProcessor",
          "resample":3,"rescale_factor":0.00392156862745098,"size":{"height":384,"width":384}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->vision.width / config->vision.heads, 72);
  EXPECT_EQ(config->vision.image_size, 384);
  EXPECT_EQ(config->projection, 1152);
  EXPECT_EQ(config->preprocess.width, 384);
}

TEST(ModelConfig, ReadsFixedSizeSiglip2AsSiglip) {
  const auto config = Parse(
      R"({"model_type":"siglip","text_config":{"hidden_act":"gelu_pytorch_tanh","vocab_size":256000,"projection_size":768},
          "vision_config":{"image_size":256,"patch_size":16}})",
      R"({"do_convert_rgb":null,"image_processor_type":"SiglipImageProcessor","resample":2,"size":{"height":256,"width":256}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->text.vocabulary, 256000);
  EXPECT_EQ(config->preprocess.filter, Filter::kBilinear);
}

// What transformers' CLIPConfig makes of these: a _dict is completed with defaults and then
// overrides everything.
TEST(ModelConfig, AbsentKeysOfNaFlexMeanTransformersDefaults) {
  const auto config = Parse(R"({"model_type":"siglip2"})", R"({"max_num_patches":300})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->family, Family::kSiglip2);
  EXPECT_TRUE(config->sigmoid);
  EXPECT_EQ(config->vision.patch_size, 16);
  EXPECT_EQ(config->vision.image_size, 256);  // 16 x 16 patches
  EXPECT_EQ(config->projection, 768);
  const PreprocessSpec& spec = config->preprocess;
  EXPECT_EQ(spec.fit, PreprocessSpec::Fit::kPatches);
  EXPECT_EQ(spec.patch_size, 16);
  EXPECT_EQ(spec.max_patches, 300);
  EXPECT_EQ(spec.width, 17 * 16);  // the largest square of at most 300 patches
  EXPECT_EQ(spec.height, 17 * 16);
  EXPECT_EQ(spec.filter, Filter::kBilinear);
  EXPECT_EQ(spec.mean[0], 0.5f);
  const auto plain = Parse(R"({"model_type":"siglip2"})", "");
  ESPY_ASSERT_OK(plain);
  EXPECT_EQ(plain->preprocess.max_patches, 256);
}

TEST(ModelConfig, OldConfigDictsOverrideWithTheirDefaults) {
  const auto config = Parse(
      R"({"model_type":"clip","projection_dim":768,
          "text_config":{"hidden_size":768,"num_attention_heads":12,"eos_token_id":2,"max_position_embeddings":99},
          "text_config_dict":{"hidden_size":640,"num_attention_heads":10},
          "vision_config":{"image_size":336},"vision_config_dict":{"image_size":224,"patch_size":14}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->text.width, 640);
  EXPECT_EQ(config->text.heads, 10);
  EXPECT_EQ(config->text.context, 77);
  EXPECT_EQ(config->text.eos_id, 49407);
  EXPECT_EQ(config->vision.image_size, 224);
  EXPECT_EQ(config->vision.patch_size, 14);
  EXPECT_EQ(config->projection, 768);
}

TEST(ModelConfig, NullConfigDictsAndNullKeysCountAsAbsent) {
  const auto config = Parse(
      R"({"model_type":"clip","projection_dim":null,"text_config":{"hidden_size":256,"num_attention_heads":null},
          "text_config_dict":null,"vision_config_dict":null})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->text.width, 256);
  EXPECT_EQ(config->text.heads, 8);
  EXPECT_EQ(config->projection, 512);
}

TEST(ModelConfig, TakesEveryNameOfTheThreeActivations) {
  const std::pair<const char*, Activation> names[] = {
      {"quick_gelu", Activation::kQuickGelu},       {"gelu", Activation::kGelu},
      {"gelu_pytorch_tanh", Activation::kGeluTanh}, {"gelu_new", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluTanh},         {"gelu_python", Activation::kGelu},
      {"gelu_accurate", Activation::kGeluTanh},     {"gelu_python_tanh", Activation::kGeluTanh}};
  for (const auto& [name, activation] : names) {
    const auto config = Parse(R"({"model_type":"clip","vision_config":{"hidden_act":")" +
                              std::string(name) + "\"}}");
    ESPY_ASSERT_OK(config);
    EXPECT_EQ(config->vision.activation, activation) << name;
    EXPECT_EQ(config->text.activation, Activation::kQuickGelu);
  }
}

TEST(ModelConfig, RoundsPatchesDownAsTransformersDoes) {
  const auto config = Parse(
      R"({"model_type":"siglip","vision_config":{"image_size":[230,230],"patch_size":16.0}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->vision.image_size, 230);
  EXPECT_EQ(config->vision.image_size / config->vision.patch_size, 14);
}

TEST(ModelConfig, KeepsLegacyEndOfTextId) {
  const auto config = Parse(R"({"model_type":"clip","text_config":{"eos_token_id":2}})");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->text.eos_id, 2);
}

TEST(ModelConfig, EspyJsonNamesTheLossAndTheBias) {
  const std::string clip = R"({"model_type":"clip"})";
  const auto sigmoid =
      Parse(clip, "", R"({"loss":"sigmoid","logit_bias":-10.5,"trained_on":["x"]})");
  ESPY_ASSERT_OK(sigmoid);
  EXPECT_TRUE(sigmoid->sigmoid);
  EXPECT_EQ(sigmoid->logit_bias, -10.5f);
  const auto softmax = Parse(R"({"model_type":"siglip"})", "", R"({"loss":"softmax"})");
  ESPY_ASSERT_OK(softmax);
  EXPECT_FALSE(softmax->sigmoid);
  const auto silent = Parse(clip, "", "{}");
  ESPY_ASSERT_OK(silent);
  EXPECT_FALSE(silent->sigmoid);
  EXPECT_EQ(silent->logit_bias, 0.0f);
}

TEST(Preprocessor, TakesEveryPublishedShapeOfSize) {
  const std::string clip = R"({"model_type":"clip"})";
  for (
      const char* text :
      {R"({"size":224,"crop_size":224})",
       R"({"size":{"shortest_edge":224},"crop_size":{"height":224,"width":224}})",
       R"({"size":224,"crop_size":224,"feature_extractor_type":"CLIPFeatureExtractor","do_center_crop":true,"resample":3})",
       "{}"}) {
    const auto config = Parse(clip, text);
    ESPY_ASSERT_OK(config);
    EXPECT_EQ(config->preprocess.fit, PreprocessSpec::Fit::kShortestEdgeCrop) << text;
    EXPECT_EQ(config->preprocess.resize_shortest, 224) << text;
    EXPECT_EQ(config->preprocess.width, 224) << text;
  }
  const auto larger = Parse(clip, R"({"size":{"shortest_edge":256},"crop_size":224})");
  ESPY_ASSERT_OK(larger);
  EXPECT_EQ(larger->preprocess.resize_shortest, 256);
  EXPECT_EQ(larger->preprocess.width, 224);
  for (const char* text : {R"({"size":{"height":224,"width":224},"crop_size":224})",
                           R"({"size":{"height":224,"width":224},"do_center_crop":false})",
                           R"({"image_processor_type":"SiglipImageProcessor"})"}) {
    const auto squashed = Parse(clip, text);
    ESPY_ASSERT_OK(squashed);
    EXPECT_EQ(squashed->preprocess.fit, PreprocessSpec::Fit::kSquash) << text;
  }
  const auto number = Parse(R"({"model_type":"siglip"})", R"({"size":224})");
  ESPY_ASSERT_OK(number);
  EXPECT_EQ(number->preprocess.fit, PreprocessSpec::Fit::kSquash);
}

TEST(Preprocessor, FlagsSwitchItsSteps) {
  const auto off = Parse(
      R"({"model_type":"clip"})",
      R"({"do_rescale":false,"do_normalize":false,"rescale_factor":0.5,"image_mean":[1,2,3]})");
  ESPY_ASSERT_OK(off);
  EXPECT_EQ(off->preprocess.rescale, 1.0f);
  EXPECT_EQ(off->preprocess.mean, (std::array<float, 3>{0, 0, 0}));
  EXPECT_EQ(off->preprocess.std, (std::array<float, 3>{1, 1, 1}));
  const auto given =
      Parse(R"({"model_type":"clip"})",
            R"({"rescale_factor":0.5,"image_mean":[0,0.25,1],"image_std":[1,2,0.5]})");
  ESPY_ASSERT_OK(given);
  EXPECT_EQ(given->preprocess.rescale, 0.5f);
  EXPECT_EQ(given->preprocess.mean, (std::array<float, 3>{0, 0.25, 1}));
  EXPECT_EQ(given->preprocess.std, (std::array<float, 3>{1, 2, 0.5}));
}

struct Wrong {
  const char* title;
  std::string config;
  std::string preprocessor;
  std::vector<std::string> says;
  StatusCode code = StatusCode::kInvalidArgument;
  std::string espy = "";
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.title; }

std::string Text(const std::string& fields) {
  return R"({"model_type":"clip","text_config":{)" + fields + "}}";
}
std::string Vision(const std::string& fields) {
  return R"({"model_type":"clip","vision_config":{)" + fields + "}}";
}
std::string Siglip(const std::string& fields) {
  return R"({"model_type":"siglip","vision_config":{)" + fields + "}}";
}

std::vector<Wrong> WrongFiles() {
  const std::string clip = R"({"model_type":"clip"})";
  const std::string siglip = R"({"model_type":"siglip"})";
  const auto kUnsupported = StatusCode::kUnsupported;
  const auto kCorruption = StatusCode::kCorruption;
  return {
      {"Empty", "", "", {"config.json", "not JSON"}, kCorruption},
      {"NotJson", "<html>", "", {"config.json", "not JSON"}, kCorruption},
      {"AList", "[]", "", {"config.json", "not an object"}},
      {"DuplicateKey",
       R"({"model_type":"clip","model_type":"siglip"})",
       "",
       {"model_type", "twice"},
       kCorruption},
      {"Deep", std::string(100, '['), "", {"nested"}, StatusCode::kResourceExhausted},
      {"TypeMissing", "{}", "", {"model_type is missing"}},
      {"TypeANumber", R"({"model_type":1})", "", {"model_type", "not a string"}},
      {"TypeOther",
       R"({"model_type":"bert"})",
       "",
       {"bert", "clip, siglip and siglip2"},
       kUnsupported},
      {"TypeOneTower",
       R"({"model_type":"clip_vision_model"})",
       "",
       {"clip_vision_model"},
       kUnsupported},
      {"NaFlexGridNoSquare",
       R"({"model_type":"siglip2","vision_config":{"num_patches":255}})",
       "",
       {"num_patches", "255", "square"}},
      {"NaFlexOtherPatch",
       R"({"model_type":"siglip2","vision_config":{"patch_size":14}})",
       R"({"patch_size":16})",
       {"patch_size", "14", "16"}},
      {"NaFlexTooManyPatches",
       R"({"model_type":"siglip2"})",
       R"({"max_num_patches":1000000})",
       {"max_num_patches"}},
      {"NaFlexTooManyPixels",
       R"({"model_type":"siglip2","vision_config":{"patch_size":64}})",
       R"({"patch_size":64,"max_num_patches":16384})",
       {"max_num_patches", "16 million"}},
      {"NaFlexWithAFixedProcessor",
       R"({"model_type":"siglip2"})",
       R"({"image_processor_type":"SiglipImageProcessor"})",
       {"SiglipImageProcessor", "siglip2"},
       kUnsupported},
      {"TowerNotAnObject",
       R"({"model_type":"clip","text_config":[]})",
       "",
       {"text_config is not an object"}},
      {"WidthZero", Text(R"("hidden_size":0)"), "", {"text_config: hidden_size", "0, outside 1"}},
      {"WidthNegative", Text(R"("hidden_size":-512)"), "", {"hidden_size"}},
      {"WidthHuge", Text(R"("hidden_size":1000000000000)"), "", {"hidden_size"}},
      {"WidthOver64Bits", Text(R"("hidden_size":1e300)"), "", {"hidden_size"}},
      {"WidthAFraction", Text(R"("hidden_size":512.5)"), "", {"hidden_size", "whole"}},
      {"WidthAString", Text(R"("hidden_size":"512")"), "", {"hidden_size", "whole"}},
      {"WidthTrue", Text(R"("hidden_size":true)"), "", {"hidden_size", "whole"}},
      {"HeadsZero", Text(R"("num_attention_heads":0)"), "", {"num_attention_heads"}},
      {"HeadsDoNotDivide", Text(R"("num_attention_heads":7)"), "", {"512", "multiple", "7"}},
      {"InterZero", Text(R"("intermediate_size":0)"), "", {"intermediate_size"}},
      {"LayersZero", Vision(R"("num_hidden_layers":0)"), "", {"vision_config: num_hidden_layers"}},
      {"LayersHuge", Vision(R"("num_hidden_layers":100000)"), "", {"num_hidden_layers"}},
      {"EpsZero", Vision(R"("layer_norm_eps":0)"), "", {"layer_norm_eps"}},
      {"EpsNegative", Vision(R"("layer_norm_eps":-1e-5)"), "", {"layer_norm_eps"}},
      {"EpsAString", Vision(R"("layer_norm_eps":"1e-5")"), "", {"layer_norm_eps", "number"}},
      {"ActivationUnknown",
       Vision(R"("hidden_act":"swish")"),
       "",
       {"hidden_act", "swish"},
       kUnsupported},
      {"ActivationClipped", Vision(R"("hidden_act":"gelu_10")"), "", {"hidden_act"}, kUnsupported},
      {"ImageZero", Vision(R"("image_size":0)"), "", {"image_size"}},
      {"ImageHuge", Vision(R"("image_size":1000000)"), "", {"image_size"}},
      {"ImageNotSquare",
       Vision(R"("image_size":[224,448])"),
       "",
       {"image_size", "square"},
       kUnsupported},
      {"ImageAPairOfStrings",
       Vision(R"("image_size":["a","a"])"),
       "",
       {"image_size"},
       kUnsupported},
      {"ImageAHugePair", Vision(R"("image_size":[100000,100000])"), "", {"image_size"}},
      {"PatchZero", Vision(R"("patch_size":0)"), "", {"patch_size"}},
      {"PatchLargerThanImage", Vision(R"("patch_size":448)"), "", {"224", "0 patches"}},
      {"TooManyPatches", Vision(R"("image_size":4096,"patch_size":1)"), "", {"patches"}},
      {"FourChannels", Vision(R"("num_channels":4)"), "", {"num_channels"}, kUnsupported},
      {"HeadOff", Siglip(R"("vision_use_head":false)"), "", {"vision_use_head"}, kUnsupported},
      {"HeadNotAFlag", Siglip(R"("vision_use_head":1)"), "", {"vision_use_head", "true nor false"}},
      {"VocabularyZero", Text(R"("vocab_size":0)"), "", {"vocab_size"}},
      {"VocabularyHuge", Text(R"("vocab_size":4294967297)"), "", {"vocab_size"}},
      {"ContextOfTwo", Text(R"("max_position_embeddings":2)"), "", {"max_position_embeddings"}},
      {"ContextHuge",
       Text(R"("max_position_embeddings":1000000)"),
       "",
       {"max_position_embeddings"}},
      {"EosBeyondVocabulary", Text(R"("vocab_size":1000)"), "", {"eos_token_id", "1000"}},
      {"EosNegative", Text(R"("eos_token_id":-1)"), "", {"eos_token_id"}},
      {"EosAList", Text(R"("eos_token_id":[1,2])"), "", {"eos_token_id"}},
      {"ProjectionZero", R"({"model_type":"clip","projection_dim":0})", "", {"projection_dim"}},
      {"SiglipTowersDisagree",
       R"({"model_type":"siglip","text_config":{"projection_size":512}})",
       "",
       {"projection_size", "512", "768"}},
      {"OldDictIsWrongToo",
       R"({"model_type":"clip","text_config":{},"text_config_dict":{"hidden_size":0}})",
       "",
       {"text_config_dict: hidden_size"}},
      {"PreprocessorNotJson", clip, "{", {"preprocessor_config.json", "not JSON"}, kCorruption},
      {"PreprocessorAList", clip, "[]", {"preprocessor_config.json", "not an object"}},
      {"SizeZero", clip, R"({"size":0})", {"size"}},
      {"SizeHuge", clip, R"({"size":1e9})", {"size"}},
      {"SizeAString", clip, R"({"size":"224"})", {"size is not an object"}},
      {"SizeAList", clip, R"({"size":[224,224]})", {"size"}},
      {"SizeWithoutKeys", clip, R"({"size":{}})", {"size"}, kUnsupported},
      {"SizeOfBothKinds",
       clip,
       R"({"size":{"shortest_edge":224,"height":224,"width":224}})",
       {"size"},
       kUnsupported},
      {"SizeWithoutWidth", clip, R"({"size":{"height":224}})", {"size"}, kUnsupported},
      {"SizeByLongestEdge", clip, R"({"size":{"longest_edge":224}})", {"size"}, kUnsupported},
      {"SizeWithLongestEdge",
       clip,
       R"({"size":{"shortest_edge":224,"longest_edge":300}})",
       {"size"},
       kUnsupported},
      {"SizeOtherThanTheModels",
       siglip,
       R"({"size":{"height":384,"width":384}})",
       {"384 x 384", "image_size is 224"}},
      {"CropOtherThanTheModels",
       clip,
       R"({"size":224,"crop_size":200})",
       {"crop_size", "200 x 200"}},
      {"CropNotSquare", clip, R"({"crop_size":{"height":224,"width":225}})", {"225 x 224"}},
      {"CropByShortestEdge", clip, R"({"crop_size":{"shortest_edge":224}})", {"crop_size"}},
      {"CropOffKeepsAspect", clip, R"({"do_center_crop":false})", {"aspect"}, kUnsupported},
      {"SquashThenCrop",
       clip,
       R"({"size":{"height":256,"width":256},"crop_size":224})",
       {"crop_size"},
       kUnsupported},
      {"ResizeOff", clip, R"({"do_resize":false})", {"do_resize"}, kUnsupported},
      {"FlagAString", clip, R"({"do_resize":"yes"})", {"do_resize", "true nor false"}},
      {"ResampleLanczos", clip, R"({"resample":1})", {"resample", "bicubic"}, kUnsupported},
      {"ResampleOutOfRange", clip, R"({"resample":6})", {"resample"}},
      {"ResampleAName", clip, R"({"resample":"bicubic"})", {"resample"}},
      {"StdZero", clip, R"({"image_std":[0,1,1]})", {"image_std"}},
      {"StdNegative", clip, R"({"image_std":[1,-1,1]})", {"image_std"}},
      {"MeanOfTwo", clip, R"({"image_mean":[0,1]})", {"image_mean", "three"}},
      {"MeanOfStrings", clip, R"({"image_mean":["a","b","c"]})", {"image_mean"}},
      {"MeanHuge", clip, R"({"image_mean":[1e30,0,0]})", {"image_mean"}},
      {"RescaleZero", clip, R"({"rescale_factor":0})", {"rescale_factor"}},
      {"NaFlexProcessor",
       siglip,
       R"({"image_processor_type":"Siglip2ImageProcessor"})",
       {"Siglip2ImageProcessor", "type siglip;"},
       kUnsupported},
      {"EspyUnknownLoss",
       clip,
       "",
       {"espy.json: loss", "hinge"},
       StatusCode::kInvalidArgument,
       R"({"loss":"hinge"})"},
      {"EspyBiasAString",
       clip,
       "",
       {"espy.json: logit_bias"},
       StatusCode::kInvalidArgument,
       R"({"logit_bias":"-10"})"},
      {"EspyAList", clip, "", {"espy.json", "not an object"}, StatusCode::kInvalidArgument, "[]"},
  };
}

std::string TitleOf(const ::testing::TestParamInfo<Wrong>& test) { return test.param.title; }

class WrongConfig : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongConfig, IsRefusedByFileKeyAndReason) {
  const Wrong& wrong = GetParam();
  const auto config = Parse(wrong.config, wrong.preprocessor, wrong.espy);
  ASSERT_FALSE(config.ok());
  const std::string& message = config.status().message();
  EXPECT_EQ(config.status().code(), wrong.code) << message;
  EXPECT_EQ(message.substr(0, 6), "model/") << message;
  for (const std::string& part : wrong.says) {
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
}

INSTANTIATE_TEST_SUITE_P(HandMade, WrongConfig, ::testing::ValuesIn(WrongFiles()), TitleOf);

TEST(ReadModelConfig, ReadsADirectoryWithOrWithoutItsOptionalFiles) {
  const testing::TempDir temp;
  const auto missing = ReadModelConfig(temp.path());
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("config.json"), std::string::npos);
  temp.Write("config.json", R"({"model_type":"clip"})");
  const auto plain = ReadModelConfig(temp.path());
  ESPY_ASSERT_OK(plain);
  EXPECT_EQ(plain->preprocess.filter, Filter::kBicubic);
  temp.Write("processor_config.json",
             R"({"image_processor":{"resample":2},"processor_class":"CLIPProcessor"})");
  const auto five = ReadModelConfig(temp.path());
  ESPY_ASSERT_OK(five);
  EXPECT_EQ(five->preprocess.filter, Filter::kBilinear);
  temp.Write("preprocessor_config.json", R"({"resample":3,"image_mean":[0,0,0]})");
  temp.Write("espy.json", R"({"loss":"sigmoid"})");
  const auto whole = ReadModelConfig(temp.path());
  ESPY_ASSERT_OK(whole);
  EXPECT_EQ(whole->preprocess.filter, Filter::kBicubic);
  EXPECT_EQ(whole->preprocess.mean[0], 0.0f);
  EXPECT_TRUE(whole->sigmoid);
}

TEST(ReadModelConfig, AnEmptyOptionalFileIsBrokenNotAbsent) {
  const testing::TempDir temp;
  temp.Write("config.json", R"({"model_type":"clip"})");
  temp.Write("preprocessor_config.json", "");
  const auto config = ReadModelConfig(temp.path());
  EXPECT_EQ(config.status().code(), StatusCode::kCorruption);
  EXPECT_NE(config.status().message().find("preprocessor_config.json"), std::string::npos);
}

}  // namespace
}  // namespace espy::encoders
