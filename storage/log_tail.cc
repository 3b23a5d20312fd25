#include "storage/log_tail.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/crc32c.h"
#include "base/env.h"
#include "base/mapped_file.h"
#include "base/status_macros.h"

namespace espy::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 32'768;
constexpr std::size_t kHeader = 7;  // checksum, length, type
enum RecordType : std::uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

std::uint32_t Unmask(std::uint32_t masked) {  // RocksDB, util/crc32c.h
  const std::uint32_t rotated = masked - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

struct Fragment {
  enum class State { kWhole, kPadding, kCutShort, kBad } state = State::kBad;
  std::uint8_t type = kZero;
  std::size_t size = 0;  // with its header
};

// `last`: the block ends where the file does.
Fragment ReadFragment(std::string_view block, bool last) {
  if (block.size() < kHeader) {
    return {last && !block.empty() ? Fragment::State::kCutShort : Fragment::State::kPadding};
  }
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(block[i]); };
  const std::size_t length = byte(4) | static_cast<std::size_t>(byte(5)) << 8;
  const std::uint8_t type = byte(6);
  if (type == kZero && length == 0) return {Fragment::State::kPadding};
  if (kHeader + length > block.size()) {
    return {last ? Fragment::State::kCutShort : Fragment::State::kBad};
  }
  const std::uint32_t masked = byte(0) | static_cast<std::uint32_t>(byte(1)) << 8 |
                               static_cast<std::uint32_t>(byte(2)) << 16 |
                               static_cast<std::uint32_t>(byte(3)) << 24;
  if (type > kLast || Crc32c(block.substr(6, length + 1)) != Unmask(masked)) {
    return {Fragment::State::kBad, type, kHeader + length};
  }
  return {Fragment::State::kWhole, type, kHeader + length};
}

// The names of db/'s logs, oldest first.
Result<std::vector<std::string>> LogNames(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        Env::Default()->ListDirectory(directory + "/db"));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return names;
}

Result<LogTail> InspectFile(const std::string& path) {
  ESPY_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  const auto bytes = file->bytes();
  return InspectLog({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Status CutFile(const std::string& path, std::uint64_t size) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return IoStatus(path, errno);
  const bool cut = ::ftruncate(file, static_cast<off_t>(size)) == 0 && ::fsync(file) == 0;
  const Status status = cut ? Status::Ok() : IoStatus(path, errno);
  ::close(file);
  return status;
}

Status KeepLog(const std::string& directory, const std::string& name) {
  std::error_code error;
  const fs::path keep = fs::path(directory) / "damaged";
  fs::create_directories(keep, error);
  if (error) return IoStatus(keep.string(), error.value());
  // A copy that is there already is of the log before an earlier attempt cut it.
  if (fs::exists(keep / name, error)) return Status::Ok();
  const fs::path copy = keep / (name + ".new");
  fs::copy_file(fs::path(directory) / "db" / name, copy, fs::copy_options::overwrite_existing,
                error);
  if (!error) fs::rename(copy, keep / name, error);
  return error ? IoStatus((keep / name).string(), error.value()) : Status::Ok();
}

}  // namespace

LogTail InspectLog(std::string_view bytes) {
  LogTail tail;
  bool in_record = false;
  for (std::size_t block = 0; block < bytes.size(); block += kBlock) {
    const std::size_t end = std::min(bytes.size(), block + kBlock);
    for (std::size_t at = block; at < end;) {
      const Fragment fragment = ReadFragment(bytes.substr(at, end - at), end == bytes.size());
      if (fragment.state == Fragment::State::kCutShort) break;
      if (fragment.state == Fragment::State::kPadding) {
        // The few bytes at a block's end that hold no header, or room that was never written: there
        // a record may not go on.
        if (in_record && end - at >= kHeader) tail.damaged = true;
        break;
      }
      if (fragment.state == Fragment::State::kBad) {
        tail.damaged = true;
        in_record = false;
        // Past a wrong checksum the length may still be right; past the block it is not.
        if (fragment.size == 0 || at + fragment.size > end) break;
        at += fragment.size;
        continue;
      }
      const bool begins = fragment.type == kFull || fragment.type == kFirst;
      if (begins == in_record) tail.damaged = true;  // an end without a beginning, or the reverse
      if (tail.damaged) {
        tail.more = tail.more || begins;
      } else if (fragment.type == kFull || fragment.type == kLast) {
        tail.whole = at + fragment.size;
      }
      in_record = fragment.type == kFirst || fragment.type == kMiddle;
      at += fragment.size;
    }
  }
  return tail;
}

Status KeepDamagedLogs(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> names, LogNames(directory));
  for (const std::string& name : names) ESPY_RETURN_IF_ERROR(KeepLog(directory, name));
  return Status::Ok();
}

Status CutTornTail(const std::string& directory, std::string* cut) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> names, LogNames(directory));
  std::string torn;
  std::uint64_t whole = 0;
  for (const std::string& name : names) {
    ESPY_ASSIGN_OR_RETURN(const LogTail tail, InspectFile(directory + "/db/" + name));
    if (!torn.empty() && (tail.damaged || tail.whole > 0)) return Status::Ok();
    if (!tail.damaged) continue;
    if (tail.more) return Status::Ok();
    torn = name;
    whole = tail.whole;
  }
  if (torn.empty()) return Status::Ok();
  ESPY_RETURN_IF_ERROR(KeepLog(directory, torn));
  ESPY_RETURN_IF_ERROR(CutFile(directory + "/db/" + torn, whole));
  *cut = torn;
  return Status::Ok();
}

Status UndoCut(const std::string& directory, const std::string& cut) {
  std::error_code error;
  const std::string path = directory + "/db/" + cut;
  fs::copy_file(fs::path(directory) / "damaged" / cut, path, fs::copy_options::overwrite_existing,
                error);
  return error ? IoStatus(path, error.value()) : Status::Ok();
}

void ForgetCut(const std::string& directory, const std::string& cut) {
  std::error_code error;
  fs::remove(fs::path(directory) / "damaged" / cut, error);
  fs::remove(fs::path(directory) / "damaged", error);  // when it is empty
}

Status CutDamage(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> names, LogNames(directory));
  bool damaged = false;
  for (const std::string& name : names) {
    const std::string path = directory + "/db/" + name;
    if (damaged) {
      ESPY_RETURN_IF_ERROR(CutFile(path, 0));
      continue;
    }
    ESPY_ASSIGN_OR_RETURN(const LogTail tail, InspectFile(path));
    damaged = tail.damaged;
    if (damaged) ESPY_RETURN_IF_ERROR(CutFile(path, tail.whole));
  }
  return Status::Ok();
}

}  // namespace espy::storage
