// Whether the columns that are stored for filters say what the records say.
#include "base/status_macros.h"
#include "engine/library_impl.h"

namespace espy {
namespace {

// Columns hold numbers as doubles: what they lose of a record, they may lose.
bool Holds(const fields::View& view, const Record& record) {
  const std::optional<Record> held = view.Find(record.id);
  if (!held) return false;
  if (*held == fields::Block::Held(record)) return true;
  fields::Block block;
  block.Add(record);
  block.Finish();
  return *held == block.Restore(0);
}

}  // namespace

Status Library::Impl::VerifyFields(VerifyReport* report, const std::stop_token& stop) {
  constexpr const char* kRemedy =
      "; filters may answer wrongly: `espy verify --repair` makes them anew";
  Status why;
  const FieldsAt stored = stored_fields->Load(&why);
  if (!stored.table) {
    // Those of another version, and none, are made again by whoever needs them.
    if (!why.ok() && why.code() != StatusCode::kUnsupported) {
      report->problems.push_back("filter columns: " + why.message() +
                                 "; filters read the records instead, and `espy verify --repair` "
                                 "makes them anew");
    }
    return Status::Ok();
  }
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  if (stored.seq > store->SeqOf(*snapshot)) {
    report->problems.push_back("filter columns: are of change " + std::to_string(stored.seq) +
                               ", and the last is " + std::to_string(store->SeqOf(*snapshot)) +
                               kRemedy);
    return Status::Ok();
  }
  ESPY_RETURN_IF_ERROR(CatchUpFields(stored.table.get(), stored.seq, *snapshot));
  const std::shared_ptr<const fields::View> view = stored.table->TakeView();
  std::uint64_t items = 0, differ = 0;
  ItemId first = kNoItem;
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        ++items;
        if (!Holds(*view, record) && ++differ == 1) first = record.id;
        return !stop.stop_requested();
      },
      snapshot.get()));
  if (stop.stop_requested()) return Status::Cancelled("verify: stopped");
  if (differ > 0) {
    report->problems.push_back("filter columns: " + std::to_string(differ) +
                               " items differ from their records: " + FormatItemId(first) +
                               (differ > 1 ? ", ..." : "") + kRemedy);
  } else if (view->items() != items) {
    report->problems.push_back("filter columns: hold " + std::to_string(view->items()) +
                               " items, and the library " + std::to_string(items) + kRemedy);
  }
  return Status::Ok();
}

}  // namespace espy
