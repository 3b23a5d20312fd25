// The cases of goldens.json: models written as their publishers would ship them, and what
// transformers gives for them.
#ifndef ESPY_TESTS_PARITY_GOLDEN_MODEL_H_
#define ESPY_TESTS_PARITY_GOLDEN_MODEL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "encoders/config.h"
#include "encoders/model_files.h"
#include "encoders/tower.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {

using nlohmann::json;

inline const json& Goldens() {
  static const json goldens =
      json::parse(std::ifstream(ESPY_SOURCE_DIR "/tests/parity/goldens.json"));
  return goldens;
}

inline std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const json& golden : Goldens()["cases"]) names.push_back(golden["name"]);
  return names;
}

inline const json& GoldenNamed(const std::string& name) {
  for (const json& golden : Goldens()["cases"]) {
    if (golden["name"] == name) return golden;
  }
  ADD_FAILURE() << "no case " << name;
  return Goldens();
}

// The model of a case, written as its publisher would ship it.
struct Model {
  explicit Model(const json& golden) {
    std::vector<parity::FormulaTensor> tensors;
    for (const json& t : golden["tensors"]) tensors.push_back({t[0], t[1], t[2], t[3]});
    const auto dtype = golden["dtype"].get<std::string>();
    if (golden["family"] == "openclip") {
      directory.Write("open_clip_config.json", golden["config"].dump());
      directory.Write("open_clip_model.safetensors", parity::FormulaSafetensors(tensors, dtype));
      return;
    }
    directory.Write("config.json", golden["config"].dump());
    if (golden.contains("shards")) {
      WriteShards(tensors, dtype, golden["shards"].get<std::size_t>());
    } else {
      directory.Write("model.safetensors", parity::FormulaSafetensors(tensors, dtype));
    }
  }

  // Every n-th tensor to the same file, so that each layer's lie in several.
  void WriteShards(const std::vector<parity::FormulaTensor>& tensors, const std::string& dtype,
                   std::size_t shards) const {
    json map;
    for (std::size_t s = 0; s < shards; ++s) {
      const std::string name = "model-" + std::to_string(s) + ".safetensors";
      std::vector<parity::FormulaTensor> part;
      for (std::size_t i = s; i < tensors.size(); i += shards) {
        part.push_back(tensors[i]);
        map[tensors[i].name] = name;
      }
      directory.Write(name, parity::FormulaSafetensors(part, dtype));
    }
    directory.Write("model.safetensors.index.json", json{{"weight_map", map}}.dump());
  }
  testing::TempDir directory;
};

// The pictures of a case: `batch` squares, or one of each of its grids of patches.
struct Pictures {
  Pictures(const json& golden, const VisionConfig& vision, const std::string& name,
           std::int32_t batch) {
    const auto patch = static_cast<std::int32_t>(vision.patch_size);
    const auto side = static_cast<std::int32_t>(vision.image_size);
    if (golden.contains("grids")) {
      for (const json& grid : golden["grids"]) {
        const imaging::Size size{grid[1].get<std::int32_t>() * patch,
                                 grid[0].get<std::int32_t>() * patch};
        const std::string of = name + " " + std::to_string(values.size());
        values.push_back(parity::FormulaValues(of, 3 * size.width * size.height, 2.0f));
        views.push_back({values.back().data(), size});
      }
      return;
    }
    values.push_back(parity::FormulaValues(name, std::int64_t{3} * batch * side * side, 2.0f));
    for (std::int32_t i = 0; i < batch; ++i) {
      views.push_back({values[0].data() + std::int64_t{3} * i * side * side, {side, side}});
    }
  }
  std::vector<std::vector<float>> values;
  std::vector<imaging::PictureView> views;
};

inline Padding PaddingOf(const json& golden) {
  return {.id = golden["pad"].get<std::int32_t>(), .left = golden.value("pads_left", false)};
}

inline Result<ModelConfig> ConfigOf(const json& golden, const Model& model) {
  Result<ModelConfig> config = ReadModelConfig(model.directory.path());
  if (!config.ok() || !golden.contains("timm")) return config;
  // A tower of timm's that is too small to have a name.
  const json& sizes = golden["timm"];
  VisionConfig& vision = config->vision;
  vision.width = sizes["embed_dim"];
  vision.heads = sizes["num_heads"];
  vision.layers = sizes["depth"];
  vision.inter =
      static_cast<std::int64_t>(sizes.value("mlp_ratio", 4.0) * static_cast<double>(vision.width));
  vision.image_size = sizes["img_size"];
  vision.patch_size = sizes["patch_size"];
  vision.activation = sizes["act"] == "gelu" ? Activation::kGelu : Activation::kGeluTanh;
  config->projection = vision.width;
  return config;
}

// A case's model, opened, and what its towers are given.
struct Case {
  const json& golden;
  Model model;
  ModelConfig config;
  std::unique_ptr<Safetensors> weights;
  std::optional<Pictures> input;
  std::vector<std::vector<std::int32_t>> ids;  // of its texts
  std::size_t dimension = 0;
};

// `pictures` squares of the values called `pixels`, or one for each of the case's grids.
inline Result<std::unique_ptr<Case>> OpenCase(const json& golden,
                                              const std::string& pixels = "pixels",
                                              std::int32_t pictures = 2) {
  auto opened = std::unique_ptr<Case>(
      new Case{.golden = golden, .model = Model(golden), .config = {}, .weights = nullptr});
  ESPY_ASSIGN_OR_RETURN(opened->config, ConfigOf(golden, opened->model));
  ESPY_ASSIGN_OR_RETURN(opened->weights, OpenWeights(opened->model.directory.path()));
  opened->input.emplace(golden, opened->config.vision, pixels, pictures);
  opened->ids = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  opened->dimension = static_cast<std::size_t>(opened->config.projection);
  return opened;
}

struct Agreement {
  double cosine = 1;      // the least of any row
  double difference = 0;  // the largest, as a part of its row's norm
};

inline Agreement Compare(const std::vector<float>& got, const json& expected) {
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

}  // namespace espy::encoders

#endif  // ESPY_TESTS_PARITY_GOLDEN_MODEL_H_
