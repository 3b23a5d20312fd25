#include "engine/ingest/committer.h"

#include <algorithm>
#include <optional>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/ingest/source.h"
#include "engine/migrate/wanted.h"

namespace espy::ingest {
namespace {

constexpr std::size_t kReportedFailures = 1000;
constexpr std::size_t kPathsATransaction = 1024;

void RemovePath(Record* record, const std::string& path) { std::erase(record->paths, path); }

}  // namespace

// One transaction being gathered. What it changed is read from here before the store.
struct Committer::Batch {
  Change change;
  std::map<ItemId, Record> records;  // changed, to be put once each
  std::map<ContentHash, ItemId> added;
  std::map<std::string, std::optional<storage::PathRow>, std::less<>> paths;  // nullopt: deleted
};

Committer::Committer(Library::Impl* library, IngestReport* report)
    : library_(library), report_(report) {}

Result<Record*> Committer::Working(Batch* batch, ItemId id) {
  const auto found = batch->records.find(id);
  if (found != batch->records.end()) return &found->second;
  ESPY_ASSIGN_OR_RETURN(Record record, library_->store->GetItem(id));
  return &batch->records.emplace(id, std::move(record)).first->second;
}

Status Committer::Apply(std::vector<Row> rows) {
  std::size_t bytes = 0;
  for (const Row& row : rows) bytes += row.is_new ? row.weight() : 0;
  std::lock_guard lock(library_->write_mutex());
  if (bytes > 0) ESPY_RETURN_IF_ERROR(library_->RequireRoomLocked(bytes));
  Batch batch;
  for (Row& row : rows) ESPY_RETURN_IF_ERROR(ApplyRow(&batch, std::move(row)));
  return Finish(&batch);
}

Status Committer::Finish(Batch* batch) {
  for (const auto& [id, record] : batch->records) batch->change.transaction.PutItem(record);
  for (const auto& [path, row] : batch->paths) {
    if (row) {
      batch->change.transaction.PutPath(path, *row);
    } else {
      batch->change.transaction.DeletePath(path);
    }
  }
  return library_->CommitLocked(std::move(batch->change));
}

Status Committer::ApplyRow(Batch* batch, Row row) {
  storage::Store& store = *library_->store;
  if (!row.failure.ok()) {
    ++report_->failed;
    failed_.insert(row.path);
    if (report_->failures.size() < kReportedFailures) {
      report_->failures.push_back({row.path, row.failure});
    }
    if (row.remembered) return Status::Ok();
    storage::FailureRow failure;
    failure.code = row.failure.code();
    failure.message = row.failure.message();
    failure.when_unix = library_->env->NowUnixNs() / 1'000'000'000;
    failure.size = row.facts.size;
    failure.modified_ns = row.facts.modified_ns;
    failure.attempts = 1;
    if (const auto before = store.GetFailure(row.path); before.ok()) {
      failure.attempts = before->attempts + 1;
    }
    batch->change.transaction.PutFailure(row.path, failure);
    return Status::Ok();
  }
  if (store.GetFailure(row.path).ok()) batch->change.transaction.DeleteFailure(row.path);

  // The bytes may have been added since they were read: by an earlier row of this batch, or by a
  // copy of the file.
  std::optional<ItemId> id;
  if (const auto added = batch->added.find(row.hash); added != batch->added.end()) {
    id = added->second;
  } else {
    const auto held = store.FindHash(row.hash);
    if (held.ok()) {
      id = *held;
    } else if (held.status().code() != StatusCode::kNotFound) {
      return held.status();
    }
  }
  if (id && row.is_new &&
      ((!row.from_thumbnail && IsFromThumbnail(*batch, *id)) || LacksVector(*batch, *id))) {
    return Retake(batch, std::move(row), *id);
  }
  if (id) {
    ++report_->known;
    return TakePath(batch, row, *id);
  }
  if (!row.is_new) {
    // It was known when it was read and was forgotten since, by another caller. Not an error: the
    // next run adds it.
    return Status::Ok();
  }
  const ItemId fresh = ItemIdFor(row.hash, [&](ItemId candidate) {
    return batch->records.contains(candidate) || store.GetItem(candidate).ok();
  });
  Record record = std::move(row.picture.record);
  record.id = fresh;
  record.added_unix = library_->env->NowUnixNs() / 1'000'000'000;
  record.modified_unix = row.facts.modified_ns / 1'000'000'000;
  Count(record.generated_caption);
  PutVectors(batch, &row, &record);
  batch->records.emplace(fresh, std::move(record));
  batch->added.emplace(row.hash, fresh);
  batch->change.transaction.PutThumbnail(fresh, row.picture.thumbnail);
  ++report_->added;
  return TakePath(batch, row, fresh);
}

void Committer::Count(const std::optional<GeneratedCaption>& caption) {
  report_->captioned += caption ? 1 : 0;
  report_->unsure += caption && !caption->searched ? 1 : 0;
}

void Committer::PutVectors(Batch* batch, Row* row, Record* record) {
  for (std::size_t i = 0; i < spaces_.size(); ++i) {
    std::vector<std::uint16_t>& half = i == 0 ? row->half : row->others[i - 1];
    migrate::Note(&record->spaces_by_thumbnail, spaces_[i], false);
    migrate::Note(&record->spaces_without, spaces_[i], half.empty());
    if (half.empty()) continue;
    const auto fp32 =
        i < row->fp32.size() ? std::span<const float>(row->fp32[i]) : std::span<const float>();
    batch->change.PutVector(spaces_[i], record->id, std::move(half), fp32);
  }
}

bool Committer::IsFromThumbnail(const Batch& batch, ItemId id) const {
  const auto pending = batch.records.find(id);
  if (pending != batch.records.end()) return pending->second.pixels_from == PixelSource::kThumbnail;
  const auto stored = library_->store->GetItem(id);
  return stored.ok() && stored->pixels_from == PixelSource::kThumbnail;
}

bool Committer::LacksVector(const Batch& batch, ItemId id) const {
  const auto& pending = batch.change.vectors;
  const bool coming = std::any_of(pending.begin(), pending.end(), [&](const auto& vector) {
    return vector.item == id && vector.space == spaces_[0];
  });
  return !coming && !library_->HasVector(id);
}

// The item keeps its number, words and paths; what was computed from its thumbnail is replaced.
Status Committer::Retake(Batch* batch, Row row, ItemId id) {
  ESPY_ASSIGN_OR_RETURN(Record * record, Working(batch, id));
  record->pixels_from = row.picture.record.pixels_from;
  record->perceptual_hash = row.picture.record.perceptual_hash;
  if (row.picture.record.generated_caption && record->caption.empty()) {
    record->generated_caption = std::move(row.picture.record.generated_caption);
    Count(record->generated_caption);
  }
  PutVectors(batch, &row, record);
  batch->change.transaction.PutThumbnail(id, row.picture.thumbnail);
  ++report_->retaken;
  return TakePath(batch, row, id);
}

// The item `id` is now what lies at row.path; whatever lay there before loses the path.
Status Committer::TakePath(Batch* batch, const Row& row, ItemId id) {
  std::optional<storage::PathRow> before;
  if (const auto pending = batch->paths.find(row.path); pending != batch->paths.end()) {
    before = pending->second;
  } else {
    const auto stored = library_->store->GetPath(row.path);
    if (stored.ok()) {
      before = *stored;
    } else if (stored.status().code() != StatusCode::kNotFound) {
      return stored.status();
    }
  }
  if (before && before->item != id) {
    ++report_->replaced;
    ESPY_ASSIGN_OR_RETURN(Record * old, Working(batch, before->item));
    RemovePath(old, row.path);
    if (old->paths.empty()) emptied_.insert(old->id);
  }
  const storage::PathRow now{id, row.facts.size, row.facts.modified_ns, row.facts.inode,
                             row.from_thumbnail};
  if (before == now) return Status::Ok();
  batch->paths[row.path] = now;
  if (before && before->item == id) return Status::Ok();

  ESPY_ASSIGN_OR_RETURN(Record * record, Working(batch, id));
  // A copy whose other path is gone was moved: the old path goes now, wherever it was.
  for (const std::string& other : std::vector<std::string>(record->paths)) {
    const std::string file = FileOf(other);
    if (other == row.path || file.empty() ||
        library_->env->Stat(file).status().code() != StatusCode::kNotFound) {
      continue;
    }
    RemovePath(record, other);
    batch->paths[other] = std::nullopt;
    ++report_->moved;
  }
  record->paths.insert(std::upper_bound(record->paths.begin(), record->paths.end(), row.path),
                       row.path);
  gained_.insert(id);
  emptied_.erase(id);
  return Status::Ok();
}

Status Committer::SweepMissing(const std::vector<std::string>& roots) {
  std::vector<std::string> gone, swept;
  for (const std::string& root : roots) {
    std::vector<std::string> missing;
    std::uint64_t present = 0;
    std::string last_file;  // members of one archive stand together: ask for it once
    bool last_missing = false;
    ESPY_RETURN_IF_ERROR(library_->store->ScanPaths(
        root == "/" ? root : root + "/", [&](std::string_view path, const storage::PathRow&) {
          const std::string file = FileOf(std::string(path));
          if (file != last_file) {
            last_missing = library_->env->Stat(file).status().code() == StatusCode::kNotFound;
            last_file = file;
          }
          if (last_missing) {
            missing.emplace_back(path);
          } else {
            ++present;
          }
          return true;
        }));
    if (present == 0 && !missing.empty()) {
      Log(LogLevel::kWarning,
          root + ": none of its " + std::to_string(missing.size()) +
              " pictures is there; they are kept in case a disk is not mounted. To drop them: "
              "espy forget --where 'path ~ \"" +
              root + "/*\"'");
      continue;
    }
    gone.insert(gone.end(), missing.begin(), missing.end());
    swept.push_back(root);
  }
  ESPY_RETURN_IF_ERROR(DropPaths(gone));
  ESPY_RETURN_IF_ERROR(DropFailures(swept));
  // A run that was killed may have left items without a path.
  std::vector<ItemId> pathless;
  ESPY_RETURN_IF_ERROR(library_->store->ScanItems([&](const Record& record) {
    if (record.paths.empty() && record.pixels_from != PixelSource::kImported) {
      pathless.push_back(record.id);
    }
    return true;
  }));
  return ForgetPathless(pathless);
}

Status Committer::DropFailures(const std::vector<std::string>& roots) {
  std::vector<std::string> gone;
  ESPY_RETURN_IF_ERROR(library_->store->ScanFailures([&](std::string_view path,
                                                         const storage::FailureRow&) {
    const bool below = std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
      return root == "/" || path == root || path.starts_with(root + "/");
    });
    if (below && !failed_.contains(std::string(path)) &&
        library_->env->Stat(FileOf(std::string(path))).status().code() == StatusCode::kNotFound) {
      gone.emplace_back(path);
    }
    return true;
  }));
  if (gone.empty()) return Status::Ok();
  std::lock_guard lock(library_->write_mutex());
  Change change;
  for (const std::string& path : gone) change.transaction.DeleteFailure(path);
  return library_->CommitLocked(std::move(change));
}

