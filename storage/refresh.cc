// A reader goes on to what its writer has done since: the database is opened again, beside the one
// in use, and the two are exchanged. Snapshots keep the database that they are of.
//
// RocksDB's own way, a secondary instance that replays its primary's logs, keeps no snapshots: what
// a search reads would change under it.
#include <algorithm>

#include "base/env.h"
#include "base/status_macros.h"
#include "storage/rocks_store.h"

namespace espy::storage {

std::string FilesMark(const std::string& directory) {
  const std::string folder = directory + "/db";
  Env* env = Env::Default();
  Result<std::vector<std::string>> names = env->ListDirectory(folder);
  if (!names.ok()) return {};
  std::sort(names->begin(), names->end());
  std::string mark;
  for (const std::string& name : *names) {
    if (!name.ends_with(".log") && !name.starts_with("MANIFEST")) continue;
    const Result<FileFacts> facts = env->Stat(folder + "/" + name);
    mark += name + ' ' + (facts.ok() ? std::to_string(facts->size) : "?") + '\n';
  }
  return mark;
}

std::shared_ptr<RocksDb> RocksStore::Db(const Snapshot* snapshot) const {
  if (snapshot != nullptr) return snapshot->db();
  if (!options_.read_only) return db_;
  std::lock_guard lock(db_mutex_);
  return db_;
}

Result<bool> RocksStore::Refresh() {
  if (!options_.read_only) return false;
  std::lock_guard one(refresh_mutex_);
  const std::string files = FilesMark(directory_);  // before they are read
  {
    std::lock_guard lock(db_mutex_);
    if (!files.empty() && files == seen_files_) return false;
  }
  ESPY_ASSIGN_OR_RETURN(const std::unique_ptr<Store> opened, Open(directory_, options_, hooks_));
  auto* fresh = static_cast<RocksStore*>(opened.get());
  if (fresh->last_seq() < last_seq()) {
    return Status::Unavailable(
        directory_ + ": ends at change " + std::to_string(fresh->last_seq()) + ", and was at " +
        std::to_string(last_seq()) +
        " when it was opened: another library lies there now; open it again");
  }
  std::lock_guard lock(db_mutex_);
  db_.swap(fresh->db_);
  seen_files_ = files;
  log_begin_.store(fresh->log_begin(), std::memory_order_release);
  last_seq_.store(fresh->last_seq(), std::memory_order_release);
  return true;
}

}  // namespace espy::storage
