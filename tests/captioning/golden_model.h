// The cases of goldens.json (make_goldens.py): BLIP models written as their publishers would ship
// them, and what transformers gives for them.
#ifndef ESPY_TESTS_CAPTIONING_GOLDEN_MODEL_H_
#define ESPY_TESTS_CAPTIONING_GOLDEN_MODEL_H_

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "captioning/blip_names.h"
#include "captioning/config.h"
#include "captioning/decoder.h"
#include "captioning/device/device_use.h"
#include "captioning/vision.h"
#include "encoders/model_files.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::captioning {

using nlohmann::json;

inline constexpr int kGoldenPictures = 3;

inline const json& Goldens() {
  static const json goldens =
      json::parse(std::ifstream(ESPY_SOURCE_DIR "/tests/captioning/goldens.json"));
  return goldens;
}

inline std::vector<std::string> CaseNames(const std::string& list) {
  std::vector<std::string> names;
  for (const json& golden : Goldens()[list]) names.push_back(golden["name"]);
  return names;
}

inline const json& GoldenNamed(const std::string& list, const std::string& name) {
  for (const json& golden : Goldens()[list]) {
    if (golden["name"] == name) return golden;
  }
  ADD_FAILURE() << "no case " << name;
  return Goldens();
}

inline void WriteGoldenModel(const json& golden, const testing::TempDir& directory) {
  std::vector<parity::FormulaTensor> tensors;
  for (const json& t : golden["tensors"]) tensors.push_back({t[0], t[1], t[2], t[3]});
  directory.Write("config.json", golden["config"].dump());
  directory.Write("model.safetensors",
                  parity::FormulaSafetensors(tensors, golden["dtype"].get<std::string>()));
}

// A small vocabulary of BERT's kind, whose ids are below those of every case.
inline void WriteGoldenTokenizer(const testing::TempDir& directory) {
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\nand\ncat\nthe\n##s\n";
  for (int i = 0; i < 80; ++i) lines += "word" + std::to_string(i) + "\n";
  directory.Write("vocab.txt", lines);
}

// The pictures that every case is shown.
struct GoldenPictures {
  explicit GoldenPictures(const encoders::VisionConfig& vision) {
    const auto side = static_cast<std::int32_t>(vision.image_size);
    values = parity::FormulaValues("pixels", std::int64_t{3} * kGoldenPictures * side * side, 2.0f);
    for (std::int64_t i = 0; i < kGoldenPictures; ++i) {
      views.push_back({values.data() + 3 * i * side * side, {side, side}});
    }
  }
  std::vector<float> values;
  std::vector<imaging::PictureView> views;
};

// A caption model's two towers, and the rows that the vision tower gives for the pictures.
struct GoldenTowers {
  testing::TempDir directory;
  BlipConfig config;
  std::unique_ptr<encoders::Safetensors> weights;
  ThreadPool pool{2};
  VisionTower vision;
  DeviceUse device;
  std::unique_ptr<TextDecoder> decoder;
  std::vector<float> image;  // [pictures, tokens, vision width], by the CPU

  const float* rows(std::int64_t picture) const {
    return image.data() + picture * vision.tokens() * vision.width();
  }
};

inline Result<std::unique_ptr<GoldenTowers>> OpenTowers(
    const json& golden, kernels::Precision precision = kernels::Precision::kFloat32,
    bool threads = true) {
  auto towers = std::make_unique<GoldenTowers>();
  WriteGoldenModel(golden, towers->directory);
  ESPY_ASSIGN_OR_RETURN(towers->config, ReadBlipConfig(towers->directory.path()));
  ESPY_ASSIGN_OR_RETURN(auto file, encoders::OpenWeights(towers->directory.path()));
  towers->weights = RenameBlip(std::move(file));
  ThreadPool* pool = threads ? &towers->pool : nullptr;
  const encoders::TowerOptions options(pool, precision);
  ESPY_ASSIGN_OR_RETURN(
      towers->vision,
      VisionTower::Load(encoders::Weights(towers->weights.get(), "vision_model", options),
                        towers->config.vision));
  ESPY_ASSIGN_OR_RETURN(
      towers->decoder,
      TextDecoder::Load(encoders::Weights(towers->weights.get(), "text_decoder", options),
                        towers->config.text));
  const GoldenPictures pictures(towers->config.vision);
  towers->image.resize(
      static_cast<std::size_t>(kGoldenPictures * towers->vision.tokens() * towers->vision.width()));
  encoders::Workspace workspace;
  towers->vision.Encode(pictures.views, &workspace, towers->image.data(), pool);
  return towers;
}

// The same with a decoder on the GPU, or on the emulation of one.
inline Result<std::unique_ptr<GoldenTowers>> OpenTowersOnDevice(const json& golden,
                                                                Precision precision) {
  ESPY_ASSIGN_OR_RETURN(auto towers, OpenTowers(golden));
  ESPY_RETURN_IF_ERROR(towers->device.Open(towers->config, *towers->weights,
                                           {.precision = precision}, Device::kCuda));
  towers->decoder->UseDevice(&towers->device);
  return towers;
}

// The pictures as the decoder sees them.
inline CrossCache LookAt(const GoldenTowers& towers) {
  CrossCache cross;
  if (DeviceCaptioner* device = towers.device.captioner()) {
    const GoldenPictures pictures(towers.config.vision);
    auto looked = device->Look(pictures.views, nullptr);
    for (auto& picture : looked.value()) cross.Add(std::move(picture));
    return cross;
  }
  for (std::int64_t p = 0; p < kGoldenPictures; ++p) {
    cross.Add(towers.decoder->Look(towers.rows(p), towers.vision.tokens()).value());
  }
  return cross;
}

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_GOLDEN_MODEL_H_
