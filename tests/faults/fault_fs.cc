#include "tests/faults/fault_fs.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

// RocksDB's background threads rest for a second after a write that failed, by usleep(). Thousands
// of failures would wait for that alone: in this program they rest a thousandth of it.
extern "C" int usleep(useconds_t microseconds) {
  const timespec rest{0, static_cast<long>(std::min<useconds_t>(microseconds, 1'000'000))};
  return ::nanosleep(&rest, nullptr);
}

namespace espy::testing {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class FaultFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(FaultFs* fs, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs), name_(std::move(name)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus fault = fs_->Begin();
    const Slice part(data.data(), fault.ok()          ? data.size()
                                  : fault.IsNoSpace() ? data.size() / 2
                                                      : 0);
    const IOStatus written = target()->Append(part, options, dbg);
    if (written.ok()) fs_->Wrote(name_, part.size());
    return fault.ok() ? written : fault;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus fault = fs_->Begin();
    if (!fault.ok()) return fault;
    const IOStatus flushed = target()->Flush(options, dbg);
    if (flushed.ok()) fs_->Synced(name_);
    return flushed;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();  // promises nothing
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    return target()->Close(options, dbg);
  }

 private:
  FaultFs* const fs_;
  const std::string name_;
};

class FaultDirectory : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(FaultFs* fs, std::string name, std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), fs_(fs), name_(std::move(name)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const IOStatus fault = fs_->Begin();
    if (fault.ok()) fs_->SyncedDirectory(name_);
    return fault;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, dbg);
  }

 private:
  FaultFs* const fs_;
  const std::string name_;
};

class FaultReads : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FaultReads(FaultFs* fs, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), fs_(fs) {}
  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* dbg) const override {
    if (IOStatus fault = fs_->BeginRead(); !fault.ok()) return fault;
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t n, const IOOptions& options,
                     IODebugContext* dbg) override {
    if (IOStatus fault = fs_->BeginRead(); !fault.ok()) return fault;
    return FSRandomAccessFileOwnerWrapper::MultiRead(requests, n, options, dbg);
  }
  IOStatus Prefetch(std::uint64_t offset, std::size_t n, const IOOptions& options,
                    IODebugContext* dbg) override {
    if (IOStatus fault = fs_->BeginRead(); !fault.ok()) return fault;
    return FSRandomAccessFileOwnerWrapper::Prefetch(offset, n, options, dbg);
  }

 private:
  FaultFs* const fs_;
};

class FaultStream : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  FaultStream(FaultFs* fs, std::unique_ptr<rocksdb::FSSequentialFile> file)
      : FSSequentialFileOwnerWrapper(std::move(file)), fs_(fs) {}
  IOStatus Read(std::size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) override {
    if (IOStatus fault = fs_->BeginRead(); !fault.ok()) return fault;
    return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, dbg);
  }

 private:
  FaultFs* const fs_;
};

// RocksDB joins paths with doubled slashes now and then.
std::string Plain(const std::string& name) {
  return std::filesystem::path(name).lexically_normal().string();
}

std::string FolderOf(const std::string& name) {
  return std::filesystem::path(name).parent_path().string();
}

constexpr std::uint64_t kSector = 512;

}  // namespace

FaultFs::FaultFs(std::string attic)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), attic_(std::move(attic)) {
  if (!attic_.empty()) std::filesystem::create_directories(attic_);
}

void FaultFs::FailAt(std::uint64_t operation, Kind kind, bool sticky) {
  std::lock_guard lock(mutex_);
  fail_at_ = operations_ + operation;
  kind_ = kind;
  sticky_ = sticky;
  armed_ = true;
  failed_ = false;
}

void FaultFs::Heal() {
  std::lock_guard lock(mutex_);
  armed_ = false;
}

void FaultFs::CountReads() {
  std::lock_guard lock(mutex_);
  count_reads_ = true;
}

std::uint64_t FaultFs::operations() {
  std::lock_guard lock(mutex_);
  return operations_;
}

bool FaultFs::failed() {
  std::lock_guard lock(mutex_);
  return failed_;
}

void FaultFs::Cut() {
  std::lock_guard lock(mutex_);
  cut_ = true;
}

