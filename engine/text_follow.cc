// How the text index comes to stand at a snapshot: building from the records, replaying the log,
// and making it anew.
#include <algorithm>
#include <unordered_set>

#include "base/status_macros.h"
#include "engine/text_feed.h"

namespace espy {
namespace {

constexpr std::size_t kBatch = TextFeed::kBatchItems;

void AppendPath(const std::string& path, text::Document* document) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  text::AppendValue(std::string_view(path).substr(name), &document->fields[text::kName]);
  if (name > 1) {
    text::AppendValue(std::string_view(path).substr(0, slash), &document->fields[text::kFolder]);
  }
}

}  // namespace

text::Document DocumentOf(const Record& record) {
  text::Document document;
  document.id = record.id;
  document.seq = record.seq;
  text::AppendValue(SearchedCaption(record), &document.fields[text::kCaption]);
  for (const std::string& tag : record.tags) {
    text::AppendValue(tag, &document.fields[text::kTag]);
  }
  for (const std::string& path : record.paths) AppendPath(path, &document);
  for (const auto& [name, value] : record.fields) {
    if (const auto* words = std::get_if<std::string>(&value)) {
      text::AppendValue(*words, &document.fields[text::kText]);
    }
  }
  return document;
}

Result<bool> TextFeed::FollowLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                                    const ProgressFn& progress, const std::stop_token& stop) {
  truth_failed_ = false;
  auto followed = FollowOnceLocked(snapshot, max_items, progress, stop);
  if (followed.status().code() != StatusCode::kCorruption || truth_failed_) return followed;
  DropLocked(followed.status());
  return FollowOnceLocked(snapshot, max_items, progress, stop);
}

Result<bool> TextFeed::FollowOnceLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                                        const ProgressFn& progress, const std::stop_token& stop) {
  ESPY_RETURN_IF_ERROR(OpenLocked());
  ESPY_ASSIGN_OR_RETURN(text::Position position, index_->position());
  const std::uint64_t target = store_->SeqOf(snapshot);
  if (position.building || (position.seq == 0 && target > 0)) {
    ESPY_ASSIGN_OR_RETURN(const bool built,
                          BuildLocked(position, snapshot, max_items, progress, stop));
    if (!built) return false;
    ESPY_ASSIGN_OR_RETURN(position, index_->position());
  }
  if (position.seq >= target) return true;
  if (position.seq + 1 < store_->log_begin()) {
    return Status::Corruption("text index: stands at change " + std::to_string(position.seq) +
                              ", and the log begins at " + std::to_string(store_->log_begin()));
  }
  return ReplayLocked(position, snapshot, max_items, progress, stop);
}

// Takes the records in order of id, from where an earlier run stopped. What changes meanwhile among
// those that are done is in the log after the position that the building began with.
Result<bool> TextFeed::BuildLocked(text::Position position, const storage::Snapshot& snapshot,
                                   std::size_t max_items, const ProgressFn& progress,
                                   const std::stop_token& stop) {
  if (!position.building) {
    ESPY_ASSIGN_OR_RETURN(position, PositionAt(store_->SeqOf(snapshot), &snapshot));
    position.building = 0;
  }
  text::Batch batch;
  batch.position = position;
  Status applied;
  std::size_t taken = 0;
  bool more = false;
  const auto apply = [&] {
    applied = index_->Apply(batch);
    batch.puts.clear();
    if (progress) progress({"texts", taken, 0});
    return applied.ok();
  };
  const Status scanned = store_->ScanItems(
      [&](const Record& record) {
        if (taken >= max_items || stop.stop_requested()) {
          more = true;
          return false;
        }
        batch.puts.push_back(DocumentOf(record));
        batch.position.building = record.id;
        ++taken;
        return batch.puts.size() < kBatch || apply();
      },
      &snapshot, *position.building);
  ESPY_RETURN_IF_ERROR(applied);
  ESPY_RETURN_IF_ERROR(Truth(scanned));
  if (!more) batch.position.building.reset();
  if (!apply()) return applied;
  return !more;
}

Result<bool> TextFeed::ReplayLocked(const text::Position& position,
                                    const storage::Snapshot& snapshot, std::size_t max_items,
                                    const ProgressFn& progress, const std::stop_token& stop) {
  text::Batch batch;
  batch.position = position;
  std::unordered_set<ItemId> seen;
  Status failed;
  std::size_t taken = 0;
  bool more = false;
  const auto apply = [&] {
    for (const ItemId id : seen) {
      const auto record = store_->GetItem(id, &snapshot);
      if (record.ok()) {
        batch.puts.push_back(DocumentOf(*record));
      } else if (record.status().code() == StatusCode::kNotFound) {
        batch.removes.push_back(id);
      } else {
        failed = Truth(record.status());
        return false;
      }
    }
    seen.clear();
    // Ids are handed over in one order whatever the table of hashes does.
    std::sort(batch.puts.begin(), batch.puts.end(),
              [](const text::Document& a, const text::Document& b) { return a.id < b.id; });
    failed = index_->Apply(batch);
    batch.puts.clear();
    batch.removes.clear();
    if (progress) progress({"texts", taken, 0});
    return failed.ok();
  };
  const Status scanned = store_->ScanLog(
      position.seq,
      [&](const storage::LogEntry& entry) {
        if (taken >= max_items || stop.stop_requested()) {
          more = true;
          return false;
        }
        if (entry.kind != storage::ChangeKind::kPutVector) {
          if (seen.insert(entry.item).second) ++taken;
        }
        batch.position.seq = entry.seq;
        batch.position.item = entry.item;
        return seen.size() < kBatch || apply();
      },
      &snapshot);
  ESPY_RETURN_IF_ERROR(failed);
  ESPY_RETURN_IF_ERROR(Truth(scanned));
  if (!apply()) return failed;
  return !more;
}

Status TextFeed::Rebuild(const ProgressFn& progress, const std::stop_token& stop) {
  const auto snapshot = newest_();
  std::lock_guard lock(mutex_);
  view_.reset();
  ESPY_ASSIGN_OR_RETURN(const std::string language, store_->TextLanguage());
  if (index_ && index_->language() != language) index_.reset();
  ESPY_RETURN_IF_ERROR(OpenLocked());
  ESPY_ASSIGN_OR_RETURN(const text::Position position,
                        PositionAt(store_->SeqOf(*snapshot), snapshot.get()));
  const auto fill = [&](const text::TextIndex::Add& add) -> Status {
    text::Batch batch;
    batch.position = position;
    Status added;
    std::uint64_t taken = 0;
    const Status scanned = store_->ScanItems(
        [&](const Record& record) {
          batch.puts.push_back(DocumentOf(record));
          if (++taken % kBatch != 0) return true;
          added = stop.stop_requested()
                      ? Status::Cancelled(library_ + ": stopped; the old text index stays in use")
                      : add(batch);
          batch.puts.clear();
          if (progress) progress({"texts", taken, 0});
          return added.ok();
        },
        snapshot.get());
    ESPY_RETURN_IF_ERROR(added);
    ESPY_RETURN_IF_ERROR(Truth(scanned));
    return add(batch);
  };
  truth_failed_ = false;
  Status made = index_->Rebuild(fill);
  if (made.code() != StatusCode::kCorruption || truth_failed_) return made;
  DropLocked(made);  // too damaged to be written to
  ESPY_RETURN_IF_ERROR(OpenLocked());
  return index_->Rebuild(fill);
}

}  // namespace espy
