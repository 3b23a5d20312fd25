// forget: items leave the library. They are gone from answers at once; their space comes back on
// compact.
#include <algorithm>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "engine/where/where.h"

namespace espy {
namespace {
constexpr std::size_t kItemsATransaction = 256;
}

Result<ForgetReport> Library::Forget(const ForgetOptions& options) try {
  if (options.targets.empty() && options.where.empty()) {
    return Status::InvalidArgument("forget: names nothing; give paths, ids or --where");
  }
  if (!options.dry_run) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ForgetReport report;
  for (const std::string& target : options.targets) {
    ESPY_ASSIGN_OR_RETURN(Record record, Find(target));
    report.records.push_back(std::move(record));
  }
  if (!options.where.empty()) {
    ESPY_ASSIGN_OR_RETURN(std::vector<Record> matching, List(options.where));
    report.records.insert(report.records.end(), matching.begin(), matching.end());
  }
  std::sort(report.records.begin(), report.records.end(),
            [](const Record& a, const Record& b) { return a.id < b.id; });
  report.records.erase(std::unique(report.records.begin(), report.records.end(),
                                   [](const Record& a, const Record& b) { return a.id == b.id; }),
                       report.records.end());
  report.forgotten = report.records.size();
  if (options.dry_run) return report;
  ESPY_RETURN_IF_ERROR(impl_->ForgetItems(report.records));
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("forget");
}

Status Library::Impl::ForgetItems(const std::vector<Record>& records) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  std::vector<storage::SpaceNumber> spaces;
  for (const storage::SpaceRow& row : rows) spaces.push_back(row.number);
  for (std::size_t begin = 0; begin < records.size(); begin += kItemsATransaction) {
    const std::size_t end = std::min(records.size(), begin + kItemsATransaction);
    std::lock_guard lock(write_mutex_);
    Change change;
    for (std::size_t i = begin; i < end; ++i) {
      // Read again under the lock: paths may have been added since the list was made.
      const auto record = store->GetItem(records[i].id);
      if (record.status().code() == StatusCode::kNotFound) continue;
      ESPY_RETURN_IF_ERROR(record.status());
      change.transaction.Forget(*record, spaces);
      change.forgotten.push_back(record->id);
    }
    if (change.forgotten.empty()) continue;
    ESPY_RETURN_IF_ERROR(CommitLocked(std::move(change)));
  }
  return Status::Ok();
}

}  // namespace espy
