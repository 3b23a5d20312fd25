#include "encoders/install_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/hub_cache.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/tokenizers/tokenizer.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNameBytes = 100;

Status CheckName(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool sound = !name.empty() && name.size() <= kMaxNameBytes && letter(name[0]);
  for (const char c : name) sound = sound && (letter(c) || c == '.' || c == '_' || c == '-');
  if (sound) return Status::Ok();
  return Status::InvalidArgument("model name \"" + name +
                                 "\": must be up to 100 letters, digits, '.', '_' or '-' and begin "
                                 "with a letter or digit");
}

Status CheckFree(const std::string& name, const std::string& user_directory) {
  std::vector<std::string> directories = ModelDirectories();
  directories.push_back(user_directory);
  for (const std::string& directory : directories) {
    const std::string path = directory + "/" + name;
    std::error_code error;
    if (fs::exists(fs::symlink_status(path, error))) {
      return Status::InvalidArgument("model \"" + name + "\": " + path +
                                     " exists; choose another name or remove that folder");
    }
  }
  return Status::Ok();
}

// Everything that the program reads, and what says whose the model is.
Result<std::vector<std::string>> FilesToCopy(const std::string& directory,
                                             const std::vector<std::string>& also) {
  std::vector<std::string> names = {ConfigFileName(directory),
                                    "preprocessor_config.json",
                                    "processor_config.json",
                                    "espy.json",
                                    "README.md",
                                    "LICENSE",
                                    "LICENSE.txt",
                                    "LICENSE.md",
                                    "NOTICE"};
  names.insert(names.end(), TokenizerFileNames().begin(), TokenizerFileNames().end());
  names.insert(names.end(), also.begin(), also.end());
  ESPY_ASSIGN_OR_RETURN(const WeightFiles weights, FindWeights(directory));
  if (!weights.index.empty()) names.push_back(weights.index);
  names.insert(names.end(), weights.files.begin(), weights.files.end());
  return names;
}

Status Sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return IoStatus(path, errno);
  const int failed = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return failed == 0 ? Status::Ok() : IoStatus(path, error);
}

// A folder that is removed with what it holds, unless it has become the model's.
class TemporaryFolder {
 public:
  static Result<std::string> Make(const std::string& parent) {
    std::string pattern = parent + "/.adding-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) return IoStatus(pattern, errno);
    return pattern;
  }
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

Status CopyFiles(const std::string& from, const std::vector<std::string>& also,
                 const std::string& to) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesToCopy(from, also));
  for (const std::string& name : names) {
    const std::string source = from + "/" + name;
    std::error_code error;
    if (!fs::is_regular_file(source, error))
      continue;  // follows links, of which download caches are made
    const std::string copy = to + "/" + name;
    fs::copy_file(source, copy, error);
    if (error) return IoStatus(copy, error.value());
    fs::permissions(copy,
                    fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                        fs::perms::others_read,
                    error);
    ESPY_RETURN_IF_ERROR(Sync(copy));
  }
  return Sync(to);
}

}  // namespace

Result<std::string> InstallFiles(const std::string& directory, const std::string& name,
                                 const ModelProof& proof) {
  // A snapshot's folder is named by its commit: its model is the repository's.
  const std::string repository = RepositoryOfSnapshot(directory);
  const fs::path named = repository.empty() ? AbsolutePath(directory) : repository;
  const std::string own_name = named.filename().string();
  const std::string& chosen = name.empty() ? own_name : name;
  ESPY_RETURN_IF_ERROR(CheckName(chosen));
  const std::string user = UserModelDirectory();
  if (user.empty()) {
    return Status::InvalidArgument("model \"" + chosen +
                                   "\": there is no place for it; set HOME or XDG_DATA_HOME");
  }
  ESPY_RETURN_IF_ERROR(CheckFree(chosen, user));
  ESPY_ASSIGN_OR_RETURN(const std::string id, proof.prove(directory));

  std::error_code error;
  fs::create_directories(user, error);
  if (error) return IoStatus(user, error.value());
  ESPY_ASSIGN_OR_RETURN(std::string made, TemporaryFolder::Make(user));
  TemporaryFolder folder(std::move(made));
  ESPY_RETURN_IF_ERROR(CopyFiles(directory, proof.also, folder.path()));
  fs::permissions(folder.path(), fs::perms(0755), error);
  ESPY_ASSIGN_OR_RETURN(const std::string copied, proof.id(folder.path()));
  if (copied != id) {
    return Status::Corruption(directory + ": changed while it was copied; try again");
  }
  const std::string target = user + "/" + chosen;
  // Of two processes that add the same name, the second finds a folder that is not empty and fails
  // here.
  if (::rename(folder.path().c_str(), target.c_str()) != 0) return IoStatus(target, errno);
  folder.Keep();
  ESPY_RETURN_IF_ERROR(Sync(user));
  return target;
}

}  // namespace espy::encoders
