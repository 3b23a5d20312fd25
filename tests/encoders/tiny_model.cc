#include "tests/encoders/tiny_model.h"

#include <cmath>

#include "base/coding.h"

namespace espy::encoders {

std::string TinySafetensors(const std::vector<TinyTensor>& tensors) {
  std::string header = "{";
  std::string buffer;
  for (const TinyTensor& tensor : tensors) {
    std::int64_t count = 1;
    std::string shape;
    for (const std::int64_t size : tensor.shape) {
      count *= size;
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    const std::size_t begin = buffer.size();
    for (std::int64_t i = 0; i < count; ++i) {
      PutFixed(&buffer, tensor.value * (1.0f + 0.25f * static_cast<float>(i % 7)));
    }
    header += (header.size() > 1 ? ",\"" : "\"") + tensor.name + R"(":{"dtype":"F32","shape":[)" +
              shape + R"(],"data_offsets":[)" + std::to_string(begin) + "," +
              std::to_string(buffer.size()) + "]}";
  }
  header += "}";
  std::string file;
  PutFixed<std::uint64_t>(&file, header.size());
  return file + header + buffer;
}

namespace {

void AddLayer(const std::string& at, std::int64_t width, std::vector<TinyTensor>* tensors) {
  for (const char* part : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
    tensors->push_back({at + ".self_attn." + part + ".weight", {width, width}, 0.01f});
    tensors->push_back({at + ".self_attn." + part + ".bias", {width}, 0.01f});
  }
  for (const char* part : {"layer_norm1", "layer_norm2"}) {
    tensors->push_back({at + "." + part + ".weight", {width}, 1});
    tensors->push_back({at + "." + part + ".bias", {width}, 0});
  }
  tensors->push_back({at + ".mlp.fc1.weight", {2 * width, width}, 0.01f});
  tensors->push_back({at + ".mlp.fc1.bias", {2 * width}, 0});
  tensors->push_back({at + ".mlp.fc2.weight", {width, 2 * width}, 0.01f});
  tensors->push_back({at + ".mlp.fc2.bias", {width}, 0});
}

}  // namespace

std::vector<TinyTensor> TinyClipTensors() {
  std::vector<TinyTensor> tensors = {
      {"logit_scale", {}, std::log(50.0f)},
      {"text_model.embeddings.token_embedding.weight", {kTinyVocabulary, kTinyWidth}, 0.02f},
      {"text_model.embeddings.position_embedding.weight", {12, kTinyWidth}, 0.02f},
      {"text_model.final_layer_norm.weight", {kTinyWidth}, 1},
      {"text_model.final_layer_norm.bias", {kTinyWidth}, 0},
      {"text_projection.weight", {8, kTinyWidth}, 0.1f},
      {"vision_model.embeddings.class_embedding", {kTinyWidth}, 0.1f},
      {"vision_model.embeddings.patch_embedding.weight", {kTinyWidth, 3, 8, 8}, 0.01f},
      {"vision_model.embeddings.position_embedding.weight", {5, kTinyWidth}, 0.02f},
      {"vision_model.pre_layrnorm.weight", {kTinyWidth}, 1},
      {"vision_model.pre_layrnorm.bias", {kTinyWidth}, 0},
      {"vision_model.post_layernorm.weight", {kTinyWidth}, 1},
      {"vision_model.post_layernorm.bias", {kTinyWidth}, 0},
      {"visual_projection.weight", {8, kTinyWidth}, 0.1f},
  };
  AddLayer("text_model.encoder.layers.0", kTinyWidth, &tensors);
  AddLayer("vision_model.encoder.layers.0", kTinyWidth, &tensors);
  return tensors;
}

const char kTinyClipConfig[] = R"({"model_type":"clip","projection_dim":8,
  "text_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,
    "vocab_size":1094,"max_position_embeddings":12,"eos_token_id":1093},
  "vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,
    "image_size":16,"patch_size":8}})";

void WriteTinyClip(const testing::TempDir& temp, const std::string& name,
                   const std::vector<TinyTensor>& tensors) {
  temp.Write(name + "/config.json", kTinyClipConfig);
  temp.Write(name + "/model.safetensors", TinySafetensors(tensors));
  const std::string tokenizer = std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/clip/";
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
    temp.Write(name + "/" + file, testing::ReadFileOrDie(tokenizer + file));
  }
}

void WriteTinySiglip2Text(const testing::TempDir& temp, const std::string& name,
                          const std::string& padding_side) {
  constexpr std::int64_t kVocabulary = 1300;
  temp.Write(name + "/config.json", R"({"model_type":"siglip",
    "text_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,
      "vocab_size":1300,"max_position_embeddings":8},
    "vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,
      "image_size":16,"patch_size":8}})");
  std::vector<TinyTensor> tensors = {
      {"text_model.embeddings.token_embedding.weight", {kVocabulary, kTinyWidth}, 0.02f},
      {"text_model.embeddings.position_embedding.weight", {8, kTinyWidth}, 0.03f},
      {"text_model.final_layer_norm.weight", {kTinyWidth}, 1},
      {"text_model.final_layer_norm.bias", {kTinyWidth}, 0},
      {"text_model.head.weight", {kTinyWidth, kTinyWidth}, 0.1f},
      {"text_model.head.bias", {kTinyWidth}, 0},
  };
  AddLayer("text_model.encoder.layers.0", kTinyWidth, &tensors);
  temp.Write(name + "/model.safetensors", TinySafetensors(tensors));
  const std::string tokenizer =
      std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/siglip2/";
  temp.Write(name + "/tokenizer.json", testing::ReadFileOrDie(tokenizer + "tokenizer.json"));
  temp.Write(name + "/tokenizer_config.json",
             R"({"eos_token":"<eos>","pad_token":"<pad>","padding_side":")" + padding_side + "\"}");
}

}  // namespace espy::encoders
