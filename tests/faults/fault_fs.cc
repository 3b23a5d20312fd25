#include "tests/faults/fault_fs.h"

#include <filesystem>

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

// RocksDB joins paths with doubled slashes now and then.
std::string Plain(const std::string& name) {
  return std::filesystem::path(name).lexically_normal().string();
}

}  // namespace

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

void FaultFs::DropUnsynced() {
  std::lock_guard lock(mutex_);
  for (const auto& [name, state] : files_) {
    std::error_code gone;
    if (!state.entry_synced) {
      std::filesystem::remove(name, gone);
    } else if (std::filesystem::exists(name, gone)) {
      std::filesystem::resize_file(name, state.synced, gone);
    }
  }
  files_.clear();
  cut_ = false;
}

IOStatus FaultFs::Begin() {
  std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError("the power is off");
  ++operations_;
  if (!armed_ || operations_ < fail_at_ || (operations_ > fail_at_ && !sticky_)) {
    return IOStatus::OK();
  }
  failed_ = true;
  return kind_ == Kind::kNoSpace ? IOStatus::NoSpace("injected") : IOStatus::IOError("injected");
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
  for (auto& [file, state] : files_) {
    if (std::filesystem::path(file).parent_path() == name) state.entry_synced = true;
  }
}

IOStatus FaultFs::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                                  IODebugContext* dbg) {
  if (IOStatus fault = Begin(); !fault.ok()) return fault;
  std::unique_ptr<rocksdb::FSWritableFile> real;
  IOStatus made = target()->NewWritableFile(name, options, &real, dbg);
  if (!made.ok()) return made;
  {
    std::lock_guard lock(mutex_);
    files_[Plain(name)] = {};
  }
  *file = std::make_unique<FaultFile>(this, Plain(name), std::move(real));
  return made;
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
  IOStatus renamed = target()->RenameFile(from, to, options, dbg);
  if (renamed.ok()) {
    std::lock_guard lock(mutex_);
    // A rename over an old file is taken as durable: undoing it would need the old file kept.
    if (auto state = files_.extract(Plain(from)); !state.empty()) {
      files_.erase(Plain(to));
      state.key() = Plain(to);
      state.mapped().entry_synced = true;
      files_.insert(std::move(state));
    }
  }
  return renamed;
}

IOStatus FaultFs::DeleteFile(const std::string& name, const IOOptions& options,
                             IODebugContext* dbg) {
  {
    std::lock_guard lock(mutex_);
    if (cut_) return IOStatus::IOError("the power is off");
    files_.erase(Plain(name));
  }
  return target()->DeleteFile(name, options, dbg);
}

}  // namespace espy::testing
