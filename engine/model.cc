// The models installed, as the public interface shows them.
#include "espy/model.h"

#include <set>
#include <string_view>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "captioning/captioner_store.h"
#include "encoders/device/device_encoder.h"
#include "encoders/hub_cache.h"
#include "encoders/known_models.h"
#include "encoders/model_store.h"

namespace espy {
namespace {

ModelDescription Describe(const encoders::EncoderInfo& info) {
  ModelDescription model;
  model.name = info.name;
  model.directory = info.directory;
  model.family = info.family;
  model.dimension = info.dimension;
  model.image_size = info.preprocess.width;
  model.context = info.context;
  model.image_parameters = info.image_parameters;
  model.text_parameters = info.text_parameters;
  model.bytes = info.weight_bytes;
  model.space_id = info.space_id;
  model.bundled = info.name.starts_with("espy-");
  model.repository = encoders::RepositoryOfSnapshot(info.directory);
  if (const auto* known = encoders::FindKnownRepository(model.repository)) {
    model.licence = known->licence;
  }
  return model;
}

ModelDescription Describe(const captioning::CaptionerInfo& info) {
  ModelDescription model;
  model.name = info.name;
  model.directory = info.directory;
  model.family = encoders::kCaptionerType;
  model.dimension = info.projection;
  model.image_size = info.image_size;
  model.context = info.context;
  model.image_parameters = info.image_parameters;
  model.text_parameters = info.text_parameters;
  model.bytes = info.bytes;
  model.space_id = info.id;
  model.bundled = info.name.starts_with("espy-");
  model.repository = encoders::RepositoryOfSnapshot(info.directory);
  return model;
}

ModelDescription Describe(const encoders::KnownModel& known) {
  ModelDescription model;
  model.name = known.name;
  model.family = known.family;
  model.dimension = known.dimension;
  model.image_size = known.image_size;
  model.context = known.context;
  model.bytes = known.megabytes * 1'000'000;
  model.installed = false;
  model.repository = known.repository;
  model.licence = known.licence;
  return model;
}

}  // namespace

std::vector<std::string> ModelDirectories() { return encoders::ModelDirectories(); }

std::vector<ModelDescription> ListModels(ModelSet set) {
  std::vector<ModelDescription> models;
  std::set<std::string_view> names;
  for (const encoders::EncoderInfo& info : encoders::ListEncoders()) {
    models.push_back(Describe(info));
  }
  for (const captioning::CaptionerInfo& info : captioning::ListCaptioners()) {
    models.push_back(Describe(info));
  }
  if (set == ModelSet::kInstalled) return models;
  for (const ModelDescription& model : models) names.insert(model.name);
  std::vector<ModelDescription> others;
  for (const encoders::KnownModel& known : encoders::KnownModels()) {
    if (!names.contains(known.name)) others.push_back(Describe(known));
  }
  models.insert(models.end(), others.begin(), others.end());
  return models;
}

Result<ModelDescription> DescribeModel(const std::string& name) {
  const Result<std::string> directory = encoders::ResolveModel(name);
  if (!directory.ok()) {
    const encoders::KnownModel* known = encoders::FindKnownModel(name);
    if (known == nullptr) known = encoders::FindKnownRepository(name);
    if (known != nullptr) return Describe(*known);
    return directory.status();
  }
  if (captioning::IsCaptioner(*directory)) {
    ESPY_ASSIGN_OR_RETURN(const auto info, captioning::DescribeCaptioner(*directory));
    return Describe(info);
  }
  ESPY_ASSIGN_OR_RETURN(const encoders::EncoderInfo info, encoders::DescribeEncoder(*directory));
  return Describe(info);
}

Result<ModelDescription> AddModel(const std::string& directory, const std::string& name) {
  if (captioning::IsCaptioner(directory)) {
    ESPY_ASSIGN_OR_RETURN(const auto info, captioning::InstallCaptioner(directory, name));
    return Describe(info);
  }
  ESPY_ASSIGN_OR_RETURN(const encoders::EncoderInfo info, encoders::InstallModel(directory, name));
  return Describe(info);
}

std::string Version() { return ESPY_VERSION; }
std::string DeviceDescription() {
  const Result<std::string> gpu = encoders::DescribeDevice();
  return gpu.ok() ? CpuDescription() + ", " + *gpu : CpuDescription();
}

}  // namespace espy
