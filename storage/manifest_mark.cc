#include "storage/manifest_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "base/crc32c.h"
#include "base/env.h"
#include "base/mapped_file.h"
#include "storage/log_tail.h"

namespace espy::storage {
namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::size_t kNoteBytes = 43;  // number, size (16 digits each), CRC-32C (8); spaces; '\n'
constexpr std::uint64_t kMaxSmallFile = 4096;

struct Note {
  std::uint64_t number = 0;  // of the MANIFEST
  std::uint64_t bytes = 0;
};

// The number in "MANIFEST-000027"; nothing for other names.
std::optional<std::uint64_t> ManifestNumber(std::string_view name) {
  if (!name.starts_with(kManifestPrefix)) return std::nullopt;
  name.remove_prefix(kManifestPrefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::optional<Note> ReadNote(const std::string& directory) {
  const Result<std::string> text = Env::Default()->ReadFile(directory + "/GROWN", kMaxSmallFile);
  if (!text.ok() || text->size() != kNoteBytes) return std::nullopt;
  const char* data = text->data();
  Note note;
  std::uint32_t crc = 0;
  if (std::from_chars(data, data + 16, note.number, 16).ptr != data + 16) return std::nullopt;
  if (std::from_chars(data + 17, data + 33, note.bytes, 16).ptr != data + 33) return std::nullopt;
  if (std::from_chars(data + 34, data + 42, crc, 16).ptr != data + 42) return std::nullopt;
  if (crc != Crc32c({data, 33})) return std::nullopt;
  return note;
}

void WriteNote(const std::string& directory, const Note& note) {
  char text[kNoteBytes + 1];
  std::snprintf(text, sizeof(text), "%016llx %016llx", static_cast<unsigned long long>(note.number),
                static_cast<unsigned long long>(note.bytes));
  std::snprintf(text + 33, sizeof(text) - 33, " %08x\n", Crc32c({text, 33}));
  const int file = ::open((directory + "/GROWN").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(file, text, kNoteBytes, 0);
  ::close(file);
}

Status Refuse(const std::string& path, const std::string& what) {
  return Status::Corruption(path + ": " + what +
                            "; restore the library from a backup, or make it again with `espy "
                            "ingest` (nothing was changed; a library that was copied while it was "
                            "written is copied with `espy backup`)");
}

// A MANIFEST as it is written, from its first byte on: RocksDB never goes on with an old one.
class ManifestFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  ManifestFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string directory,
               std::uint64_t number)
      : FSWritableFileOwnerWrapper(std::move(file)),
        directory_(std::move(directory)),
        note_{.number = number} {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return Count(data, FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* debug) override {
    return Count(data, FSWritableFileOwnerWrapper::Append(data, options, info, debug));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return Synced(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Synced(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus Count(const rocksdb::Slice& data, rocksdb::IOStatus status) {
    if (status.ok()) note_.bytes += data.size();
    return status;
  }
  rocksdb::IOStatus Synced(rocksdb::IOStatus status) {
    if (status.ok()) WriteNote(directory_, note_);
    return status;
  }

  const std::string directory_;
  Note note_;  // RocksDB writes a MANIFEST from one thread at a time
};

class NotingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  NotingFileSystem(std::string directory, const std::shared_ptr<rocksdb::FileSystem>& base)
      : FileSystemWrapper(base), directory_(std::move(directory)) {}
  const char* Name() const override { return "NotingFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    const auto number = ManifestNumber(std::string_view(name).substr(name.rfind('/') + 1));
    if (status.ok() && number) {
      *file = std::make_unique<ManifestFile>(std::move(*file), directory_, *number);
    }
    return status;
  }

 private:
  const std::string directory_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> NoteManifests(
    const std::string& directory, const std::shared_ptr<rocksdb::FileSystem>& base) {
  return std::make_shared<NotingFileSystem>(directory, base);
}

Status CheckManifest(const std::string& directory) {
  const std::optional<Note> note = ReadNote(directory);  // before the MANIFEST, which only grows
  if (!note) return Status::Ok();
  Env* env = Env::Default();
  const Result<std::string> current = env->ReadFile(directory + "/db/CURRENT", kMaxSmallFile);
  if (!current.ok()) return Status::Ok();  // RocksDB says so better
  const std::string name = current->substr(0, current->find('\n'));
  if (ManifestNumber(name) != note->number) return Status::Ok();
  const std::string path = directory + "/db/" + name;
  const Result<FileFacts> facts = env->Stat(path);
  if (!facts.ok()) return Status::Ok();
  if (facts->size < note->bytes) {
    return Refuse(path, "ends after " + std::to_string(facts->size) + " bytes and had at least " +
                            std::to_string(note->bytes));
  }
  const Result<std::unique_ptr<MappedFile>> file = MappedFile::Open(path);
  if (!file.ok()) return Status::Ok();  // its writer has just replaced it
  const std::string_view bytes(reinterpret_cast<const char*>((*file)->bytes().data()),
                               (*file)->bytes().size());
  const std::uint64_t whole = InspectLog(bytes.substr(0, note->bytes)).whole;
  if (whole >= note->bytes) return Status::Ok();
  return Refuse(path, "is damaged after byte " + std::to_string(whole) + " of " +
                          std::to_string(note->bytes));
}

}  // namespace espy::storage
