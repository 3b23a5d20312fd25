// InstallModel: a proven encoder copied to the user's own models.
#include "base/status_macros.h"
#include "encoders/install_files.h"
#include "encoders/model_store.h"

namespace espy::encoders {

Result<EncoderInfo> InstallModel(const std::string& directory, const std::string& name) {
  ModelProof proof;
  proof.prove = [](const std::string& path) -> Result<std::string> {
    ESPY_ASSIGN_OR_RETURN(const auto encoder,
                          Encoder::Load(path, {.load_image = true, .load_text = true}));
    return encoder->info().space_id;
  };
  proof.id = [](const std::string& path) -> Result<std::string> {
    ESPY_ASSIGN_OR_RETURN(const EncoderInfo info, DescribeEncoder(path));
    return info.space_id;
  };
  ESPY_ASSIGN_OR_RETURN(const std::string target, InstallFiles(directory, name, proof));
  return DescribeEncoder(target);
}

}  // namespace espy::encoders
