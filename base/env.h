// The world as a test can replace it: files, directories, the clock, randomness.
#ifndef ESPY_BASE_ENV_H_
#define ESPY_BASE_ENV_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

struct stat;

namespace espy {

struct FileFacts {
  enum class Kind { kFile, kDirectory, kOther };
  Kind kind = Kind::kOther;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // since 1970 UTC
  std::uint64_t device = 0;      // with inode: which file this is, whatever its name
  std::uint64_t inode = 0;
  std::uint32_t owner = 0;        // the user's number
  bool others_may_write = false;  // its group, or everybody
};
FileFacts FactsOf(const struct stat& st);

class Env {
 public:
  virtual ~Env() = default;

  // The whole file; ResourceExhausted when it is longer than max_bytes (found before reading),
  // NotFound when it is gone, IoError with the system's reason otherwise.
  virtual Result<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes);
  // Follows symbolic links.
  virtual Result<FileFacts> Stat(const std::string& path);
  // Names in a directory without "." and "..", sorted by bytes.
  virtual Result<std::vector<std::string>> ListDirectory(const std::string& path);
  // Replaces `path` whole: written beside it, synced, renamed.
  virtual Status WriteFileAtomically(const std::string& path, std::string_view bytes);
  // The same with the pieces one after the other, for large files that several processes may want
  // to write at once: one does, and Unavailable tells the others. What a killed writer left beside
  // `path` is written over by the next.
  virtual Status WriteFileExclusively(const std::string& path,
                                      std::span<const std::string_view> pieces);
  // Bytes that this user may still write where `directory` lies.
  virtual Result<std::uint64_t> FreeBytes(const std::string& directory);

  virtual std::int64_t NowUnixNs();
  virtual std::int64_t MonotonicNs();
  virtual std::uint64_t RandomSeed();

  // The real one; lives as long as the program.
  static Env* Default();
};

// `path` made absolute against the current directory, "." and ".." resolved by name (symbolic links
// are kept).
std::string AbsolutePath(const std::string& path);
// Makes the names in a directory (a rename, a new file) survive a power cut.
Status SyncDirectory(const std::string& path);
// The reason for errno as a sentence: "Permission denied".
std::string ErrnoMessage(int error);
Status IoStatus(const std::string& path, int error);  // NotFound for ENOENT, else IoError

}  // namespace espy

#endif  // ESPY_BASE_ENV_H_
