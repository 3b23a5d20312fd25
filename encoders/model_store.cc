#include "encoders/model_store.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/env.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/hub_cache.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/known_models.h"
#include "encoders/model_files.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 4 << 20;  // published ones are below 10 KB

std::string Variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// The folder of the program or shared library that this code was linked into, "" when the system
// does not tell.
std::string FolderOfThisCode() {
  Dl_info facts{};
  if (::dladdr(reinterpret_cast<const void*>(&FolderOfThisCode), &facts) == 0 ||
      facts.dli_fname == nullptr) {
    return "";
  }
  std::error_code error;
  const fs::path file = fs::canonical(facts.dli_fname, error);
  return error ? "" : file.parent_path().string();
}

std::string FolderOfProgram() {
  std::error_code error;
  const fs::path file = fs::read_symlink("/proc/self/exe", error);
  return error ? "" : file.parent_path().string();
}

void AddSplit(const std::string& list, std::vector<std::string>* out) {
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t colon = std::min(list.find(':', start), list.size());
    if (colon > start) out->push_back(list.substr(start, colon - start));
    start = colon + 1;
  }
}

// PREFIX/bin/espy, PREFIX/lib/libespy.so and PREFIX/lib/ARCHITECTURE/libespy.so all lie at most two
// folders below the prefix.
void AddBeside(const std::string& folder, std::vector<std::string>* out) {
  if (folder.empty()) return;
  out->push_back(folder + "/../share/espy/models");
  out->push_back(folder + "/../../share/espy/models");
}

bool HoldsModel(const std::string& directory) {
  const Result<FileFacts> facts = Env::Default()->Stat(directory + "/" + ConfigFileName(directory));
  return facts.ok() && facts->kind == FileFacts::Kind::kFile;
}

// Names of the models in a directory, sorted.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  const Result<std::vector<std::string>> entries = Env::Default()->ListDirectory(directory);
  if (!entries.ok()) return names;
  for (const std::string& name : *entries) {
    if (!name.starts_with('.') && HoldsModel(directory + "/" + name)) names.push_back(name);
  }
  return names;
}

}  // namespace

std::string UserModelDirectory() {
  const std::string data = Variable("XDG_DATA_HOME");
  // The base directory specification has relative paths ignored.
  if (data.starts_with('/')) return data + "/espy/models";
  const std::string home = Variable("HOME");
  return home.empty() ? "" : home + "/.local/share/espy/models";
}

std::vector<std::string> ModelDirectories() {
  std::vector<std::string> candidates;
  AddSplit(Variable("ESPY_MODELS"), &candidates);
  if (const std::string user = UserModelDirectory(); !user.empty()) candidates.push_back(user);
  AddBeside(FolderOfProgram(), &candidates);
  AddBeside(FolderOfThisCode(), &candidates);
  candidates.emplace_back(ESPY_MODEL_DIR);
  candidates.emplace_back(ESPY_SOURCE_MODEL_DIR);
  std::vector<std::string> found;
  for (const std::string& candidate : candidates) {
    std::error_code error;
    const std::string directory = fs::canonical(candidate, error).string();
    if (error || !fs::is_directory(directory, error)) continue;
    if (std::find(found.begin(), found.end(), directory) == found.end()) {
      found.push_back(directory);
    }
  }
  return found;
}

Result<std::string> ResolveModel(const std::string& name_or_directory) {
  if (name_or_directory.empty()) {
    return Status::InvalidArgument("model: the name is empty; give a model's name or directory");
  }
  if (HoldsModel(name_or_directory)) return AbsolutePath(name_or_directory);
  const std::vector<std::string> directories = ModelDirectories();
  const bool is_name = name_or_directory.find('/') == std::string::npos &&
                       name_or_directory != "." && name_or_directory != "..";
  std::set<std::string> names;
  for (const std::string& directory : directories) {
    const std::string candidate = directory + "/" + name_or_directory;
    if (is_name && HoldsModel(candidate)) return candidate;
    for (std::string& name : NamesIn(directory)) names.insert(std::move(name));
  }
  const Result<HubName> hub = ParseHubName(name_or_directory);
  if (hub.ok()) {
    Result<std::string> snapshot = FindSnapshot(HubCacheDirectory(), *hub);
    if (snapshot.ok() || FindKnownRepository(hub->repository) != nullptr) return snapshot;
    std::error_code error;
    if (!is_name && !fs::exists(name_or_directory, error)) {
      return Status::NotFound(name_or_directory +
                              ": is neither a directory nor a model in the hub's cache; if the hub "
                              "has it, get it with `espy model pull " +
                              name_or_directory + "`");
    }
  }
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  if (is_name) {
    return Status::NotFound("model \"" + name_or_directory + "\": there is none of that name; " +
                            (known.empty()
                                 ? "no models are installed: add one with `espy model add`"
                                 : "there are: " + known));
  }
  return Status::NotFound(
      name_or_directory +
      ": holds no config.json or open_clip_config.json; give the directory of a CLIP "
      "or SigLIP model" +
      (known.empty() ? "" : ", or one of the names: " + known));
}

Result<std::string> ModelType(const std::string& directory) {
  const std::string path = directory + "/" + ConfigFileName(directory);
  ESPY_ASSIGN_OR_RETURN(const std::string json, Env::Default()->ReadFile(path, kMaxConfigBytes));
  ESPY_ASSIGN_OR_RETURN(const JsonValue root, ParseJson(json, path, kConfigJson));
  JsonFields fields(&root, path);
  const std::string type = fields.Text("model_type", "");
  ESPY_RETURN_IF_ERROR(fields.status());
  return type;
}

std::vector<FoundModel> FindModels() {
  std::vector<FoundModel> models;
  std::set<std::string> seen;
  const auto add = [&](const std::string& directory, const std::string& name, bool from_hub) {
    if (!seen.insert(name).second) return;
    const Result<std::string> type = ModelType(directory);  // a broken file is told of later
    models.push_back({directory, type.ok() ? *type : "", from_hub});
  };
  for (const std::string& directory : ModelDirectories()) {
    for (const std::string& name : NamesIn(directory)) add(directory + "/" + name, name, false);
  }
  for (const std::string& snapshot : ListSnapshots(HubCacheDirectory())) {
    add(snapshot, ModelName(snapshot), true);
  }
  return models;
}

std::vector<EncoderInfo> ListEncoders() {
  std::vector<EncoderInfo> encoders;
  for (const FoundModel& model : FindModels()) {
    if (model.type == kCaptionerType) continue;
    Result<EncoderInfo> info = DescribeEncoder(model.directory);
    if (info.ok()) {
      encoders.push_back(std::move(info).value());
    } else {
      Log(model.from_hub ? LogLevel::kInfo : LogLevel::kWarning, info.status().message());
    }
  }
  return encoders;
}

}  // namespace espy::encoders
