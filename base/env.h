// The world as a test can replace it: files, directories, the clock, randomness.
#ifndef ESPY_BASE_ENV_H_
#define ESPY_BASE_ENV_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy {

struct FileFacts {
  enum class Kind { kFile, kDirectory, kOther };
  Kind kind = Kind::kOther;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // since 1970 UTC
  std::uint64_t device = 0;      // with inode: which file this is, whatever its name
  std::uint64_t inode = 0;
};

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
