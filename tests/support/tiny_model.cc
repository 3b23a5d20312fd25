#include "tests/support/tiny_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

namespace espy::testing {
namespace {

using Json = nlohmann::json;

constexpr int kWidth = 32, kInter = 64, kImage = 32, kPatch = 16, kProjection = 16;
constexpr int kContext = 16, kVocabulary = 514;

class WeightFile {
 public:
  explicit WeightFile(std::uint32_t seed) : random_(seed) {}

  void Add(const std::string& name, const std::vector<int>& shape, float mean = 0.0f) {
    std::size_t elements = 1;
    for (const int side : shape) elements *= static_cast<std::size_t>(side);
    const std::size_t begin = data_.size();
    for (std::size_t i = 0; i < elements; ++i) {
      // Uniform with deviation 0.15: by hand, since the standard distributions differ between
      // libraries.
      const float value = mean + (static_cast<float>(random_() >> 8) * 0x1p-24f - 0.5f) * 0.5f;
      data_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data_.size()}}};
  }

  void Layer(const std::string& prefix) {
    for (const char* norm : {"layer_norm1", "layer_norm2"}) {
      Add(prefix + norm + ".weight", {kWidth}, 1.0f);
      Add(prefix + norm + ".bias", {kWidth});
    }
    for (const char* product : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      Add(prefix + "self_attn." + product + ".weight", {kWidth, kWidth});
      Add(prefix + "self_attn." + product + ".bias", {kWidth});
    }
    Add(prefix + "mlp.fc1.weight", {kInter, kWidth});
    Add(prefix + "mlp.fc1.bias", {kInter});
    Add(prefix + "mlp.fc2.weight", {kWidth, kInter});
    Add(prefix + "mlp.fc2.bias", {kWidth});
  }

  void Norm(const std::string& name) {
    Add(name + ".weight", {kWidth}, 1.0f);
    Add(name + ".bias", {kWidth});
  }

  std::string Bytes() const {
    std::string header = header_.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + data_;
  }

 private:
  std::mt19937 random_;
  Json header_ = Json::object();
  std::string data_;
};

std::string Weights(std::uint32_t seed) {
  WeightFile file(seed);
  file.Add("logit_scale", {}, 2.6f);
  file.Add("text_model.embeddings.token_embedding.weight", {kVocabulary, kWidth});
  file.Add("text_model.embeddings.position_embedding.weight", {kContext, kWidth});
  file.Layer("text_model.encoder.layers.0.");
  file.Norm("text_model.final_layer_norm");
  file.Add("text_projection.weight", {kProjection, kWidth});
  const int patches = (kImage / kPatch) * (kImage / kPatch);
  file.Add("vision_model.embeddings.class_embedding", {kWidth});
  file.Add("vision_model.embeddings.patch_embedding.weight", {kWidth, 3, kPatch, kPatch});
  file.Add("vision_model.embeddings.position_embedding.weight", {patches + 1, kWidth});
  file.Norm("vision_model.pre_layrnorm");
  file.Layer("vision_model.encoder.layers.0.");
  file.Norm("vision_model.post_layernorm");
  file.Add("visual_projection.weight", {kProjection, kWidth});
  return file.Bytes();
}

constexpr int kGemmaVocabulary = 1300, kNaflexPatch = 8, kNaflexGrid = 3;

std::string NaflexWeights(std::uint32_t seed) {
  WeightFile file(seed);
  const auto linear = [&](const std::string& name, int outputs, int inputs) {
    file.Add(name + ".weight", {outputs, inputs});
    file.Add(name + ".bias", {outputs});
  };
  file.Add("logit_scale", {1}, 2.6f);
  file.Add("logit_bias", {1}, -3.0f);
  file.Add("text_model.embeddings.token_embedding.weight", {kGemmaVocabulary, kWidth});
  file.Add("text_model.embeddings.position_embedding.weight", {kContext, kWidth});
  file.Layer("text_model.encoder.layers.0.");
  file.Norm("text_model.final_layer_norm");
  linear("text_model.head", kWidth, kWidth);
  linear("vision_model.embeddings.patch_embedding", kWidth, 3 * kNaflexPatch * kNaflexPatch);
  file.Add("vision_model.embeddings.position_embedding.weight",
           {kNaflexGrid * kNaflexGrid, kWidth});
  file.Layer("vision_model.encoder.layers.0.");
  file.Norm("vision_model.post_layernorm");
  file.Add("vision_model.head.probe", {1, 1, kWidth});
  file.Add("vision_model.head.attention.in_proj_weight", {3 * kWidth, kWidth});
  file.Add("vision_model.head.attention.in_proj_bias", {3 * kWidth});
  linear("vision_model.head.attention.out_proj", kWidth, kWidth);
  file.Norm("vision_model.head.layernorm");
  linear("vision_model.head.mlp.fc1", kInter, kWidth);
  linear("vision_model.head.mlp.fc2", kWidth, kInter);
  return file.Bytes();
}

