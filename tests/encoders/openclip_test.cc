// Models in open_clip's layout: the configuration, the names, the directory.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>

#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/openclip/openclip_config.h"
#include "encoders/openclip/openclip_names.h"
#include "encoders/openclip/timm_towers.h"
#include "tests/encoders/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;
using imaging::PreprocessSpec;

constexpr char kB32[] = R"({"model_cfg":{"embed_dim":512,
  "vision_cfg":{"image_size":224,"layers":12,"width":768,"patch_size":32},
  "text_cfg":{"context_length":77,"vocab_size":49408,"width":512,"heads":8,"layers":12}},
  "preprocess_cfg":{"mean":[0.48145466,0.4578275,0.40821073],"std":[0.26862954,0.26130258,0.27577711]}})";

constexpr char kSiglip2So400m[] =
    R"({"model_cfg":{"embed_dim":1152,"init_logit_bias":-10,"custom_text":true,
  "vision_cfg":{"image_size":384,"timm_model_name":"vit_so400m_patch16_siglip_384","timm_model_pretrained":false,
    "timm_pool":"map","timm_proj":"none"},
  "text_cfg":{"context_length":64,"vocab_size":256000,"hf_tokenizer_name":"timm/ViT-SO400M-16-SigLIP2-384",
    "tokenizer_kwargs":{"clean":"canonicalize"},"width":1152,"heads":16,"layers":27,"mlp_ratio":3.7362,
    "no_causal_mask":true,"proj_bias":true,"pool_type":"last","norm_kwargs":{"eps":1e-6},
    "act_kwargs":{"approximate":"tanh"}}},
  "preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bicubic","resize_mode":"squash"}})";

TEST(OpenClipConfig, ReadsVitB32WithItsDefaults) {
  const auto config = ParseOpenClipConfig(kB32, "there");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->family, Family::kClip);
  EXPECT_EQ(config->vision.width, 768);
  EXPECT_EQ(config->vision.heads, 12);
  EXPECT_EQ(config->vision.inter, 3072);
  EXPECT_EQ(config->vision.activation, Activation::kGelu);
  EXPECT_EQ(config->vision.norm_eps, 1e-5f);
  EXPECT_EQ(config->text.width, 512);
  EXPECT_EQ(config->text.inter, 2048);
  EXPECT_EQ(config->text.eos_id, 2);
  EXPECT_EQ(config->projection, 512);
  EXPECT_FALSE(config->sigmoid);
  EXPECT_TRUE(config->tokenizer.simple);
  EXPECT_EQ(config->tokenizer.cleaning, TextCleaning::kLower);
  EXPECT_EQ(config->preprocess.fit, PreprocessSpec::Fit::kShortestEdgeCrop);
  EXPECT_EQ(config->preprocess.crop_start, PreprocessSpec::CropStart::kNearest);
  EXPECT_EQ(config->preprocess.filter, imaging::Filter::kBicubic);
  EXPECT_EQ(config->preprocess.width, 224);
  EXPECT_EQ(config->preprocess.mean[0], 0.48145466f);
}

TEST(OpenClipConfig, QuickGeluIsAKeyOfTheWholeModel) {
  std::string text = kB32;
  text.replace(text.find("\"embed_dim\""), 0, "\"quick_gelu\":true,");
  const auto config = ParseOpenClipConfig(text, "there");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->vision.activation, Activation::kQuickGelu);
  EXPECT_EQ(config->text.activation, Activation::kQuickGelu);
}

