#include "encoders/panels/panel_places.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/mapped_file.h"
#include "base/sha256.h"
#include "encoders/model_files.h"
#include "encoders/panels/panel_file.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

constexpr char kBeside[] = ".espy-cache";
constexpr std::uint64_t kDefaultLimit = std::uint64_t{16} << 30;
constexpr std::int64_t kDayNs = std::int64_t{86'400} * 1'000'000'000;

std::string Variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

std::string UserRoot() {
  const std::string cache = Variable("XDG_CACHE_HOME");
  // The base directory specification has relative paths ignored.
  if (cache.starts_with('/')) return cache + "/espy/weights";
  const std::string home = Variable("HOME");
  return home.empty() ? "" : home + "/.cache/espy/weights";
}

PanelPlace In(const std::string& root, const std::string& model) {
  const Sha256Digest hash = Sha256(model);
  return {
      .directory = root + "/" + fs::path(model).filename().string() + "-" + ToHex(hash.data(), 8),
      .root = root};
}

struct Found {
  std::string path;
  FileFacts facts;
};

// Whether a file in a root is of a model that is still there.
bool IsWanted(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return false;
  const auto bytes = (*file)->bytes();
  const auto parsed =
      ParsePanelFile({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  // A newer program's is left to that program.
  if (!parsed.ok()) return parsed.status().code() == StatusCode::kUnsupported;
  return FindWeights(parsed->model).ok();
}

// Removes what serves nobody below one model's folder; returns the rest.
std::vector<Found> SweepFolder(const std::string& folder, const std::string& keep, Env* env) {
  std::vector<Found> kept;
  const Result<std::vector<std::string>> names = env->ListDirectory(folder);
  if (!names.ok()) return kept;
  std::error_code ignored;
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name;
    const Result<FileFacts> facts = env->Stat(path);
    if (!facts.ok() || facts->kind != FileFacts::Kind::kFile) continue;
    const bool unfinished = name.ends_with(".panels.new");
    if (!unfinished && !name.ends_with(".panels")) continue;
    const bool old = facts->modified_ns < env->NowUnixNs() - kDayNs;
    if (path != keep && (unfinished ? old : !IsWanted(path))) {
      fs::remove(path, ignored);
    } else if (!unfinished) {
      kept.push_back({path, *facts});
    }
  }
  ::rmdir(folder.c_str());  // only when it is empty
  return kept;
}

}  // namespace

std::vector<PanelPlace> PanelPlaces(const std::string& model_directory,
                                    const std::vector<std::string>& weight_files) {
  std::error_code error;
  fs::path canonical = fs::canonical(model_directory, error);
  const std::string model = error ? AbsolutePath(model_directory) : canonical.string();
  if (const std::string chosen = Variable("ESPY_CACHE_DIR"); !chosen.empty()) {
    return {In(AbsolutePath(chosen) + "/weights", model)};
  }
  std::vector<PanelPlace> places;
  const bool links = std::any_of(
      weight_files.begin(), weight_files.end(),
      [&](const std::string& name) { return fs::is_symlink(fs::path(model) / name, error); });
  if (!links) places.push_back({.directory = model + "/" + kBeside, .root = ""});
  if (const std::string root = UserRoot(); !root.empty()) places.push_back(In(root, model));
  return places;
}

std::uint64_t PanelRootLimit() {
  const std::string text = Variable("ESPY_CACHE_MB");
  std::uint64_t megabytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), megabytes);
  const bool number = error == std::errc() && end == text.data() + text.size() && !text.empty();
  return number && megabytes < (std::uint64_t{1} << 40) ? megabytes << 20 : kDefaultLimit;
}

void SweepPanelRoot(const std::string& root, const std::string& keep, std::uint64_t limit,
                    Env* env) {
  const Result<std::vector<std::string>> folders = env->ListDirectory(root);
  if (!folders.ok()) return;
  std::vector<Found> files;
  std::uint64_t total = 0;
  for (const std::string& folder : *folders) {
    for (Found& found : SweepFolder(root + "/" + folder, keep, env)) {
      total += found.facts.size;
      files.push_back(std::move(found));
    }
  }
  std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) {
    return a.facts.modified_ns != b.facts.modified_ns ? a.facts.modified_ns < b.facts.modified_ns
                                                      : a.path < b.path;
  });
  std::error_code error;
  for (const Found& file : files) {
    if (total <= limit) break;
    if (file.path == keep || !fs::remove(file.path, error)) continue;
    total -= file.facts.size;
    ::rmdir(fs::path(file.path).parent_path().c_str());  // only when it is empty
  }
}

void MarkPanelFileUsed(const std::string& path, const FileFacts& facts, Env* env) {
  if (facts.modified_ns >= env->NowUnixNs() - kDayNs) return;
  ::utimensat(AT_FDCWD, path.c_str(), nullptr,
              0);  // fails for another user's file: not ours to keep
}

}  // namespace espy::encoders