// The 256 characters by which byte-level BPE writes bytes (OpenAI's table), then each with "</w>",
// then start and end.
Json Vocabulary() {
  Json vocabulary = Json::object();
  std::vector<int> code_points;
  for (int b = '!'; b <= '~'; ++b) code_points.push_back(b);
  for (int b = 0xa1; b <= 0xac; ++b) code_points.push_back(b);
  for (int b = 0xae; b <= 0xff; ++b) code_points.push_back(b);
  for (int n = 0; code_points.size() < 256; ++n) code_points.push_back(256 + n);
  int id = 0;
  for (const char* end : {"", "</w>"}) {
    for (const int c : code_points) {
      std::string text;
      if (c < 0x80) {
        text = static_cast<char>(c);
      } else {
        text = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
      }
      vocabulary[text + end] = id++;
    }
  }
  vocabulary["<|startoftext|>"] = 512;
  vocabulary["<|endoftext|>"] = 513;
  return vocabulary;
}

void Write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  EXPECT_TRUE(file.good()) << path;
}

}  // namespace

void WriteTinyModel(const std::string& directory, std::uint32_t seed) {
  const std::filesystem::path folder(directory);
  std::filesystem::create_directories(folder);
  const Json tower = {{"hidden_size", kWidth},      {"intermediate_size", kInter},
                      {"num_hidden_layers", 1},     {"num_attention_heads", 4},
                      {"hidden_act", "quick_gelu"}, {"layer_norm_eps", 1e-5}};
  Json text = tower, vision = tower;
  text.update({{"vocab_size", kVocabulary},
               {"max_position_embeddings", kContext},
               {"bos_token_id", 512},
               {"eos_token_id", 513},
               {"pad_token_id", 513}});
  vision.update({{"image_size", kImage}, {"patch_size", kPatch}});
  Write(folder / "config.json", Json{{"model_type", "clip"},
                                     {"projection_dim", kProjection},
                                     {"text_config", text},
                                     {"vision_config", vision}}
                                    .dump());
  Write(folder / "preprocessor_config.json",
        Json{{"size", {{"shortest_edge", kImage}}},
             {"crop_size", {{"height", kImage}, {"width", kImage}}},
             {"resample", 3},
             {"image_mean", {0.5, 0.5, 0.5}},
             {"image_std", {0.5, 0.5, 0.5}}}
            .dump());
  Write(folder / "vocab.json", Vocabulary().dump());
  Write(folder / "merges.txt", "#version: 0.2\n");
  Write(folder / "model.safetensors", Weights(seed));
}

void WriteTinyNaflexModel(const std::string& directory, std::uint32_t seed) {
  const std::filesystem::path folder(directory);
  std::filesystem::create_directories(folder);
  const Json tower = {{"hidden_size", kWidth},
                      {"intermediate_size", kInter},
                      {"num_hidden_layers", 1},
                      {"num_attention_heads", 4}};
  Json text = tower, vision = tower;
  text.update({{"vocab_size", kGemmaVocabulary}, {"max_position_embeddings", kContext}});
  vision.update({{"num_patches", kNaflexGrid * kNaflexGrid}, {"patch_size", kNaflexPatch}});
  Write(folder / "config.json",
        Json{{"model_type", "siglip2"}, {"text_config", text}, {"vision_config", vision}}.dump());
  Write(folder / "preprocessor_config.json", Json{{"image_processor_type", "Siglip2ImageProcessor"},
                                                  {"patch_size", kNaflexPatch},
                                                  {"max_num_patches", 16}}
                                                 .dump());
  std::filesystem::copy_file(ESPY_SOURCE_DIR "/tests/encoders/tokenizers/siglip2/tokenizer.json",
                             folder / "tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  Write(folder / "tokenizer_config.json",
        R"({"eos_token":"<eos>","pad_token":"<pad>","padding_side":"right"})");
  Write(folder / "model.safetensors", NaflexWeights(seed));
}

}  // namespace espy::testing
