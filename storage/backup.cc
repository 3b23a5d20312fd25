// Backups: RocksDB's BackupEngine over the whole database. It copies the files that the newest
// state needs, the tables once for all generations under names that hold their checksums, and makes
// a generation known by renaming its list of files last. So a copy that is cut short is no
// generation, and what it left is removed by the next.
//
// A process that only reads cannot hold the writer's files in place while it copies them. It makes
// hard links to them first, beside db/, and backs those up (LinkedCopy).
#include "storage/backup.h"

#include <rocksdb/utilities/backup_engine.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/env.h"
#include "base/status_macros.h"
#include "storage/library_files.h"
#include "storage/rocks_store.h"

namespace espy::storage {
namespace {

namespace fs = std::filesystem;

constexpr char kMarkName[] = "/BACKUP";
constexpr char kMark[] = "espy backup 1\n";
constexpr int kLinkAttempts = 20;

Status ToStatus(const rocksdb::Status& status, const std::string& directory) {
  if (status.ok()) return Status::Ok();
  const std::string why = directory + ": " + status.ToString();
  if (status.IsNotFound()) {
    return Status::NotFound(why + "; `espy backup --list` shows the generations there are");
  }
  if (status.IsNoSpace()) {
    return Status::IoError(why + "; free space on that disk, then run it again");
  }
  if (status.IsCorruption()) {
    return Status::Corruption(why + "; choose another generation, and make a new backup");
  }
  if (status.IsIncomplete()) {
    return Status::Cancelled(directory + ": stopped; earlier generations are whole");
  }
  return Status::IoError(why + "; check the disk and its permissions, then run it again");
}

rocksdb::BackupEngineOptions EngineOptions(const std::string& directory) {
  rocksdb::BackupEngineOptions options(directory);
  options.share_table_files = true;
  options.share_files_with_checksum = true;
  options.sync = true;
  options.max_background_operations = 2;
  options.callback_trigger_interval_size = 4u << 20;
  return options;
}

// What is noted with a generation: its sequence number, then where it came from.
std::string Metadata(std::uint64_t seq, const std::string& library) {
  return std::to_string(seq) + " " + library;
}

BackupGeneration ToGeneration(const rocksdb::BackupInfo& info) {
  BackupGeneration generation;
  generation.number = info.backup_id;
  generation.when_unix = info.timestamp;
  generation.bytes = info.size;
  generation.files = info.number_files;
  const std::string& note = info.app_metadata;
  const auto end =
      std::from_chars(note.data(), note.data() + note.size(), generation.seq).ptr - note.data();
  if (end > 0 && note.size() > static_cast<std::size_t>(end)) {
    generation.library = note.substr(static_cast<std::size_t>(end) + 1);
  }
  return generation;
}

Status RequireBackups(const std::string& directory) {
  const auto mark = Env::Default()->ReadFile(directory + kMarkName, 4096);
  if (mark.ok() && *mark == kMark) return Status::Ok();
  if (!mark.ok() && mark.status().code() == StatusCode::kNotFound) {
    return Status::NotFound(directory + ": holds no backups; `espy backup DIR` makes one");
  }
  if (!mark.ok()) return mark.status();
  return Status::Unsupported(directory +
                             ": its backups were made by another version of espy; use that one");
}

// A folder for backups: one that is, or a new or empty one that becomes it.
Status PrepareFolder(const std::string& directory) {
  const auto names = Env::Default()->ListDirectory(directory);
  if (names.ok() && !names->empty()) {
    const Status held = RequireBackups(directory);
    if (held.code() != StatusCode::kNotFound) return held;
    return Status::InvalidArgument(directory +
                                   ": holds other files and no backups; name an empty or new "
                                   "directory");
  }
  if (!names.ok() && names.status().code() != StatusCode::kNotFound) return names.status();
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return IoStatus(directory, error.value());
  return Env::Default()->WriteFileAtomically(directory + kMarkName, kMark);
}

Result<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenToRead(const std::string& directory) {
  ESPY_RETURN_IF_ERROR(RequireBackups(directory));
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  ESPY_RETURN_IF_ERROR(ToStatus(rocksdb::BackupEngineReadOnly::Open(
                                    rocksdb::Env::Default(), EngineOptions(directory), &engine),
                                directory));
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

// The bytes in the folder that generations share or own: what grows is what was copied.
std::uint64_t BytesIn(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator file(directory, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code gone;
    if (file->is_regular_file(gone)) bytes += file->file_size(gone);
  }
  return bytes;
}

Result<BackupReport> Create(rocksdb::DB* db, const std::string& library, std::uint64_t seq,
                            const BackupOptions& options, const ProgressFn& progress,
                            const std::stop_token& stop) {
  ESPY_RETURN_IF_ERROR(PrepareFolder(options.directory));
  Result<std::unique_ptr<LibraryLock>> lock = LibraryLock::Take(options.directory);
  if (lock.status().code() == StatusCode::kUnavailable) {
    return Status::Unavailable(options.directory +
                               ": another process is writing a backup there; wait until it ends");
  }
  ESPY_RETURN_IF_ERROR(lock.status());
  rocksdb::BackupEngine* opened = nullptr;
  ESPY_RETURN_IF_ERROR(
      ToStatus(rocksdb::BackupEngine::Open(rocksdb::Env::Default(),
                                           EngineOptions(options.directory), &opened),
               options.directory));
  const std::unique_ptr<rocksdb::BackupEngine> engine(opened);
  ESPY_RETURN_IF_ERROR(ToStatus(engine->GarbageCollect(), options.directory));
  const std::uint64_t before = BytesIn(options.directory);

  if (stop.stop_requested()) {
    return Status::Cancelled(options.directory + ": stopped; earlier generations are whole");
  }
  const std::stop_callback on_stop(stop, [&] { engine->StopBackup(); });
  rocksdb::CreateBackupOptions create;
  std::uint64_t copied = 0;
  create.progress_callback = [&] {
    copied += 4u << 20;
    if (progress) progress({"bytes", copied, 0});
  };
  rocksdb::BackupID number = 0;
  ESPY_RETURN_IF_ERROR(
      ToStatus(engine->CreateNewBackupWithMetadata(create, db, Metadata(seq, library), &number),
               options.directory));
  BackupReport report;
  const std::uint64_t after = BytesIn(options.directory);
  report.copied_bytes = after > before ? after - before : 0;
  if (options.keep > 0) {
    ESPY_RETURN_IF_ERROR(ToStatus(engine->PurgeOldBackups(options.keep), options.directory));
  }
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  report.generations = infos.size();
  for (const rocksdb::BackupInfo& info : infos) {
    if (info.backup_id == number) report.generation = ToGeneration(info);
  }
  return report;
}

constexpr char kLinkedPrefix[] = "backup.";

// What killed backups left beside db/: nobody holds its lock.
void SweepLinkedCopies(const std::string& library) {
  const auto names = Env::Default()->ListDirectory(library);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!name.starts_with(kLinkedPrefix)) continue;
    const std::string left = library + "/" + name;
    if (!LibraryLock::Take(left).ok()) continue;
    std::error_code ignored;
    fs::remove_all(left, ignored);
  }
}

// A database made of hard links to the files of a library that another process may be writing to,
// beside its db/. Gone with the object.
class LinkedCopy {
 public:
  explicit LinkedCopy(const std::string& library)
      : library_(library),
        root_(library + "/" + kLinkedPrefix + std::to_string(::getpid()) + "." +
              std::to_string(Env::Default()->RandomSeed() & 0xffffff)) {}
  ~LinkedCopy() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  LinkedCopy(const LinkedCopy&) = delete;
  LinkedCopy& operator=(const LinkedCopy&) = delete;

