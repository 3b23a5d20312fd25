// A proven model's files copied to the user's own models, whatever kind of model it is.
#ifndef ESPY_ENCODERS_INSTALL_FILES_H_
#define ESPY_ENCODERS_INSTALL_FILES_H_

#include <functional>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

struct ModelProof {
  // Loads the model whole and gives its id.
  std::function<Result<std::string>(const std::string& directory)> prove;
  // The id of a copy, without loading it.
  std::function<Result<std::string>(const std::string& directory)> id;
  std::vector<std::string> also;  // files to copy, where they are, besides those of every model
};

// Proves the model, then copies its files to UserModelDirectory() under `name` (the directory's own
// name when empty), through a temporary folder beside it and a rename, so that nothing is left
// behind by a failure; returns the new directory. InvalidArgument when the name is taken, there or
// in another of ModelDirectories(), or is not made of letters, digits and ._- (beginning with a
// letter or digit).
Result<std::string> InstallFiles(const std::string& directory, const std::string& name,
                                 const ModelProof& proof);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_INSTALL_FILES_H_
