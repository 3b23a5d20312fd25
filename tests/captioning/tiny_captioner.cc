#include "tests/captioning/tiny_captioner.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "tests/parity/formula.h"

namespace espy::testing {

using nlohmann::json;

namespace {
constexpr const char* kJoint = "image_text_hidden_size";  // of the cosine's vectors
}

void WriteTinyCaptioner(const std::string& directory, bool matches, const std::string& word) {
  const json goldens = json::parse(std::ifstream(ESPY_SOURCE_DIR "/tests/captioning/goldens.json"));
  json base;
  std::vector<parity::FormulaTensor> tensors;
  std::set<std::string> names;
  const auto add = [&](const char* list, const char* name) {
    for (const json& golden : goldens[list]) {
      if (golden["name"] != name) continue;
      if (base.is_null()) base = golden;
      const json& config = golden["config"];
      if (config.contains(kJoint)) base["config"][kJoint] = config[kJoint];
      for (const json& t : golden["tensors"]) {
        if (names.insert(t[0]).second) tensors.push_back({t[0], t[1], t[2], t[3]});
      }
    }
  };
  add("captions", "base");
  if (matches) add("matches", "match_base");  // of the same shapes
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(directory + "/" + name, std::ios::binary) << text;
  };
  std::filesystem::create_directories(directory);
  write("config.json", base["config"].dump());
  write("model.safetensors", parity::FormulaSafetensors(tensors, "F32"));
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\nand\ncat\nthe\n##s\n";
  for (int i = 0; i < 80; ++i) lines += word + std::to_string(i) + "\n";
  write("vocab.txt", lines);
}

}  // namespace espy::testing
