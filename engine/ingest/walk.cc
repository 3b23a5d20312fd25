#include "engine/ingest/walk.h"

#include "engine/ingest/archive.h"
#include "engine/where/glob.h"
#include "imaging/decode.h"

namespace espy::ingest {
namespace {

std::string_view NameOf(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

Source FailedSource(std::string path, Status status) {
  Source source;
  source.path = std::move(path);
  source.status = std::move(status);
  return source;
}

}  // namespace

std::string FileOf(const std::string& path) {
  if (path.starts_with("http://") || path.starts_with("https://")) return "";
  return path.substr(0, path.find("!/"));
}

Walk::Walk(Env* env, std::string library, std::vector<std::string> exclude, std::stop_token stop)
    : env_(env),
      library_(std::move(library)),
      exclude_(std::move(exclude)),
      stop_(std::move(stop)) {}

bool Walk::Visit(const std::string& path, const SourceFn& emit) {
  const auto facts = env_->Stat(path);
  if (!facts.ok()) return emit(FailedSource(path, facts.status()));
  if (facts->kind == FileFacts::Kind::kDirectory) return VisitFolder(path, emit);
  return VisitFile(path, *facts, emit);
}

bool Walk::VisitFile(const std::string& path, const FileFacts& facts, const SourceFn& emit) {
  if (facts.kind != FileFacts::Kind::kFile) {
    return emit(FailedSource(
        path, Status::InvalidArgument(path + ": neither a file nor a folder; leave it out")));
  }
  if (IsArchiveName(path)) {
    return ReadArchive(path, facts, stop_, [&](Source source) {
      ++pictures_;
      return emit(std::move(source));
    });
  }
  ++pictures_;
  Source source;
  source.path = path;
  source.facts = facts;
  return emit(std::move(source));
}

bool Walk::Excluded(const std::string& root, const std::string& path) const {
  const std::string_view below = std::string_view(path).substr(root.size() + (root == "/" ? 0 : 1));
  for (const std::string& pattern : exclude_) {
    if (where::GlobMatches(pattern, below) || where::GlobMatches(pattern, NameOf(path)))
      return true;
  }
  return false;
}

bool Walk::VisitFolder(const std::string& root, const SourceFn& emit) {
  std::vector<std::string> folders{root};  // those still to be read, the next one last
  while (!folders.empty()) {
    if (stop_.stop_requested()) return false;
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    const auto facts = env_->Stat(folder);
    if (!facts.ok()) continue;  // it vanished since it was listed
    if (folder == library_ || !entered_.emplace(facts->device, facts->inode).second) continue;
    auto names = env_->ListDirectory(folder);
    if (!names.ok()) {
      if (!emit(FailedSource(folder, names.status()))) return false;
      continue;
    }
    std::vector<std::string> below;
    for (const std::string& name : *names) {
      if (stop_.stop_requested()) return false;
      if (name.starts_with('.')) continue;
      const std::string path = folder == "/" ? "/" + name : folder + "/" + name;
      if (Excluded(root, path)) continue;
      const auto entry = env_->Stat(path);
      if (entry.ok() && entry->kind == FileFacts::Kind::kDirectory) {
        below.push_back(path);
        continue;
      }
      if (!imaging::HasPictureExtension(path) && !IsArchiveName(path)) {
        ++skipped_;
        continue;
      }
      const bool more =
          entry.ok() ? VisitFile(path, *entry, emit) : emit(FailedSource(path, entry.status()));
      if (!more) return false;
    }
    folders.insert(folders.end(), below.rbegin(), below.rend());
  }
  return true;
}

}  // namespace espy::ingest
