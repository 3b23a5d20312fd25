#include "encoders/hub_cache.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/known_models.h"
#include "encoders/model_files.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSite = "https://huggingface.co/";
constexpr std::string_view kFolderStart = "models--";
constexpr std::size_t kCommitDigits = 40;
constexpr std::size_t kLeastDigits = 7;  // of a commit that is named by its start
constexpr std::uint64_t kMaxRefBytes = 256;
constexpr std::uint64_t kMaxConfigBytes = 4 << 20;

// As the hub's own library expands it: "~" at the start is the home directory.
std::string PathVariable(const char* name) {
  const char* value = ::getenv(name);
  std::string path = value == nullptr ? "" : value;
  if (path == "~" || path.starts_with("~/")) {
    const char* home = ::getenv("HOME");
    if (home != nullptr) path.replace(0, 1, home);
  }
  return path;
}

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The hub's rule (huggingface_hub's validate_repo_id): one or two parts of letters, digits and _.-
// that neither begin nor end with . or -, without "--" and "..", 96 characters at most, not ending
// in ".git".
bool IsRepository(std::string_view text) {
  if (text.empty() || text.size() > 96 || text.ends_with(".git")) return false;
  if (text.find("--") != text.npos || text.find("..") != text.npos) return false;
  std::size_t parts = 0;
  for (std::size_t start = 0; start <= text.size(); ++parts) {
    const std::size_t slash = std::min(text.find('/', start), text.size());
    const std::string_view part = text.substr(start, slash - start);
    if (part.empty() || !IsWordCharacter(part.front()) || !IsWordCharacter(part.back())) {
      return false;
    }
    for (const char c : part) {
      if (!IsWordCharacter(c) && c != '.' && c != '-') return false;
    }
    start = slash + 1;
  }
  return parts <= 2;
}

bool IsThere(const std::string& path) { return Env::Default()->Stat(path).ok(); }

// The commit that refs/REVISION names; "" when there is none.
std::string ReadRef(const std::string& folder, const std::string& revision) {
  const Result<std::string> text =
      Env::Default()->ReadFile(folder + "/refs/" + revision, kMaxRefBytes);
  if (!text.ok()) return "";
  const std::string commit = text->substr(0, text->find_last_not_of(" \r\n") + 1);
  return IsCommit(commit) ? commit : "";
}

std::vector<std::string> CommitsIn(const std::string& folder) {
  std::vector<std::string> commits;
  const Result<std::vector<std::string>> names =
      Env::Default()->ListDirectory(folder + "/snapshots");
  if (!names.ok()) return commits;
  std::copy_if(names->begin(), names->end(), std::back_inserter(commits), IsCommit);
  return commits;
}

// A whole model's snapshot, by the rule of FindSnapshot; "" when there is none.
std::string SnapshotIn(const std::string& folder, const std::string& revision) {
  const auto whole = [&folder](const std::string& commit) -> std::string {
    const std::string directory = folder + "/snapshots/" + commit;
    return !commit.empty() && HoldsWholeModel(directory) ? directory : "";
  };
  if (IsCommit(revision)) return whole(revision);
  std::string found = whole(ReadRef(folder, revision.empty() ? "main" : revision));
  if (!found.empty()) return found;
  const bool abbreviated = revision.size() >= kLeastDigits && IsHex(revision);
  if (!revision.empty() && !abbreviated) return "";
  for (const std::string& commit : CommitsIn(folder)) {
    if (!commit.starts_with(revision)) continue;
    const std::string directory = whole(commit);
    if (directory.empty()) continue;
    if (!found.empty()) return "";  // several: none is meant more than another
    found = directory;
  }
  return found;
}

// What a repository is called when it is spoken of.
std::string ShortName(const std::string& repository) {
  const KnownModel* known = FindKnownRepository(repository);
  return known == nullptr ? repository : std::string(known->name);
}

bool IsEncoder(const std::string& directory) {
  if (LayoutOf(directory) == Layout::kOpenClip) return true;
  const Result<std::string> text =
      Env::Default()->ReadFile(directory + "/config.json", kMaxConfigBytes);
  if (!text.ok()) return false;
  const Result<JsonValue> config = ParseJson(*text, directory);
  const JsonValue* type = config.ok() ? config->FindGiven("model_type") : nullptr;
  const std::string* name = type == nullptr ? nullptr : type->AsString();
  return name != nullptr && (*name == "clip" || *name == "siglip" || *name == "siglip2");
}

}  // namespace

bool IsCommit(std::string_view text) { return text.size() == kCommitDigits && IsHex(text); }

bool IsHubRevision(std::string_view text) {
  // Git's own rules are wider; these names are safe in a path and an address.
  if (text.empty() || text.size() > 200 || text.find("..") != text.npos) return false;
  if (text.front() == '/' || text.back() == '/' || text.find("//") != text.npos) return false;
  if (text.front() == '.' || text.front() == '-' || text.find("/.") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsWordCharacter(c) || c == '.' || c == '-' || c == '/' || c == '+';
  });
}