void FaultFs::CutAt(std::uint64_t operation) {
  std::lock_guard lock(mutex_);
  cut_at_ = operations_ + operation;
  failed_ = false;
}

void FaultFs::DropUnsynced(std::mt19937_64* random) {
  std::lock_guard lock(mutex_);
  for (const auto& [name, state] : files_) Tear(name, state, random);
  for (auto& [folder, entries] : unsynced_) {
    const std::size_t kept = random == nullptr ? 0 : (*random)() % (entries.size() + 1);
    for (std::size_t i = entries.size(); i-- > kept;) Undo(entries[i]);
  }
  if (!attic_.empty()) {
    std::filesystem::remove_all(attic_);
    std::filesystem::create_directories(attic_);
  }
  unsynced_.clear();
  files_.clear();
  cut_ = false;
  cut_at_ = 0;
}

// Of the bytes that were not synced none stays, or a part, or all of them with a torn sector at
// the end: its bytes are those of the disk's last owner, or zeros.
void FaultFs::Tear(const std::string& name, const FileState& state, std::mt19937_64* random) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(name, error);
  if (error || size <= state.synced) return;
  std::uint64_t keep = state.synced, torn = 0;
  if (random != nullptr) {
    const std::uint64_t kind = (*random)() % 4;
    if (kind == 1) keep += (*random)() % (size - state.synced + 1);
    if (kind >= 2) keep = size;
    if (kind == 3) torn = std::min(kSector, size - state.synced);
  }
  std::filesystem::resize_file(name, keep, error);
  if (torn == 0) return;
  std::string sector(torn, '\0');
  if (random != nullptr && (*random)() % 2 == 0) {
    for (char& byte : sector) byte = static_cast<char>((*random)());
  }
  std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(keep - torn));
  file.write(sector.data(), static_cast<std::streamsize>(torn));
}

// With mutex_ held. A second name in the attic for what lies at `name`; "" when nothing does.
std::string FaultFs::Keep(const std::string& name) {
  std::error_code error;
  if (attic_.empty() || !std::filesystem::exists(name, error)) return "";
  std::string kept = attic_ + "/" + std::to_string(++kept_);
  std::filesystem::create_hard_link(name, kept, error);
  return error ? "" : kept;
}

void FaultFs::Undo(const Entry& entry) {
  std::error_code error;
  if (entry.kind == Entry::Kind::kCreate) std::filesystem::remove(entry.name, error);
  if (entry.kind == Entry::Kind::kRename) std::filesystem::rename(entry.name, entry.from, error);
  if (!entry.kept.empty()) std::filesystem::rename(entry.kept, entry.name, error);
}

// With mutex_ held.
IOStatus FaultFs::Count(bool writes) {
  if (cut_) return IOStatus::IOError("the power is off");
  ++operations_;
  if (cut_at_ != 0 && operations_ >= cut_at_) {
    cut_ = failed_ = true;
    return IOStatus::IOError("the power is off");
  }
  if (!armed_ || operations_ < fail_at_) return IOStatus::OK();
  if (!writes && kind_ == Kind::kNoSpace) return IOStatus::OK();  // a full disk can be read
  if (operations_ > fail_at_ && !sticky_) return IOStatus::OK();
  failed_ = true;
  return kind_ == Kind::kNoSpace ? IOStatus::NoSpace("injected") : IOStatus::IOError("injected");
}

IOStatus FaultFs::Begin() {
  std::lock_guard lock(mutex_);
  return Count(true);
}

IOStatus FaultFs::BeginRead() {
  std::lock_guard lock(mutex_);
  return count_reads_ ? Count(false) : IOStatus::OK();
}

void FaultFs::Wrote(const std::string& name, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  files_[name].written += bytes;
}

void FaultFs::Synced(const std::string& name) {
  std::lock_guard lock(mutex_);
  files_[name].synced = files_[name].written;
}

void FaultFs::SyncedDirectory(const std::string& name) {
  std::lock_guard lock(mutex_);
  std::error_code error;
  for (const Entry& entry : unsynced_[name]) {
    if (!entry.kept.empty()) std::filesystem::remove(entry.kept, error);
  }
  unsynced_.erase(name);
}