  const std::string& root() const { return root_; }

  // A file that the writer removes meanwhile makes this fail; then it is to be tried again.
  Status Make() {
    std::error_code error;
    if (lock_ == nullptr) {
      SweepLinkedCopies(library_);
      fs::create_directories(root_, error);
      if (!error) {
        ESPY_ASSIGN_OR_RETURN(lock_, LibraryLock::Take(root_));
      }
    }
    fs::remove_all(root_ + "/db", error);
    fs::create_directories(root_ + "/db", error);
    if (error) {
      return Status::IoError(root_ + ": cannot be made (" + error.message() +
                             "); a backup needs the right to write beside db/");
    }
    // What names other files comes before what it names is looked for: what was added since does no
    // harm, and what is lacking is seen when the copy is opened. Logs come last, for they grow.
    ESPY_RETURN_IF_ERROR(Each(
        [](const std::string& name) {
          return name == "CURRENT" || name == "IDENTITY" || name.starts_with("MANIFEST-") ||
                 name.starts_with("OPTIONS-");
        },
        /*link=*/false));
    ESPY_RETURN_IF_ERROR(Each(
        [](const std::string& name) { return name.ends_with(".sst") || name.ends_with(".blob"); },
        /*link=*/true));
    return Each([](const std::string& name) { return name.ends_with(".log"); }, /*link=*/false);
  }

