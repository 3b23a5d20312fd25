#include "captioning/captioner_store.h"

#include <string_view>

#include "base/env.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "captioning/captioner.h"
#include "captioning/confidence.h"
#include "captioning/config.h"
#include "captioning/drafts/drafted_captioner.h"
#include "captioning/drafts/medusa_heads.h"
#include "captioning/drafts/mtp_module.h"
#include "captioning/matcher.h"
#include "encoders/install_files.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/safetensors.h"

namespace espy::captioning {
namespace {

struct Towers {
  std::uint64_t image = 0, text = 0;  // parameters
  bool decoder = false, encoder = false, match = false;
};

Result<Towers> CountTowers(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const auto weights, encoders::OpenWeights(directory));
  Towers towers;
  for (const std::string_view name : weights->Names()) {
    const auto count = static_cast<std::uint64_t>(weights->Find(name)->elements());
    (name.starts_with("vision_model.") ? towers.image : towers.text) += count;
    towers.decoder = towers.decoder || name.starts_with("text_decoder.");
    towers.encoder = towers.encoder || name.starts_with("text_encoder.");
    towers.match = towers.match || name.starts_with("itm_head.");
  }
  return towers;
}

Result<std::string> Prove(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const Towers towers, CountTowers(directory));
  std::string id;
  if (towers.decoder || !towers.match) {
    ESPY_ASSIGN_OR_RETURN(const auto captioner, Captioner::Load(directory));
    ESPY_RETURN_IF_ERROR(DraftedCaptioner::Load(captioner.get()).status());
    id = captioner->model().id();
  }
  if (towers.match) ESPY_RETURN_IF_ERROR(Matcher::Load(directory).status());
  ESPY_RETURN_IF_ERROR(ReadConfidence(directory).status());
  return id.empty() ? ModelId(directory) : id;
}

}  // namespace

bool IsCaptioner(const std::string& directory) {
  const Result<std::string> type = encoders::ModelType(directory);
  return type.ok() && *type == encoders::kCaptionerType;
}

Result<CaptionerInfo> DescribeCaptioner(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const BlipConfig config, ReadBlipConfig(directory));
  ESPY_ASSIGN_OR_RETURN(const Towers towers, CountTowers(directory));
  CaptionerInfo info;
  info.name = encoders::ModelName(directory);
  info.directory = directory;
  info.image_size = config.vision.image_size;
  info.context = config.text.context;
  info.projection = towers.encoder && towers.match ? config.projection : 0;
  info.image_parameters = towers.image;
  info.text_parameters = towers.text;
  info.captions = towers.decoder;
  ESPY_ASSIGN_OR_RETURN(const encoders::WeightFiles files, encoders::FindWeights(directory));
  for (const std::string& name : files.files) {
    ESPY_ASSIGN_OR_RETURN(const FileFacts facts, Env::Default()->Stat(directory + "/" + name));
    info.bytes += facts.size;
  }
  ESPY_ASSIGN_OR_RETURN(info.id, ModelId(directory));
  return info;
}

std::vector<CaptionerInfo> ListCaptioners() {
  std::vector<CaptionerInfo> captioners;
  for (const encoders::FoundModel& model : encoders::FindModels()) {
    if (model.type != encoders::kCaptionerType) continue;
    Result<CaptionerInfo> info = DescribeCaptioner(model.directory);
    if (info.ok()) {
      captioners.push_back(*std::move(info));
    } else {
      Log(model.from_hub ? LogLevel::kInfo : LogLevel::kWarning, info.status().message());
    }
  }
  return captioners;
}

Result<CaptionerInfo> InstallCaptioner(const std::string& directory, const std::string& name) {
  encoders::ModelProof proof;
  proof.prove = Prove;
  proof.id = ModelId;
  proof.also = {"vocab.txt", kMedusaFile, kMtpFile, "confidence.json"};
  ESPY_ASSIGN_OR_RETURN(const std::string target, encoders::InstallFiles(directory, name, proof));
  return DescribeCaptioner(target);
}

}  // namespace espy::captioning
