// Folders and files -> sources, in order of name.
#ifndef ESPY_ENGINE_INGEST_WALK_H_
#define ESPY_ENGINE_INGEST_WALK_H_

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/ingest/source.h"

namespace espy::ingest {

class Walk {
 public:
  // `library` is the library's own directory, which is never entered.
  Walk(Env* env, std::string library, std::vector<std::string> exclude, std::stop_token stop);

  // Emits every picture below `path` (a folder), or `path` itself (a file, whatever its name, or a
  // tar archive). Symbolic links are followed; a folder that was entered already is not entered
  // again, so loops end. Hidden files and folders, and what matches `exclude`, are left out. False
  // when the receiver wanted no more.
  bool Visit(const std::string& path, const SourceFn& emit);

  std::uint64_t skipped() const { return skipped_; }  // files whose names are not pictures'
  std::uint64_t pictures() const { return pictures_; }

 private:
  bool VisitFolder(const std::string& root, const SourceFn& emit);
  bool VisitFile(const std::string& path, const FileFacts& facts, const SourceFn& emit);
  bool Excluded(const std::string& root, const std::string& path) const;

  Env* env_;
  std::string library_;
  std::vector<std::string> exclude_;
  std::stop_token stop_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> entered_;  // device and inode of folders
  std::uint64_t skipped_ = 0;
  std::uint64_t pictures_ = 0;
};

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_WALK_H_
