// Reads everything and says what contradicts itself. Every file is compared with the checksum that
// the manifest holds for it, then every row with its parser and with the rows that refer to it.
// `repair` writes rows that other rows imply (hashes, paths) anew from the items, removes rows of
// items that are gone and rows that nobody can read, and closes gaps in the log. What it removes is
// named first; the index is to be made again after it.
#include <algorithm>
#include <map>
#include <set>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

constexpr std::size_t kMaxFindings =
    1000;  // a library that is wholly wrong need not say so a million times

constexpr const char* kFromBackup =
    "; restore the library from a backup, or make it anew by ingesting the pictures again";

class Findings {
 public:
  void Add(std::string sentence) {
    if (sentences_.size() < kMaxFindings) sentences_.push_back(std::move(sentence));
    if (sentences_.size() == kMaxFindings) sentences_.push_back("and more");
  }
  std::vector<std::string> Take() { return std::move(sentences_); }

 private:
  std::vector<std::string> sentences_;
};

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<std::uint8_t>(c) >> 4];
    hex += kDigits[static_cast<std::uint8_t>(c) & 15];
  }
  return hex;
}

// One verification over one state of the store; collects what a repair would write.
class Verifier {
 public:
  Verifier(RocksStore* store, RocksDb* db) : store_(store), db_(db) {}

  void Run(const rocksdb::Snapshot* snapshot, std::uint64_t last_seq) {
    snapshot_ = snapshot;
    last_seq_ = last_seq;
    CheckFiles();
    CheckSpaces();
    CheckItems();
    CheckPaths();
    CheckHashes();
    CheckVectors();
    CheckThumbnails();
    CheckLog();
    CheckSegments();
    CheckJournal();
    CheckClicks();
  }

  Findings& findings() { return findings_; }
  rocksdb::WriteBatch& repairs() { return repairs_; }