TEST(OpenClipConfig, ReadsATowerOfTimmAsSiglip) {
  const auto config = ParseOpenClipConfig(kSiglip2So400m, "there");
  ESPY_ASSERT_OK(config);
  EXPECT_EQ(config->family, Family::kSiglip);
  EXPECT_EQ(config->vision.width / config->vision.heads, 72);
  EXPECT_EQ(config->vision.inter, 4304);
  EXPECT_EQ(config->vision.patch_size, 16);
  EXPECT_EQ(config->vision.activation, Activation::kGeluTanh);
  EXPECT_TRUE(config->vision.attention_pool);
  EXPECT_EQ(config->text.inter, 4304);
  EXPECT_EQ(config->text.activation, Activation::kGeluTanh);
  EXPECT_EQ(config->text.norm_eps, 1e-6f);
  EXPECT_TRUE(config->sigmoid);
  EXPECT_FALSE(config->tokenizer.simple);
  EXPECT_EQ(config->tokenizer.cleaning, TextCleaning::kCanonicalize);
  EXPECT_EQ(config->preprocess.fit, PreprocessSpec::Fit::kSquash);
  EXPECT_EQ(config->preprocess.width, 384);
}

TEST(OpenClipConfig, TheFirstSiglipsHaveTheExactGeluAsInTimm) {
  EXPECT_EQ(FindTimmTower("vit_base_patch16_siglip_224")->activation, Activation::kGelu);
  EXPECT_EQ(FindTimmTower("vit_base_patch32_siglip_256")->activation, Activation::kGeluTanh);
  EXPECT_EQ(FindTimmTower("vit_base_patch16_siglip_gap_224"), nullptr);
}

struct Wrong {
  const char* at;      // replaced in kB32...
  const char* with;    // ...by this
  const char* reason;  // stands in the message
};

TEST(OpenClipConfig, RefusesWhatItDoesNotCompute) {
  for (const Wrong& wrong : {
           Wrong{"\"model_cfg\"", "\"other\"", "model_cfg is missing"},
           {"\"layers\":12,\"width\":768", "\"layers\":[3,4,6,3],\"width\":64", "ResNet"},
           {"\"patch_size\":32", "\"patch_size\":32,\"attentional_pool\":true", "attentional_pool"},
           {"\"patch_size\":32", "\"patch_size\":32,\"no_ln_pre\":true", "no_ln_pre"},
           {"\"patch_size\":32", "\"patch_size\":32,\"pool_type\":\"avg\"", "pool_type"},
           {"\"patch_size\":32", "\"patch_size\":32,\"ls_init_value\":1e-5", "ls_init_value"},
           {"\"patch_size\":32", "\"patch_size\":512", "image_size"},
           {"\"patch_size\":32", "\"patch_size\":32,\"head_width\":100", "multiple"},
           {"\"patch_size\":32", "\"patch_size\":32,\"mlp_ratio\":900", "mlp_ratio"},
           {"\"patch_size\":32", "\"patch_size\":32,\"timm_model_name\":\"convnext_base\"",
            "convnext"},
           {"\"heads\":8", "\"heads\":7", "multiple"},
           {"\"heads\":8", "\"heads\":8,\"hf_model_name\":\"roberta-base\"", "hf_model_name"},
           {"\"heads\":8", "\"heads\":8,\"no_causal_mask\":true", "neither CLIP's"},
           {"\"heads\":8", "\"heads\":8,\"pool_type\":\"eos\"", "neither CLIP's"},
           {"\"heads\":8", "\"heads\":8,\"embed_cls\":true", "embed_cls"},
           {"\"heads\":8", "\"heads\":8,\"tokenizer_kwargs\":{\"clean\":\"all\"}", "clean"},
           {"\"heads\":8", "\"heads\":8,\"tokenizer_kwargs\":{\"strip_sep_token\":true}",
            "strip_sep"},
           {"\"heads\":8", "\"heads\":8,\"act_kwargs\":{\"approximate\":\"erf\"}", "act_kwargs"},
           {"\"embed_dim\":512", "\"embed_dim\":0", "embed_dim"},
           {"\"embed_dim\":512", "\"embed_dim\":512,\"multimodal_cfg\":{}", "CoCa"},
           {"\"preprocess_cfg\":{", "\"preprocess_cfg\":{\"resize_mode\":\"longest\",",
            "resize_mode"},
           {"\"preprocess_cfg\":{", "\"preprocess_cfg\":{\"interpolation\":\"nearest\",",
            "interpolation"},
       }) {
    std::string text = kB32;
    text.replace(text.find(wrong.at), std::strlen(wrong.at), wrong.with);
    const Status status = ParseOpenClipConfig(text, "there/open_clip_config.json").status();
    EXPECT_FALSE(status.ok()) << wrong.with;
    EXPECT_EQ(status.message().find("there/open_clip_config.json"), 0u) << status.message();
    EXPECT_NE(status.message().find(wrong.reason), std::string::npos) << status.message();
  }
}