 private:
  template <class Wanted>
  Status Each(Wanted wanted, bool link) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          Env::Default()->ListDirectory(library_ + "/db"));
    for (const std::string& name : names) {
      if (!wanted(name)) continue;
      std::error_code error;
      const std::string from = library_ + "/db/" + name, to = root_ + "/db/" + name;
      if (link) {
        fs::create_hard_link(from, to, error);
      } else {
        fs::copy_file(from, to, error);
      }
      if (error && error != std::errc::no_such_file_or_directory) {
        return IoStatus(to, error.value());
      }
    }
    return Status::Ok();
  }

  const std::string library_, root_;
  std::unique_ptr<LibraryLock> lock_;  // says that someone is still at work here
};

}  // namespace

Result<BackupReport> RocksStore::Backup(const BackupOptions& options, const ProgressFn& progress,
                                        const std::stop_token& stop) {
  if (!options_.read_only) {
    // What the log holds is copied with it. Nothing is acknowledged before it is there.
    return Create(db_->get(), directory_, last_seq(), options, progress, stop);
  }
  const std::uint64_t acked = AckedMark::Read(directory_).value_or(0);
  LinkedCopy copy(directory_);
  Status why;
  for (int attempt = 0; attempt < kLinkAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10 * attempt));
    ESPY_RETURN_IF_ERROR(copy.Make());
    auto db = RocksDb::Open(copy.root(), {});
    if (!db.ok()) {
      why = db.status();
      continue;
    }
    ESPY_ASSIGN_OR_RETURN(const std::uint64_t seq, LastSeqIn(**db));
    ESPY_ASSIGN_OR_RETURN(const bool every, HasEveryChange(**db, seq));
    if (!every || seq < std::max(acked, last_seq())) {  // a log was replaced between the looks
      why = Status::Unavailable(directory_ + ": its files changed while they were looked at");
      continue;
    }
    return Create((*db)->get(), directory_, seq, options, progress, stop);
  }
  return Status(StatusCode::kUnavailable, why.message() + "; run it again");
}

Result<std::vector<BackupGeneration>> ListBackups(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const auto engine, OpenToRead(directory));
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  std::vector<BackupGeneration> generations;
  for (const rocksdb::BackupInfo& info : infos) generations.push_back(ToGeneration(info));
  return generations;
}

Status VerifyBackup(const std::string& directory, std::uint32_t generation) {
  ESPY_ASSIGN_OR_RETURN(const auto engine, OpenToRead(directory));
  std::vector<rocksdb::BackupID> corrupt;
  engine->GetCorruptedBackups(&corrupt);
  for (const rocksdb::BackupID number : corrupt) {
    if (generation != 0 && generation != number) continue;
    return Status::Corruption(directory + ": generation " + std::to_string(number) +
                              " lacks files; choose another generation, and make a new backup");
  }
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  bool found = false;
  for (const rocksdb::BackupInfo& info : infos) {
    if (generation != 0 && info.backup_id != generation) continue;
    found = true;
    ESPY_RETURN_IF_ERROR(
        ToStatus(engine->VerifyBackup(info.backup_id, /*verify_with_checksum=*/true),
                 directory + ": generation " + std::to_string(info.backup_id)));
  }
  if (found) return Status::Ok();
  return Status::NotFound(
      directory + ": has no " +
      (generation == 0 ? std::string("generation") : "generation " + std::to_string(generation)) +
      "; `espy backup --list` shows those there are");
}

Result<BackupGeneration> RestoreInto(const std::string& directory, std::uint32_t generation,
                                     const std::string& library) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<BackupGeneration> all, ListBackups(directory));
  const BackupGeneration* chosen = nullptr;
  for (const BackupGeneration& candidate : all) {
    if (generation == 0 || candidate.number == generation) chosen = &candidate;
  }
  // Also says why when there is none.
  ESPY_RETURN_IF_ERROR(VerifyBackup(directory, chosen == nullptr ? generation : chosen->number));
  if (chosen == nullptr) return Status::NotFound(directory + ": has no generation");
  ESPY_ASSIGN_OR_RETURN(const auto engine, OpenToRead(directory));
  std::error_code error;
  fs::create_directories(library, error);
  if (error) return IoStatus(library, error.value());
  ESPY_RETURN_IF_ERROR(ToStatus(
      engine->RestoreDBFromBackup(chosen->number, library + "/db", library + "/db"), directory));
  ESPY_RETURN_IF_ERROR(WriteFormat(library));
  {
    ESPY_ASSIGN_OR_RETURN(const auto acked, AckedMark::Open(library));
    acked->Set(chosen->seq);
  }
  // It is a library, and reaches as far as it should.
  StoreOptions check;
  check.read_only = true;
  ESPY_RETURN_IF_ERROR(Store::Open(library, check).status());
  ESPY_RETURN_IF_ERROR(SyncDirectory(library + "/db"));
  ESPY_RETURN_IF_ERROR(SyncDirectory(library));
  return *chosen;
}

}  // namespace espy::storage