 private:
  // Every row of a family; a failing read ends the family and is a finding itself.
  void Each(Family family, const std::function<void(std::string_view, std::string_view)>& row) {
    if (db_->handle(family) == nullptr) return;
    const std::unique_ptr<rocksdb::Iterator> it(
        (*db_)->NewIterator(ScanOptions(snapshot_), db_->handle(family)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      row(it->key().ToStringView(), it->value().ToStringView());
    }
    if (!it->status().ok()) {
      findings_.Add(std::string(FamilyName(family)) +
                    ": cannot be read to its end: " + it->status().ToString() + kFromBackup);
    }
  }

  bool Has(Family family, const std::string& key, rocksdb::PinnableSlice* value) const {
    return db_->Get(family, key, snapshot_, "", value).ok();
  }

  // The item, if it is there and parses; CheckItems reports the rest.
  std::optional<Record> FindItem(ItemId id) const {
    rocksdb::PinnableSlice value;
    if (!Has(kItems, Key64(id), &value)) return std::nullopt;
    Result<Record> record = ParseRecord(id, value.ToStringView());
    if (!record.ok()) return std::nullopt;
    return std::move(record).value();
  }

  void Rewrite(Family family, const std::string& key, const std::string& value) {
    rewritten_[family].insert(key);
    [[maybe_unused]] const rocksdb::Status added = repairs_.Put(db_->handle(family), key, value);
  }
  void Drop(Family family, std::string_view key) {
    if (rewritten_[family].contains(std::string(key))) return;
    [[maybe_unused]] const rocksdb::Status added = repairs_.Delete(db_->handle(family), key);
  }

  void CheckFiles() {
    const rocksdb::Status files = (*db_)->VerifyFileChecksums(rocksdb::ReadOptions());
    if (!files.ok()) findings_.Add("files: " + files.ToString() + kFromBackup);
  }

  void CheckSpaces() {
    const Result<std::vector<SpaceRow>> spaces = store_->Spaces();
    if (!spaces.ok()) {
      findings_.Add("spaces: " + spaces.status().message());
      return;
    }
    for (const SpaceRow& space : *spaces) dimensions_[space.number] = space.dimension;
    const Result<SpaceNumber> current = store_->CurrentSpace();
    if (current.ok() ? !dimensions_.contains(*current) : !spaces->empty()) {
      findings_.Add("spaces: the current one is missing or unknown");
    }
    const Result<SpaceNumber> previous = store_->PreviousSpace();
    if (previous.ok() ? !dimensions_.contains(*previous)
                      : previous.status().code() != StatusCode::kNotFound) {
      findings_.Add("spaces: the previous one is damaged or unknown");
    }
  }

  void CheckItems() {
    Each(kItems, [&](std::string_view key, std::string_view value) {
      ItemId id = kNoItem;
      if (!ParseKey64(key, &id) || id == kNoItem) {
        findings_.Add("items: a key of " + std::to_string(key.size()) + " bytes is no item's");
        Drop(kItems, key);
        return;
      }
      const std::string name = "item " + FormatItemId(id);
      const Result<Record> record = ParseRecord(id, value);
      if (!record.ok()) {
        findings_.Add(name + ": " + record.status().message());
        // Its picture, found again at its path, becomes a new item. One of a later version is kept.
        if (record.status().code() == StatusCode::kCorruption) Drop(kItems, key);
        return;
      }
      if (record->seq == 0 || record->seq > last_seq_) {
        findings_.Add(name + ": its change " + std::to_string(record->seq) + " is not in the log");
      }
      CheckHashOf(*record, name);
      for (const std::string& path : record->paths) CheckPathOf(*record, path, name);
    });
  }

  void CheckHashOf(const Record& record, const std::string& name) {
    rocksdb::PinnableSlice value;
    const std::string key = HashKey(record.content_hash);
    if (Has(kHashes, key, &value)) {
      const Result<ItemId> id = ParseItemRef(value.ToStringView());
      if (id.ok() && *id == record.id) return;
    }
    findings_.Add(name + ": its content hash does not lead to it");
    Rewrite(kHashes, key, EncodeItemRef(record.id));
  }

  void CheckPathOf(const Record& record, const std::string& path, const std::string& name) {
    rocksdb::PinnableSlice value;
    if (Has(kPaths, path, &value)) {
      const Result<PathRow> row = ParsePathRow(value.ToStringView());
      if (row.ok() && row->item == record.id) return;
    }
    findings_.Add(name + ": its path " + path + " does not lead to it");
    // Without size and time, so that the next ingest reads the file again.
    Rewrite(kPaths, path, EncodePathRow({.item = record.id}));
  }

  void CheckPaths() {
    Each(kPaths, [&](std::string_view key, std::string_view value) {
      const Result<PathRow> row = ParsePathRow(value);
      if (row.ok()) {
        const std::optional<Record> record = FindItem(row->item);
        if (record.has_value() &&
            std::find(record->paths.begin(), record->paths.end(), key) != record->paths.end()) {
          return;
        }
      }
      findings_.Add(
          "path " + std::string(key) +
          (row.ok() ? ": leads to an item that does not have it" : ": " + row.status().message()));
      Drop(kPaths, key);  // unless an item claims it: CheckPathOf has then written it anew
    });
  }

  void CheckHashes() {
    Each(kHashes, [&](std::string_view key, std::string_view value) {
      const Result<ItemId> id = ParseItemRef(value);
      if (id.ok()) {
        const std::optional<Record> record = FindItem(*id);
        if (record.has_value() && HashKey(record->content_hash) == key) return;
      }
      findings_.Add(
          "content " + Hex(key) +
          (id.ok() ? ": leads to an item that is not its own" : ": " + id.status().message()));
      Drop(kHashes, key);
    });
  }

  void CheckVectors() {
    std::vector<std::uint16_t> half;
    Each(kVectors, [&](std::string_view key, std::string_view value) {
      SpaceNumber space = 0;
      ItemId id = kNoItem;
      if (!ParseVectorKey(key, &space, &id)) {
        findings_.Add("vectors: key " + Hex(key) + " is damaged");
        Drop(kVectors, key);
        return;
      }
      const std::string name =
          "vector of item " + FormatItemId(id) + " in space " + std::to_string(space);
      if (const Status status = ParseVector(value, &half); !status.ok()) {
        findings_.Add(name + ": " + status.message());
        if (status.code() == StatusCode::kCorruption) Drop(kVectors, key);
        return;
      }
      const auto dimension = dimensions_.find(space);
      if (dimension == dimensions_.end()) {
        findings_.Add(name + ": the space is unknown");
        Drop(kVectors, key);
      } else if (static_cast<std::int64_t>(half.size()) != dimension->second) {
        findings_.Add(name + ": has dimension " + std::to_string(half.size()) + ", not " +
                      std::to_string(dimension->second));
        Drop(kVectors, key);
      }
      if (!FindItem(id).has_value()) {
        findings_.Add(name + ": the item is not in the library");
        Drop(kVectors, key);
      }
    });
  }

  void CheckThumbnails() {
    Each(kThumbnails, [&](std::string_view key, std::string_view value) {
      ItemId id = kNoItem;
      rocksdb::PinnableSlice item;
      if (!ParseKey64(key, &id)) {
        findings_.Add("thumbnails: key " + Hex(key) + " is damaged");
        Drop(kThumbnails, key);
      } else if (const auto jpeg = ParseThumbnail(value); !jpeg.ok()) {
        findings_.Add("thumbnail of item " + FormatItemId(id) + ": " + jpeg.status().message());
        if (jpeg.status().code() == StatusCode::kCorruption) Drop(kThumbnails, key);
      } else if (!Has(kItems, Key64(id), &item)) {
        findings_.Add("thumbnail of item " + FormatItemId(id) + ": the item is not in the library");
        Drop(kThumbnails, key);
      }
    });
  }

  // The numbers run without a gap, from where the log was trimmed, to the last one acknowledged.
  // Policies are read by those who know them; a row that nobody can read is of no use.
  void CheckClicks() {
    Each(kClicks, [&](std::string_view key, std::string_view value) {
      QueryId query = 0;
      ItemId item = kNoItem;
      Status status;
      if (ParsePageKey(key, &query)) {
        status = ParsePage(query, value).status();
      } else if (ParseFeedbackKey(key, &query, &item)) {
        status = ParseFeedback(query, item, value).status();
      } else if (!key.starts_with(kPolicyPrefix) || key.size() != 9) {
        status = Status::Corruption("its key is damaged");
      }
      if (status.ok()) return;
      findings_.Add("clicks: row " + Hex(key) + ": " + status.message());
      if (status.code() == StatusCode::kCorruption) Drop(kClicks, key);
    });
  }

  void CheckLog() {
    const Result<std::uint64_t> begin = LogBeginIn(*db_);
    if (!begin.ok() || *begin == 0 || *begin > last_seq_ + 1) {
      findings_.Add("log: where it begins is damaged");
      Drop(kMeta, kLogBeginKey);
    }
    std::uint64_t previous = begin.ok() && *begin > 0 ? std::min(*begin - 1, last_seq_) : 0;
    Each(kLog, [&](std::string_view key, std::string_view value) {
      std::uint64_t seq = 0;
      if (!ParseKey64(key, &seq)) {
        findings_.Add("log: key " + Hex(key) + " is damaged");
        Drop(kLog, key);
        return;
      }
      FillLog(previous + 1, std::min(seq, last_seq_ + 1));
      if (seq > last_seq_) Drop(kLog, key);
      if (seq != previous + 1) {
        findings_.Add("log: changes " + std::to_string(previous + 1) + " to " +
                      std::to_string(seq - 1) + " are missing");
      }
      previous = seq;
      const Result<LogEntry> entry = ParseLogEntry(seq, value);
      if (!entry.ok()) {
        findings_.Add("change " + std::to_string(seq) + ": " + entry.status().message());
        if (entry.status().code() == StatusCode::kCorruption) FillLog(seq, seq + 1);
      }
    });
    FillLog(previous + 1, last_seq_ + 1);
    if (previous != last_seq_) {
      findings_.Add("log: ends at change " + std::to_string(previous) + ", and the last is " +
                    std::to_string(last_seq_));
    }
  }

  // In the place of changes that nobody knows any more: the forgetting of no item.
  void FillLog(std::uint64_t begin, std::uint64_t end) {
    constexpr std::uint64_t kMostAtOnce = 1'000'000;
    if (end > begin + kMostAtOnce) return;  // no gap, but a library of which little is left
    for (std::uint64_t seq = begin; seq < end; ++seq) {
      Rewrite(kLog, Key64(seq), EncodeLogEntry({seq, ChangeKind::kForget, kNoItem, 0}));
    }
  }

  void CheckSegments() {
    Each(kSegments, [&](std::string_view key, std::string_view value) {
      if (const auto bytes = ParseSegmentValue(value); !bytes.ok()) {
        const bool columns = key.starts_with(SpacePrefix(kColumnsSpace));
        if (columns) Drop(kSegments, key);  // filters are answered from the records then
        findings_.Add((columns ? "filter columns: row " : "segments: row ") + Hex(key) + ": " +
                      bytes.status().message() + (columns ? "" : "; run `espy rebuild`"));
      }
    });
  }

  void CheckJournal() {
    Each(kJournal, [&](std::string_view key, std::string_view value) {
      if (const auto row = ParseFailure(value); !row.ok()) {
        findings_.Add("failure of " + std::string(key) + ": " + row.status().message());
        Drop(kJournal, key);
      }
    });
  }

  RocksStore* const store_;
  RocksDb* const db_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  std::uint64_t last_seq_ = 0;
  std::map<SpaceNumber, std::int64_t> dimensions_;
  Findings findings_;
  rocksdb::WriteBatch repairs_;
  std::array<std::set<std::string>, kFamilies> rewritten_;  // keys that repairs_ writes
};

}  // namespace

Result<std::vector<std::string>> RocksStore::Verify(bool repair) {
  if (repair) ESPY_RETURN_IF_ERROR(RequireWritable());
  const std::shared_ptr<const Snapshot> snapshot = TakeSnapshot();
  Verifier verifier(this, snapshot->db().get());
  verifier.Run(snapshot->get(), snapshot->seq());
  if (repair && verifier.repairs().Count() > 0) {
    ESPY_RETURN_IF_ERROR(Write(&verifier.repairs(), true));
  }
  return verifier.findings().Take();
}

}  // namespace espy::storage