TEST(OpenClipNames, BecomeTransformers) {
  const std::pair<const char*, const char*> names[] = {
      {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
      {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"},
      {"visual.proj", "visual_projection.weight"},
      {"module.visual.transformer.resblocks.11.ln_2.weight",
       "vision_model.encoder.layers.11.layer_norm2.weight"},
      {"visual.transformer.resblocks.0.attn.in_proj_bias",
       "vision_model.encoder.layers.0.self_attn.in_proj.bias"},
      {"text.transformer.resblocks.3.mlp.c_proj.weight",
       "text_model.encoder.layers.3.mlp.fc2.weight"},
      {"transformer.resblocks.3.attn.out_proj.bias",
       "text_model.encoder.layers.3.self_attn.out_proj.bias"},
      {"text_projection", "text_projection.weight"},
      {"text.text_projection.bias", "text_model.head.bias"},
      {"visual.trunk.blocks.7.attn.qkv.weight",
       "vision_model.encoder.layers.7.self_attn.in_proj.weight"},
      {"visual.trunk.blocks.7.norm1.bias", "vision_model.encoder.layers.7.layer_norm1.bias"},
      {"visual.trunk.attn_pool.mlp.fc1.weight", "vision_model.head.mlp.fc1.weight"},
      {"visual.trunk.attn_pool.latent", "vision_model.head.probe"},
      {"logit_scale", "logit_scale"},
      {"something.else", "something.else"},
  };
  for (const auto& [from, to] : names) EXPECT_EQ(NameInTransformers(from), to);
}

std::vector<float> Numbers(const TensorView& tensor) {
  std::vector<float> numbers(static_cast<std::size_t>(tensor.elements()));
  std::memcpy(numbers.data(), tensor.bytes.data(), tensor.bytes.size());
  return numbers;
}

TEST(OpenClipNames, ProjectionsAreSplitAndTransposed) {
  const testing::TempDir temp;
  const std::string path =
      temp.Write("m.safetensors",
                 TinySafetensors({{"visual.proj", {2, 3}, 1},
                                  {"transformer.resblocks.0.attn.in_proj_weight", {6, 1}, 1}}));
  auto file = Safetensors::Open(path);
  ESPY_ASSERT_OK(file);
  const auto named = RenameOpenClip(std::move(*file));
  ESPY_ASSERT_OK(named);
  const TensorView* projection = (*named)->Find("visual_projection.weight");
  ASSERT_NE(projection, nullptr);
  EXPECT_EQ(projection->shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(Numbers(*projection), (std::vector<float>{1, 1.75f, 1.25f, 2, 1.5f, 2.25f}));
  const TensorView* value = (*named)->Find("text_model.encoder.layers.0.self_attn.v_proj.weight");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(Numbers(*value), (std::vector<float>{2, 2.25f}));
  EXPECT_EQ((*named)->path(), path);
}

TEST(OpenClipNames, RefuseWhatCannotBeBroughtIntoShape) {
  const std::vector<std::vector<TinyTensor>> wrong = {
      {{"visual.proj", {6}, 1}},
      {{"transformer.resblocks.0.attn.in_proj_weight", {4, 2}, 1}},
      {{"transformer.resblocks.0.attn.in_proj_bias", {}, 1}},
      {{"ln_final.bias", {2}, 1}, {"text.ln_final.bias", {2}, 1}},
      {{"visual.trunk.attn_pool.q.bias", {2}, 1}, {"visual.trunk.attn_pool.kv.bias", {3}, 1}},
  };
  for (const std::vector<TinyTensor>& tensors : wrong) {
    const testing::TempDir temp;
    auto file = Safetensors::Open(temp.Write("m.safetensors", TinySafetensors(tensors)));
    ESPY_ASSERT_OK(file);
    const Status status = RenameOpenClip(std::move(*file)).status();
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << tensors[0].name;
    EXPECT_EQ(status.message().find(temp / "m.safetensors"), 0u) << status.message();
  }
}

// A directory as open_clip publishes one, of the sizes of the tiny CLIP.
constexpr char kTinyConfig[] = R"({"model_cfg":{"embed_dim":8,"quick_gelu":true,
  "vision_cfg":{"image_size":16,"layers":1,"width":16,"head_width":8,"mlp_ratio":2,"patch_size":8},
  "text_cfg":{"context_length":12,"vocab_size":1094,"width":16,"heads":2,"layers":1,"mlp_ratio":2}},
  "preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}})";

std::vector<TinyTensor> TinyOpenClipTensors() {
  std::vector<TinyTensor> tensors = {
      {"logit_scale", {}, 2},
      {"positional_embedding", {12, 16}, 0.02f},
      {"token_embedding.weight", {1094, 16}, 0.02f},
      {"ln_final.weight", {16}, 1},
      {"ln_final.bias", {16}, 0},
      {"text_projection", {16, 8}, 0.1f},
      {"visual.class_embedding", {16}, 0.1f},
      {"visual.positional_embedding", {5, 16}, 0.02f},
      {"visual.conv1.weight", {16, 3, 8, 8}, 0.01f},
      {"visual.proj", {16, 8}, 0.1f},
  };
  for (const char* norm : {"visual.ln_pre", "visual.ln_post"}) {
    tensors.push_back({std::string(norm) + ".weight", {16}, 1});
    tensors.push_back({std::string(norm) + ".bias", {16}, 0});
  }
  for (const std::string block : {"transformer.resblocks.0.", "visual.transformer.resblocks.0."}) {
    tensors.push_back({block + "attn.in_proj_weight", {48, 16}, 0.01f});
    tensors.push_back({block + "attn.in_proj_bias", {48}, 0.01f});
    tensors.push_back({block + "attn.out_proj.weight", {16, 16}, 0.01f});
    tensors.push_back({block + "attn.out_proj.bias", {16}, 0});
    tensors.push_back({block + "mlp.c_fc.weight", {32, 16}, 0.01f});
    tensors.push_back({block + "mlp.c_fc.bias", {32}, 0});
    tensors.push_back({block + "mlp.c_proj.weight", {16, 32}, 0.01f});
    tensors.push_back({block + "mlp.c_proj.bias", {16}, 0});
    for (const char* norm : {"ln_1", "ln_2"}) {
      tensors.push_back({block + norm + ".weight", {16}, 1});
      tensors.push_back({block + norm + ".bias", {16}, 0});
    }
  }
  return tensors;
}

class OpenClipDirectory : public ::testing::Test {
 protected:
  OpenClipDirectory() {
    const std::string tokenizer =
        std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/clip_old/";
    for (const char* name : {"vocab.json", "merges.txt"}) {
      temp_.Write(std::string("tiny/") + name, testing::ReadFileOrDie(tokenizer + name));
    }
    temp_.Write("tiny/open_clip_config.json", kTinyConfig);
    temp_.Write("tiny/open_clip_model.safetensors", TinySafetensors(TinyOpenClipTensors()));
  }
  const testing::TempDir temp_;
};

TEST_F(OpenClipDirectory, IsAModelThatEncodes) {
  const auto resolved = ResolveModel(temp_ / "tiny");
  ESPY_ASSERT_OK(resolved);
  const auto encoder = Encoder::Load(*resolved, {.threads = 1});
  ESPY_ASSERT_OK(encoder);
  const EncoderInfo& info = (*encoder)->info();
  EXPECT_EQ(info.family, "clip");
  EXPECT_EQ(info.dimension, 8);
  EXPECT_GT(info.image_parameters, 1000u);
  EXPECT_GT(info.text_parameters, 1094u * 16);
  float vectors[16];
  const std::vector<std::string> texts = {"a dog", "R&amp;D"};
  ESPY_ASSERT_OK((*encoder)->EncodeTexts(texts, vectors));
  const std::vector<float> pixels(3 * 16 * 16, 0.25f);
  ESPY_ASSERT_OK((*encoder)->EncodeImages(pixels.data(), 1, vectors));
}

TEST_F(OpenClipDirectory, SpaceIdSeesItsConfiguration) {
  const auto before = DescribeEncoder(temp_ / "tiny");
  ESPY_ASSERT_OK(before);
  temp_.Write("tiny/config.json", R"({"architecture":"vit"})");  // timm's, which says nothing here
  const auto beside = DescribeEncoder(temp_ / "tiny");
  ESPY_ASSERT_OK(beside);
  EXPECT_EQ(before->space_id, beside->space_id);
  temp_.Write("tiny/open_clip_config.json", std::string(kTinyConfig) + "\n");
  const auto after = DescribeEncoder(temp_ / "tiny");
  ESPY_ASSERT_OK(after);
  EXPECT_NE(before->space_id, after->space_id);
}

TEST_F(OpenClipDirectory, TransformersFilesBesideItCountFirst) {
  WriteTinyClip(temp_, "both");
  temp_.Write("both/open_clip_config.json", kTinyConfig);
  temp_.Write("both/open_clip_model.safetensors", "broken");
  EXPECT_EQ(LayoutOf(temp_ / "both"), Layout::kTransformers);
  ESPY_ASSERT_OK(DescribeEncoder(temp_ / "both"));
  EXPECT_EQ(LayoutOf(temp_ / "tiny"), Layout::kOpenClip);
}

TEST_F(OpenClipDirectory, IsInstalledWithItsOwnFiles) {
  ::setenv("XDG_DATA_HOME", (temp_ / "data").c_str(), 1);
  const auto info = InstallModel(temp_ / "tiny", "mine");
  ::unsetenv("XDG_DATA_HOME");
  ESPY_ASSERT_OK(info);
  for (const char* name : {"open_clip_config.json", "open_clip_model.safetensors", "vocab.json"}) {
    EXPECT_TRUE(fs::exists(info->directory + "/" + name)) << name;
  }
  const auto original = DescribeEncoder(temp_ / "tiny");
  ESPY_ASSERT_OK(original);
  EXPECT_EQ(info->space_id, original->space_id);
  EXPECT_EQ(info->weight_bytes, fs::file_size(temp_ / "tiny/open_clip_model.safetensors"));
}

TEST_F(OpenClipDirectory, SaysWhichFileIsMissing) {
  fs::rename(temp_ / "tiny/merges.txt", temp_ / "merges.txt");
  const Status tokenizer = Encoder::Load(temp_ / "tiny", {.load_text = true}).status();
  EXPECT_NE(tokenizer.message().find("merges.txt"), std::string::npos) << tokenizer.message();
  EXPECT_NE(tokenizer.message().find("openai/clip"), std::string::npos) << tokenizer.message();
  fs::rename(temp_ / "tiny/open_clip_model.safetensors", temp_ / "w.safetensors");
  const Status weights = DescribeEncoder(temp_ / "tiny").status();
  EXPECT_NE(weights.message().find("open_clip_model.safetensors: missing"), std::string::npos)
      << weights.message();
  fs::remove(temp_ / "tiny/open_clip_config.json");
  fs::rename(temp_ / "w.safetensors", temp_ / "tiny/open_clip_model.safetensors");
  const Status config = DescribeEncoder(temp_ / "tiny").status();
  EXPECT_NE(config.message().find("config.json"), std::string::npos) << config.message();
}

}  // namespace
}  // namespace espy::encoders
