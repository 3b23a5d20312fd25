// A BLIP directory's files. The first byte chooses: config.json and preprocessor_config.json, with
// a NUL between them -> ParseBlipConfig; tokenizer.json, or vocab.txt, then tokenizer_config.json
// and a text -> LoadBertTokenizer -> Encode -> Decode; confidence.json -> ParseConfidence.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "captioning/confidence.h"
#include "captioning/config.h"
#include "encoders/tokenizers/bert_tokenizer.h"

namespace {

using namespace espy;

void Require(bool held) {
  if (!held) std::abort();
}

std::string NextPart(std::string_view* rest) {
  const std::size_t end = std::min(rest->find('\0'), rest->size());
  std::string part(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

void RequireSound(const encoders::TowerConfig& tower) {
  Require(tower.width >= 1 && tower.width <= 16384);
  Require(tower.inter >= 1 && tower.inter <= 65536);
  Require(tower.layers >= 1 && tower.layers <= 256);
  Require(tower.heads >= 1 && tower.width % tower.heads == 0);
  Require(tower.norm_eps > 0 && std::isfinite(tower.norm_eps));
}

void FuzzConfig(std::string_view rest) {
  const std::string config = NextPart(&rest);
  const auto model = captioning::ParseBlipConfig(config, rest, "fuzzed");
  if (!model.ok()) {
    Require(model.status().message().find("fuzzed") == 0);
    return;
  }
  RequireSound(model->vision);
  RequireSound(model->text);
  const std::int64_t across = model->vision.image_size / model->vision.patch_size;
  Require(across >= 1 && across * across <= 16384);
  Require(model->text.vision_width == model->vision.width);
  Require(model->text.context >= 3 && model->text.context <= 8192);
  for (const std::int32_t id : {model->text.bos_id, model->text.sep_id, model->text.pad_id}) {
    Require(id >= 0 && id < model->text.vocabulary);
  }
  Require(model->projection >= 1 && model->projection <= 16384);
  Require(model->preprocess.width == model->vision.image_size &&
          model->preprocess.height == model->vision.image_size);
}

void FuzzConfidence(std::string_view json) {
  const auto confidence = captioning::ParseConfidence(json, "fuzzed");
  if (!confidence.ok()) {
    Require(confidence.status().message().find("fuzzed") == 0);
    return;
  }
  Require(confidence->threshold >= 0 && confidence->threshold <= 1);
  for (const double p : {0.0, 0.3, 1.0}) {
    for (const double c : {-1.0, 0.0, 1.0}) {
      const double sure = confidence->Of(p, c);
      Require(sure >= 0 && sure <= 1);
    }
  }
}

void FuzzTokenizer(bool json, std::string_view rest) {
  std::map<std::string, std::string> files;
  files[json ? "tokenizer.json" : "vocab.txt"] = NextPart(&rest);
  files["tokenizer_config.json"] = NextPart(&rest);
  if (files["tokenizer_config.json"].empty()) files.erase("tokenizer_config.json");
  const auto read = [&](const std::string& name) -> Result<std::string> {
    const auto found = files.find(name);
    if (found == files.end()) return Status::NotFound(name);
    return found->second;
  };
  const auto tokenizer = encoders::LoadBertTokenizer(encoders::TokenizerDirectory{read, "fuzzed"});
  if (!tokenizer.ok()) {
    Require(tokenizer.status().message().find("fuzzed") == 0);
    return;
  }
  Require((*tokenizer)->pad_id() >= 0 && (*tokenizer)->pad_id() < (*tokenizer)->vocabulary());
  for (const std::string& text :
       {std::string(rest.substr(0, 4096)), std::string("A dog's [SEP] na\xc3\xafve \xff\xfe"),
        std::string(2000, 'a')}) {
    for (const std::int64_t context : {0, 1, 2, 16}) {
      const auto ids = (*tokenizer)->Encode(text, context);
      Require(static_cast<std::int64_t>(ids.size()) <= context);
      for (const std::int32_t id : ids) Require(id >= 0 && id < (*tokenizer)->vocabulary());
      (void)(*tokenizer)->Decode(ids);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      FuzzConfig(rest);
      break;
    case 3:
      FuzzConfidence(rest);
      break;
    default:
      FuzzTokenizer(data[0] % 4 == 1, rest);
  }
  return 0;
}
