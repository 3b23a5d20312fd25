// Reads of the `clicks` family, and what is taken out of it. Its writes are a Transaction's.
#include <rocksdb/write_batch.h>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {

Result<PageRow> RocksStore::GetPage(QueryId query) {
  rocksdb::PinnableSlice value;
  const std::string what = "query " + FormatItemId(query);
  ESPY_RETURN_IF_ERROR(Db()->Get(kClicks, PageKey(query), nullptr, what, &value));
  Result<PageRow> row = ParsePage(query, value.ToStringView());
  if (row.ok()) return row;
  return Status(row.status().code(), directory_ + ": " + what + ": " + row.status().message());
}

Result<FeedbackRow> RocksStore::GetFeedback(QueryId query, ItemId item) {
  rocksdb::PinnableSlice value;
  const std::string what = "feedback to query " + FormatItemId(query);
  ESPY_RETURN_IF_ERROR(Db()->Get(kClicks, FeedbackKey(query, item), nullptr, what, &value));
  return ParseFeedback(query, item, value.ToStringView());
}

Status RocksStore::ScanPages(QueryId after, const std::function<bool(const PageRow&)>& row,
                             const Snapshot* snapshot) {
  if (after == UINT64_MAX) return Status::Ok();
  return Scan(kClicks, PageKey(after + 1), kPagePrefix, snapshot,
              [&](std::string_view key, std::string_view value) -> Result<bool> {
                QueryId query = 0;
                if (!ParsePageKey(key, &query)) return true;  // `espy verify` tells
                const Result<PageRow> page = ParsePage(query, value);
                if (!page.ok()) return true;
                return row(*page);
              });
}

Status RocksStore::ScanFeedback(QueryId after, const std::function<bool(const FeedbackRow&)>& row,
                                const Snapshot* snapshot) {
  if (after == UINT64_MAX) return Status::Ok();
  return Scan(kClicks, FeedbackKey(after + 1, 0), kFeedbackPrefix, snapshot,
              [&](std::string_view key, std::string_view value) -> Result<bool> {
                QueryId query = 0;
                ItemId item = kNoItem;
                if (!ParseFeedbackKey(key, &query, &item)) return true;
                const Result<FeedbackRow> feedback = ParseFeedback(query, item, value);
                if (!feedback.ok()) return true;
                return row(*feedback);
              });
}

Status RocksStore::DropPages(QueryId before) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* clicks = db_->handle(kClicks);
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.DeleteRange(clicks, PageKey(0), PageKey(before))));
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.DeleteRange(clicks, FeedbackKey(0, 0), FeedbackKey(before, 0))));
  return Write(&batch, options_.sync);
}

Result<std::string> RocksStore::GetPolicy(std::uint64_t version) {
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(
      Db()->Get(kClicks, PolicyKey(version), nullptr, "policy " + std::to_string(version), &value));
  return value.ToString();
}

Result<std::vector<std::uint64_t>> RocksStore::ListPolicies() {
  std::vector<std::uint64_t> versions;
  ESPY_RETURN_IF_ERROR(Scan(kClicks, {}, kPolicyPrefix, nullptr,
                            [&](std::string_view key, std::string_view) -> Result<bool> {
                              std::uint64_t version = 0;
                              key.remove_prefix(kPolicyPrefix.size());
                              if (ParseKey64(key, &version)) versions.push_back(version);
                              return true;
                            }));
  return versions;
}

}  // namespace espy::storage
