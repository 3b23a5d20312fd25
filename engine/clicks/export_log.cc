// ExportClicks: the log of pages and feedback, a page a line.
#include <map>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "engine/clicks/page_json.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "engine/transfer/file_writer.h"

namespace espy {
namespace {

Result<std::vector<storage::FeedbackRow>> FeedbackTo(storage::Store* store, storage::QueryId query,
                                                     const storage::Snapshot* snapshot) {
  std::vector<storage::FeedbackRow> rows;
  if (query == 0) return rows;  // no query has that id
  ESPY_RETURN_IF_ERROR(store->ScanFeedback(
      query - 1,
      [&](const storage::FeedbackRow& row) {
        if (row.query != query) return false;
        rows.push_back(row);
        return true;
      },
      snapshot));
  return rows;
}

}  // namespace

Result<ClickExportReport> Library::ExportClicks(const ClickExportOptions& options,
                                                const ProgressFn& progress,
                                                std::stop_token stop) try {
  if (!options.to.ends_with(".jsonl")) {
    return Status::Unsupported(options.to +
                               ": clicks are exported as JSON lines; name a file that ends in "
                               ".jsonl");
  }
  ESPY_RETURN_IF_ERROR(transfer::RequireFree(impl_->env, options.to, options.overwrite));
  ESPY_ASSIGN_OR_RETURN(const auto file, transfer::FileWriter::Create(options.to));
  storage::Store* const store = impl_->store.get();
  ESPY_RETURN_IF_ERROR(impl_->page_log->Flush());
  // Before the snapshot: a page that a writer takes meanwhile is seen twice then, never missed.
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::PageRow> left, impl_->page_log->Left());
  const auto snapshot = store->TakeSnapshot();
  std::map<storage::SpaceNumber, std::string> spaces;
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  for (const storage::SpaceRow& space : rows) spaces[space.number] = space.space_id;

  ClickExportReport report;
  const auto write = [&](const storage::PageRow& page) -> Status {
    if (stop.stop_requested()) {
      return Status::Cancelled("feedback: stopped; no file was written");
    }
    ESPY_ASSIGN_OR_RETURN(const std::vector<storage::FeedbackRow> feedback,
                          FeedbackTo(store, page.query, snapshot.get()));
    const auto space = spaces.find(page.space);
    ++report.pages;
    report.feedback += feedback.size();
    if (progress && report.pages % 1000 == 0) progress({"pages", report.pages, 0});
    return file->Append(
        clicks::PageToLine(page, space == spaces.end() ? "" : space->second, feedback) + '\n');
  };
  Status failed;
  auto next = left.begin();
  ESPY_RETURN_IF_ERROR(store->ScanPages(
      0,
      [&](const storage::PageRow& page) {
        for (; failed.ok() && next != left.end() && next->query <= page.query; ++next) {
          if (next->query < page.query) failed = write(*next);
        }
        if (failed.ok()) failed = write(page);
        return failed.ok();
      },
      snapshot.get()));
  for (; failed.ok() && next != left.end(); ++next) failed = write(*next);
  ESPY_RETURN_IF_ERROR(failed);
  report.bytes = file->bytes();
  ESPY_RETURN_IF_ERROR(file->Finish());
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("feedback");
}

}  // namespace espy
