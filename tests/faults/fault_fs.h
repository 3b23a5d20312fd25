// A file system for RocksDB that can lose power and break. It passes everything to the real one,
// without its slow syncs, and keeps account of what was synced.
//
// Power cut: from Cut() on, or from an operation given beforehand, nothing more is written; then
// DropUnsynced() makes of the files what the disk would hold. That is what a kill -9 does not show,
// because the page cache survives it. Without a source of chance, nothing that was not synced is
// kept; with one, a part of it is, as a disk does: a prefix of a file's unsynced bytes, perhaps
// with a torn sector at its end, and of each directory's unsynced creations, renames and deletions
// the first few, in their order (as a journalling file system keeps them).
//
// Faults: the n-th operation fails, once or from then on, with an error of the disk or with no
// space left; a failing append leaves half of its bytes, as a full disk does. Operations are those
// that write, and with CountReads() those that read.
#ifndef ESPY_TESTS_FAULTS_FAULT_FS_H_
#define ESPY_TESTS_FAULTS_FAULT_FS_H_

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace espy::testing {

class FaultFs : public rocksdb::FileSystemWrapper {
 public:
  enum class Kind { kIoError, kNoSpace };

  // `attic`: a directory on the same disk, where replaced and deleted files are kept until the
  // directory that they were in is synced; "": such changes are durable at once.
  explicit FaultFs(std::string attic = "");
  const char* Name() const override { return "FaultFs"; }

  void FailAt(std::uint64_t operation, Kind kind, bool sticky);
  void Heal();
  void CountReads();
  std::uint64_t operations();
  bool failed();  // the fault, or the cut that was set beforehand, was reached

  void Cut();
  void CutAt(std::uint64_t operation);  // the power goes as the n-th operation from now begins
  // After Cut() and with the database closed.
  void DropUnsynced(std::mt19937_64* random = nullptr);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
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
  rocksdb::IOStatus Begin();      // of an operation that writes: the fault, or nothing
  rocksdb::IOStatus BeginRead();  // of one that reads
  void Wrote(const std::string& name, std::uint64_t bytes);
  void Synced(const std::string& name);
  void SyncedDirectory(const std::string& name);

 private:
  struct FileState {
    std::uint64_t written = 0, synced = 0;
  };
  // A change of a directory that is not synced. `kept` is in the attic: what the change removed.
  struct Entry {
    enum class Kind { kCreate, kRename, kDelete } kind = Kind::kCreate;
    std::string name, from, kept;
  };

  rocksdb::IOStatus Count(bool writes);  // with mutex_ held
  std::string Keep(const std::string& name);
  void Undo(const Entry& entry);
  void Tear(const std::string& name, const FileState& state, std::mt19937_64* random);

  const std::string attic_;
  std::mutex mutex_;
  std::map<std::string, FileState> files_;  // guarded by mutex_; made through this object
  std::map<std::string, std::vector<Entry>> unsynced_;  // guarded by mutex_; by directory
  std::uint64_t operations_ = 0, fail_at_ = 0, cut_at_ = 0, kept_ = 0;
  Kind kind_ = Kind::kIoError;
  bool sticky_ = false, armed_ = false, failed_ = false, cut_ = false, count_reads_ = false;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_FAULTS_FAULT_FS_H_