Result<HubName> ParseHubName(std::string_view text) {
  HubName name;
  std::string_view rest = text;
  const bool address = rest.starts_with(kSite);
  if (address) {
    rest.remove_prefix(kSite.size());
    while (rest.ends_with('/')) rest.remove_suffix(1);
  }
  const std::size_t at = rest.find('@');
  if (at != rest.npos) {
    name.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
  } else if (const std::size_t tree = rest.find("/tree/"); address && tree != rest.npos) {
    name.revision = rest.substr(tree + 6);
    rest = rest.substr(0, tree);
  }
  if ((at != text.npos || !name.revision.empty()) && !IsHubRevision(name.revision)) {
    return Status::InvalidArgument("model \"" + Printable(text) + "\": the revision \"" +
                                   Printable(name.revision) +
                                   "\" can be none; give a branch, a tag or a commit after the @");
  }
  const KnownModel* known = FindKnownModel(rest);
  if (known == nullptr && !IsRepository(rest)) {
    return Status::InvalidArgument("model \"" + Printable(text) +
                                   "\": is no name that the hub could have; give ORG/NAME, with "
                                   "@REVISION if need be, or a short name of `espy model list`");
  }
  name.repository = known == nullptr ? rest : known->repository;
  return name;
}

std::string HubHome() {
  if (std::string home = PathVariable("HF_HOME"); !home.empty()) return home;
  if (const std::string cache = PathVariable("XDG_CACHE_HOME"); !cache.empty()) {
    return cache + "/huggingface";
  }
  const std::string home = PathVariable("HOME");
  return home.empty() ? "" : home + "/.cache/huggingface";
}

std::string HubCacheDirectory() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (std::string cache = PathVariable(name); !cache.empty()) return cache;
  }
  const std::string home = HubHome();
  return home.empty() ? "" : home + "/hub";
}

std::string HubFolder(std::string_view repository) {
  std::string folder(kFolderStart);
  for (const char c : repository) {
    if (c == '/') {
      folder += "--";
    } else {
      folder += c;
    }
  }
  return folder;
}

bool HoldsWholeModel(const std::string& directory) {
  if (!IsThere(directory + "/" + ConfigFileName(directory))) return false;
  const Result<WeightFiles> weights = FindWeights(directory);
  if (!weights.ok()) return false;
  for (const std::string& file : weights->files) {
    if (!IsThere(directory + "/" + file)) return false;
  }
  const auto has = [&directory](const char* name) { return IsThere(directory + "/" + name); };
  return has("tokenizer.json") || has("spiece.model") || has("tokenizer.model") ||
         (has("vocab.json") && has("merges.txt"));
}

Result<std::string> FindSnapshot(const std::string& cache, const HubName& name) {
  if (!cache.empty()) {
    std::string found = SnapshotIn(cache + "/" + HubFolder(name.repository), name.revision);
    if (!found.empty()) return AbsolutePath(found);
  }
  const std::string asked =
      ShortName(name.repository) + (name.revision.empty() ? "" : "@" + name.revision);
  return Status::NotFound("model \"" + asked + "\": is not on this computer; get it with `espy " +
                          "model pull " + asked + "`");
}

std::string RepositoryOfSnapshot(const std::string& directory) {
  const fs::path path = AbsolutePath(directory);
  const fs::path snapshots = path.parent_path();
  std::string folder = snapshots.parent_path().filename().string();
  if (!IsCommit(path.filename().string()) || snapshots.filename() != "snapshots" ||
      !folder.starts_with(kFolderStart)) {
    return "";
  }
  folder.erase(0, kFolderStart.size());
  if (const std::size_t mark = folder.find("--"); mark != std::string::npos) {
    folder.replace(mark, 2, "/");
  }
  return IsRepository(folder) ? folder : "";
}

std::string NameOfSnapshot(const std::string& cache, const std::string& directory) {
  const std::string repository = RepositoryOfSnapshot(directory);
  if (repository.empty()) return "";
  const std::string name = ShortName(repository);
  const std::string path = AbsolutePath(directory);
  const Result<std::string> plain = FindSnapshot(cache, {repository, ""});
  if (plain.ok() && *plain == path) return name;
  return name + "@" + fs::path(path).filename().string();
}

std::vector<std::string> ListSnapshots(const std::string& cache) {
  std::vector<std::string> found;
  if (cache.empty()) return found;
  const Result<std::vector<std::string>> folders = Env::Default()->ListDirectory(cache);
  if (!folders.ok()) return found;
  for (const std::string& name : *folders) {
    if (!name.starts_with(kFolderStart)) continue;
    const std::string folder = cache + "/" + name;
    for (const std::string& commit : CommitsIn(folder)) {
      const std::string directory = AbsolutePath(folder + "/snapshots/" + commit);
      if (RepositoryOfSnapshot(directory).empty() || !HoldsWholeModel(directory)) continue;
      if (IsEncoder(directory)) found.push_back(directory);
    }
  }
  return found;
}

}  // namespace espy::encoders