IOStatus FaultFs::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                                  IODebugContext* dbg) {
  if (IOStatus fault = Begin(); !fault.ok()) return fault;
  std::unique_ptr<rocksdb::FSWritableFile> real;
  const std::string plain = Plain(name);
  std::string kept;
  {
    std::lock_guard lock(mutex_);
    std::error_code error;
    kept = Keep(plain);  // the new file takes the old one's name, not its bytes
    if (!kept.empty()) std::filesystem::remove(plain, error);
  }
  IOStatus made = target()->NewWritableFile(name, options, &real, dbg);
  if (!made.ok()) return made;
  {
    std::lock_guard lock(mutex_);
    files_[plain] = {};
    unsynced_[FolderOf(plain)].push_back({Entry::Kind::kCreate, plain, "", kept});
  }
  *file = std::make_unique<FaultFile>(this, plain, std::move(real));
  return made;
}

IOStatus FaultFs::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                      IODebugContext* dbg) {
  if (IOStatus fault = BeginRead(); !fault.ok()) return fault;
  std::unique_ptr<rocksdb::FSRandomAccessFile> real;
  IOStatus opened = target()->NewRandomAccessFile(name, options, &real, dbg);
  if (opened.ok()) *file = std::make_unique<FaultReads>(this, std::move(real));
  return opened;
}

IOStatus FaultFs::NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                    IODebugContext* dbg) {
  if (IOStatus fault = BeginRead(); !fault.ok()) return fault;
  std::unique_ptr<rocksdb::FSSequentialFile> real;
  IOStatus opened = target()->NewSequentialFile(name, options, &real, dbg);
  if (opened.ok()) *file = std::make_unique<FaultStream>(this, std::move(real));
  return opened;
}

IOStatus FaultFs::NewDirectory(const std::string& name, const IOOptions& options,
                               std::unique_ptr<rocksdb::FSDirectory>* directory,
                               IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSDirectory> real;
  IOStatus made = target()->NewDirectory(name, options, &real, dbg);
  if (made.ok()) {
    *directory = std::make_unique<FaultDirectory>(this, Plain(name), std::move(real));
  }
  return made;
}

IOStatus FaultFs::RenameFile(const std::string& from, const std::string& to,
                             const IOOptions& options, IODebugContext* dbg) {
  if (IOStatus fault = Begin(); !fault.ok()) return fault;
  std::string kept;
  {
    std::lock_guard lock(mutex_);
    kept = Keep(Plain(to));
  }
  IOStatus renamed = target()->RenameFile(from, to, options, dbg);
  if (!renamed.ok()) return renamed;
  std::lock_guard lock(mutex_);
  files_.erase(Plain(to));
  if (auto state = files_.extract(Plain(from)); !state.empty()) {
    state.key() = Plain(to);
    files_.insert(std::move(state));
  }
  std::vector<Entry>& entries = unsynced_[FolderOf(Plain(to))];
  if (attic_.empty()) {
    // Durable at once, and so is the file's creation.
    std::erase_if(entries, [&](const Entry& entry) { return entry.name == Plain(from); });
  } else {
    entries.push_back({Entry::Kind::kRename, Plain(to), Plain(from), kept});
  }
  return renamed;
}

IOStatus FaultFs::DeleteFile(const std::string& name, const IOOptions& options,
                             IODebugContext* dbg) {
  const std::string plain = Plain(name);
  std::string kept;
  {
    std::lock_guard lock(mutex_);
    if (cut_) return IOStatus::IOError("the power is off");
    kept = Keep(plain);
  }
  IOStatus deleted = target()->DeleteFile(name, options, dbg);
  if (!deleted.ok()) return deleted;
  std::lock_guard lock(mutex_);
  std::vector<Entry>& entries = unsynced_[FolderOf(plain)];
  if (attic_.empty()) {
    files_.erase(plain);
    std::erase_if(entries, [&](const Entry& entry) { return entry.name == plain; });
  } else {
    entries.push_back({Entry::Kind::kDelete, plain, "", kept});
  }
  return deleted;
}

}  // namespace espy::testing