Status Committer::SweepEmptied() {
  return ForgetPathless(std::vector<ItemId>(emptied_.begin(), emptied_.end()));
}

Status Committer::ForgetPathless(const std::vector<ItemId>& ids) {
  std::vector<Record> records;
  for (const ItemId id : ids) {
    const auto record = library_->store->GetItem(id);
    if (record.ok() && record->paths.empty()) records.push_back(*record);
  }
  return library_->ForgetItems(records);
}

Status Committer::DropPaths(const std::vector<std::string>& paths) {
  for (std::size_t begin = 0; begin < paths.size(); begin += kPathsATransaction) {
    const std::size_t end = std::min(paths.size(), begin + kPathsATransaction);
    std::lock_guard lock(library_->write_mutex());
    Batch batch;
    for (std::size_t i = begin; i < end; ++i) {
      const auto row = library_->store->GetPath(paths[i]);
      if (!row.ok()) continue;
      ESPY_ASSIGN_OR_RETURN(Record * record, Working(&batch, row->item));
      RemovePath(record, paths[i]);
      batch.paths[paths[i]] = std::nullopt;
      if (gained_.contains(row->item)) {
        ++report_->moved;
      } else {
        ++report_->vanished;
      }
    }
    ESPY_RETURN_IF_ERROR(Finish(&batch));
  }
  return Status::Ok();
}

}  // namespace espy::ingest
