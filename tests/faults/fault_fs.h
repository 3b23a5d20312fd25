// A file system for RocksDB that can lose power and break. It passes everything to the real one,
// without its slow syncs, and keeps account of what was synced.
//
// Power cut: from Cut() on nothing more is written; then every file is cut back to what was synced,
// and files whose directory entry was never synced are gone. That is what a kill -9 does not show,
// because the page cache survives it. Faults: the n-th operation that writes fails, once or from
// then on, with an error of the disk or with no space left; a failing append leaves half of its
// bytes, as a full disk does.
#ifndef ESPY_TESTS_FAULTS_FAULT_FS_H_
#define ESPY_TESTS_FAULTS_FAULT_FS_H_

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace espy::testing {

class FaultFs : public rocksdb::FileSystemWrapper {
 public:
  enum class Kind { kIoError, kNoSpace };

  FaultFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultFs"; }

  void FailAt(std::uint64_t operation, Kind kind, bool sticky);
  void Heal();
  std::uint64_t operations();
  bool failed();  // the fault was reached

  void Cut();
  // After Cut() and with the database closed: makes the files what the disk would hold.
  void DropUnsynced();

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;

  // For its files.
  rocksdb::IOStatus Begin();  // of an operation that writes: the fault, or nothing
  void Wrote(const std::string& name, std::uint64_t bytes);
  void Synced(const std::string& name);
  void SyncedDirectory(const std::string& name);

 private:
  struct FileState {
    std::uint64_t written = 0, synced = 0;
    bool entry_synced = false;
  };

  std::mutex mutex_;
  std::map<std::string, FileState> files_;  // guarded by mutex_; made through this object
  std::uint64_t operations_ = 0, fail_at_ = 0;
  Kind kind_ = Kind::kIoError;
  bool sticky_ = false, armed_ = false, failed_ = false, cut_ = false;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_FAULTS_FAULT_FS_H_
