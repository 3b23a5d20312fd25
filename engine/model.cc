// The models installed, as the public interface shows them.
#include "espy/model.h"

#include "base/cpu_features.h"
#include "base/status_macros.h"
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
  return model;
}

}  // namespace

std::vector<std::string> ModelDirectories() { return encoders::ModelDirectories(); }

std::vector<ModelDescription> ListModels() {
  std::vector<ModelDescription> models;
  for (const encoders::EncoderInfo& info : encoders::ListEncoders()) {
    models.push_back(Describe(info));
  }
  return models;
}

Result<ModelDescription> DescribeModel(const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const std::string directory, encoders::ResolveModel(name));
  ESPY_ASSIGN_OR_RETURN(const encoders::EncoderInfo info, encoders::DescribeEncoder(directory));
  return Describe(info);
}

Result<ModelDescription> AddModel(const std::string& directory, const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const encoders::EncoderInfo info, encoders::InstallModel(directory, name));
  return Describe(info);
}

std::string Version() { return ESPY_VERSION; }
std::string DeviceDescription() { return CpuDescription(); }

}  // namespace espy
