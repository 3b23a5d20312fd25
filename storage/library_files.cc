#include "storage/library_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "base/env.h"
#include "base/status_macros.h"
#include "storage/store.h"

namespace espy::storage {
namespace {

constexpr std::uint64_t kMaxFormatBytes = 4096;
constexpr std::string_view kFormatName = "espy ";

// Which process has the lock, as LOCK's text says; for the message only.
std::string HolderOf(const std::string& path) {
  const Result<std::string> text = Env::Default()->ReadFile(path, kMaxFormatBytes);
  if (!text.ok() || text->empty()) return "another process";
  std::string digits = text->substr(0, text->find('\n'));
  const bool is_number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  return is_number ? "process " + digits : "another process";
}

// The number in "espy N\n"; 0 when the text is not that.
std::uint32_t ParseFormat(std::string_view text) {
  if (!text.starts_with(kFormatName) || !text.ends_with('\n')) return 0;
  text = text.substr(kFormatName.size(), text.size() - kFormatName.size() - 1);
  std::uint32_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}

std::string FormatRemedy(const std::string& directory) {
  return "if its db/ was written by this version of espy, write the line \"espy " +
         std::to_string(kFormatVersion) + "\" into " + directory +
         "/FORMAT, else restore it from a backup";
}

// A library whose making was interrupted: FORMAT is there, db/ has no data yet.
bool HoldsData(const std::string& db) {
  const Result<std::vector<std::string>> names = Env::Default()->ListDirectory(db);
  if (!names.ok()) return false;
  return std::any_of(names->begin(), names->end(), [&](const std::string& name) {
    if (name == "CURRENT" || name.ends_with(".sst") || name.ends_with(".blob")) return true;
    if (!name.ends_with(".log")) return false;
    const Result<FileFacts> facts = Env::Default()->Stat(db + "/" + name);
    return facts.ok() && facts->size > 0;
  });
}

}  // namespace

Result<std::unique_ptr<LibraryLock>> LibraryLock::Take(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return IoStatus(path, errno);
  std::unique_ptr<LibraryLock> lock(new LibraryLock(file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return IoStatus(path, errno);
    return Status::Unavailable(directory + ": " + HolderOf(path) +
                               " is writing to this library; wait until it ends, or open the "
                               "library for reading only");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return IoStatus(path, errno);
  }
  return lock;
}

LibraryLock::~LibraryLock() { ::close(file_); }

Result<LibraryState> InspectLibrary(const std::string& directory) {
  Env* env = Env::Default();
  const Result<std::vector<std::string>> names = env->ListDirectory(directory);
  if (!names.ok()) {
    if (names.status().code() == StatusCode::kNotFound) return LibraryState::kAbsent;
    return names.status();
  }
  const auto has = [&](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  if (!has("FORMAT")) {
    if (has("db")) {
      return Status::Corruption(directory + ": FORMAT is missing beside db/; " +
                                FormatRemedy(directory));
    }
    // An interrupted creation may have left LOCK and FORMAT's temporary file, and nothing else.
    const bool only_ours = std::all_of(names->begin(), names->end(), [](const std::string& name) {
      return name == "LOCK" || name.starts_with("FORMAT.") || name.starts_with(".FORMAT");
    });
    if (only_ours) return LibraryState::kEmpty;
    return Status::InvalidArgument(directory +
                                   ": holds other files and is no library; name an empty or new "
                                   "directory");
  }
  ESPY_ASSIGN_OR_RETURN(const std::string text,
                        env->ReadFile(directory + "/FORMAT", kMaxFormatBytes));
  const std::uint32_t version = ParseFormat(text);
  if (version == 0) {
    return Status::Corruption(directory + "/FORMAT: is damaged; " + FormatRemedy(directory));
  }
  if (version > kFormatVersion) {
    return Status::Unsupported(directory + ": the library has format " + std::to_string(version) +
                               ", and this program reads up to format " +
                               std::to_string(kFormatVersion) + "; use a newer espy");
  }
  const std::string db = directory + "/db";
  if (!HoldsData(db)) {
    // Acknowledged changes without any data: the files were removed, and an empty library must not
    // take their place.
    if (AckedMark::Read(directory).value_or(0) > 0) {
      return Status::Corruption(db + ": its files are gone; restore the library from a backup");
    }
    return LibraryState::kEmpty;
  }
  if (!env->Stat(db + "/CURRENT").ok()) {
    return Status::Corruption(db + "/CURRENT: is missing; restore the library from a backup");
  }
  return LibraryState::kPresent;
}

Status WriteFormat(const std::string& directory) {
  return Env::Default()->WriteFileAtomically(
      directory + "/FORMAT", std::string(kFormatName) + std::to_string(kFormatVersion) + "\n");
}

Result<std::unique_ptr<AckedMark>> AckedMark::Open(const std::string& directory) {
  const std::string path = directory + "/ACKED";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return IoStatus(path, errno);
  std::unique_ptr<AckedMark> mark(new AckedMark(file));
  if (!Read(directory)) {
    // From here on a power cut leaves an older mark, not none.
    mark->Set(0);
    if (::fsync(file) != 0) return IoStatus(path, errno);
    ESPY_RETURN_IF_ERROR(SyncDirectory(directory));
  }
  return mark;
}

Status AckedMark::Remove(const std::string& directory) {
  const std::string path = directory + "/ACKED";
  if (::unlink(path.c_str()) == 0) return SyncDirectory(directory);
  return errno == ENOENT ? Status::Ok() : IoStatus(path, errno);
}

AckedMark::~AckedMark() { ::close(file_); }

void AckedMark::Set(std::uint64_t seq) {
  char text[32];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(seq));
  std::snprintf(text + 16, sizeof(text) - 16, " %08x\n", Crc32c({text, 16}));
  [[maybe_unused]] const ssize_t written = ::pwrite(file_, text, 26, 0);
}

std::optional<std::uint64_t> AckedMark::Read(const std::string& directory) {
  const Result<std::string> text = Env::Default()->ReadFile(directory + "/ACKED", kMaxFormatBytes);
  if (!text.ok() || text->size() != 26) return std::nullopt;
  std::uint64_t seq = 0;
  std::uint32_t crc = 0;
  const char* data = text->data();
  if (std::from_chars(data, data + 16, seq, 16).ptr != data + 16) return std::nullopt;
  if (std::from_chars(data + 17, data + 25, crc, 16).ptr != data + 25) return std::nullopt;
  if (crc != Crc32c({data, 16})) return std::nullopt;
  return seq;
}

}  // namespace espy::storage
