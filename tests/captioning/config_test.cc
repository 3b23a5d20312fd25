#include "captioning/config.h"

#include <gtest/gtest.h>

namespace espy::captioning {
namespace {

TEST(BlipConfig, AbsentKeysMeanWhatTransformersTakesThemFor) {
  const auto config = ParseBlipConfig(R"({"model_type": "blip"})", "", "model");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->vision.width, 768);
  EXPECT_EQ(config->vision.heads, 12);
  EXPECT_EQ(config->vision.image_size, 384);
  EXPECT_EQ(config->vision.patch_size, 16);
  EXPECT_EQ(config->vision.activation, encoders::Activation::kGelu);
  EXPECT_FLOAT_EQ(config->vision.norm_eps, 1e-5f);
  EXPECT_EQ(config->text.heads, 8);  // unlike the published files, which say 12
  EXPECT_EQ(config->text.vocabulary, 30524);
  EXPECT_EQ(config->text.context, 512);
  EXPECT_FLOAT_EQ(config->text.norm_eps, 1e-12f);
  EXPECT_EQ(config->text.bos_id, 30522);
  EXPECT_EQ(config->text.sep_id, 102);
  EXPECT_EQ(config->text.pad_id, 0);
  EXPECT_EQ(config->projection, 256);
  EXPECT_EQ(config->preprocess.fit, imaging::PreprocessSpec::Fit::kSquash);
  EXPECT_EQ(config->preprocess.width, 384);
  EXPECT_EQ(config->preprocess.filter, imaging::Filter::kBicubic);
  EXPECT_FLOAT_EQ(config->preprocess.mean[0], 0.48145466f);
  EXPECT_FLOAT_EQ(config->preprocess.std[2], 0.27577711f);
}

TEST(BlipConfig, ReadsThePublishedFiles) {
  const auto config = ParseBlipConfig(
      R"({"architectures": ["BlipForConditionalGeneration"], "model_type": "blip",
          "image_text_hidden_size": 256, "text_config": {"encoder_hidden_size": 768,
          "num_attention_heads": 12, "max_length": 20, "num_beams": 1, "eos_token_id": 2},
          "text_config_dict": null, "vision_config": {"hidden_size": 1024, "intermediate_size": 4096,
          "num_attention_heads": 16, "num_hidden_layers": 24}})",
      R"({"do_normalize": true, "do_rescale": true, "do_resize": true,
          "image_mean": [0.48145466, 0.4578275, 0.40821073],
          "image_processor_type": "BlipImageProcessor",
          "image_std": [0.26862954, 0.26130258, 0.27577711], "processor_class": "BlipProcessor",
          "resample": 3, "rescale_factor": 0.00392156862745098,
          "size": {"height": 384, "width": 384}, "size_divisor": 32})",
      "model");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->vision.width, 1024);
  EXPECT_EQ(config->text.heads, 12);
  // Whatever encoder_hidden_size says.
  EXPECT_EQ(config->text.vision_width, 1024);
}

struct Wrong {
  const char* config;
  const char* preprocessor;
  const char* why;
};

TEST(BlipConfig, RefusesWhatItCannotBeTrueToByFileKeyAndReason) {
  for (const Wrong& wrong : {
           Wrong{"", "", "config.json"},
           Wrong{"[]", "", "config.json: not an object"},
           Wrong{R"({"model_type": "clip"})", "", "need a model of type blip"},
           Wrong{R"({"model_type": "blip", "text_config": {"hidden_size": 100}})", "",
                 "not a multiple of num_attention_heads"},
           Wrong{R"({"model_type": "blip", "text_config": {"hidden_size": 1e9}})", "",
                 "hidden_size"},
           Wrong{R"({"model_type": "blip", "text_config": {"vocab_size": 99999999}})", "",
                 "vocab_size"},
           Wrong{R"({"model_type": "blip", "text_config": {"vocab_size": 100}})", "",
                 "bos_token_id is 30522, not below vocab_size 100"},
           Wrong{R"({"model_type": "blip", "text_config": {"max_position_embeddings": 100000}})",
                 "", "max_position_embeddings"},
           Wrong{R"({"model_type": "blip", "text_config": {"num_hidden_layers": 0}})", "",
                 "num_hidden_layers"},
           Wrong{R"({"model_type": "blip", "text_config": {"tie_word_embeddings": false}})", "",
                 "tie_word_embeddings"},
           Wrong{R"({"model_type": "blip", "text_config": {"hidden_act": "relu"}})", "",
                 "hidden_act"},
           Wrong{R"({"model_type": "blip", "vision_config": {"image_size": 4096,
                    "patch_size": 1}})",
                 "", "outside 1 to 16384"},
           Wrong{R"({"model_type": "blip", "vision_config": {"image_size": [384, 224]}})", "",
                 "only square pictures"},
           Wrong{R"({"model_type": "blip", "image_text_hidden_size": 0})", "",
                 "image_text_hidden_size"},
           Wrong{R"({"model_type": "blip"})", R"({"size": {"height": 224, "width": 224}})",
                 "config.json's image_size is 384"},
           Wrong{R"({"model_type": "blip"})", R"({"image_processor_type": "CLIPImageProcessor"})",
                 "not the processor of a model of type blip"},
           Wrong{R"({"model_type": "blip"})", R"({"do_resize": false})", "do_resize"},
           Wrong{R"({"model_type": "blip"})", R"({"resample": 0})", "resample"},
           Wrong{R"({"model_type": "blip"})", "[", "preprocessor_config.json"},
       }) {
    const auto config = ParseBlipConfig(wrong.config, wrong.preprocessor, "model");
    ASSERT_FALSE(config.ok()) << wrong.why;
    EXPECT_EQ(config.status().message().find("model/"), 0u) << config.status().message();
    EXPECT_NE(config.status().message().find(wrong.why), std::string::npos)
        << config.status().message();
  }
}

}  // namespace
}  // namespace espy::captioning
