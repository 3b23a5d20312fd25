#include "engine/migrate/migration.h"

#include <algorithm>

#include "base/status_macros.h"
#include "engine/feeds.h"
#include "engine/migrate/fill.h"

namespace espy::migrate {

Migration::Migration(Library::Impl* library, const MigrationOptions& options, std::stop_token stop)
    : library_(library), options_(options), stop_(std::move(stop)) {}

Status Migration::Run(const std::shared_ptr<OpenSpace>& target, const ProgressFn& progress) {
  const std::int64_t start = library_->env->MonotonicNs();
  target_ = target;
  report_.model = target->row.model;
  report_.space_id = target->row.space_id;
  while (!report_.switched) {
    ESPY_ASSIGN_OR_RETURN(const std::uint64_t seq, FillAll(progress));
    report_.cancelled = stop_.stop_requested();
    if (report_.cancelled) break;
    ESPY_RETURN_IF_ERROR(RequireAll());
    if (progress) progress({"segments", 0, 0});
    const Status built = library_->MaintainSpace(target_.get(), /*quiet=*/false, stop_);
    report_.cancelled = stop_.stop_requested();
    if (report_.cancelled) break;
    ESPY_RETURN_IF_ERROR(built);
    ESPY_ASSIGN_OR_RETURN(report_.switched, CutOver(seq));
    report_.cancelled = !report_.switched && stop_.stop_requested();
    if (report_.cancelled) break;
  }
  report_.seconds = static_cast<double>(library_->env->MonotonicNs() - start) * 1e-9;
  return Status::Ok();
}

Result<std::uint64_t> Migration::FillAll(const ProgressFn& progress) {
  for (;;) {
    ESPY_ASSIGN_OR_RETURN(const Plan plan,
                          MakePlan(library_->store.get(), target_->row.number,
                                   /*better=*/!options_.from_thumbnails, settled_));
    report_.items = plan.items;
    if (std::exchange(first_plan_, false)) report_.already = plan.items - plan.wanted.size();
    if (plan.wanted.empty() || stop_.stop_requested()) return plan.seq;
    // Only what is still to be embedded needs the model.
    ESPY_ASSIGN_OR_RETURN(const encoders::Encoder* encoder,
                          target_->EncoderFor(/*image=*/true, /*text=*/false));
    Fill fill(library_, target_->row, encoder, options_, stop_, &report_);
    ESPY_RETURN_IF_ERROR(fill.Run(plan.wanted, plan.items - plan.wanted.size(), progress));
    settled_.insert(fill.settled().begin(), fill.settled().end());
  }
}

Status Migration::RequireAll() const {
  if (report_.failed == 0 || options_.allow_missing) return Status::Ok();
  return Status::Unavailable(
      library_->path + ": " + std::to_string(report_.failed) + " of " +
      std::to_string(report_.items) + " pictures could not be embedded with model '" +
      report_.model +
      "'; `espy failures` lists them: mend or forget them and run it again, or let it switch "
      "without them (--allow-missing)");
}

// Of the items that changed after `after_seq`: does one lack its vector?
Result<bool> Migration::Lacks(std::uint64_t after_seq) const {
  storage::Store& store = *library_->store;
  Status failed;
  bool lacks = false;
  std::vector<std::uint16_t> half;
  ESPY_RETURN_IF_ERROR(store.ScanLog(after_seq, [&](const storage::LogEntry& entry) {
    if (entry.kind != storage::ChangeKind::kPutItem) return true;
    const auto record = store.GetItem(entry.item);
    if (record.status().code() == StatusCode::kNotFound) return true;  // forgotten since
    if (!record.ok()) {
      failed = record.status();
      return false;
    }
    const Status held = store.GetVector(target_->row.number, entry.item, &half);
    if (!held.ok() && held.code() != StatusCode::kNotFound) failed = held;
    const bool settled =
        Noted(record->spaces_without, target_->row.number) && settled_.contains(entry.item);
    lacks = !held.ok() && !settled;
    return failed.ok() && !lacks;
  }));
  ESPY_RETURN_IF_ERROR(failed);
  return lacks;
}

// False: something came in between, or it was stopped.
Result<bool> Migration::CutOver(std::uint64_t filled_seq) {
  const storage::SpaceNumber number = target_->row.number;
  std::shared_ptr<OpenSpace> old;
  {
    std::unique_lock lock(library_->write_mutex());
    ESPY_ASSIGN_OR_RETURN(old, library_->Current());
    // An ingest that began before this migration, or that could not load the model, writes items
    // without a vector here.
    const auto all_feed = [&] {
      return std::all_of(library_->running_feeds.begin(), library_->running_feeds.end(),
                         [&](const Feeds* feeds) { return feeds->Contains(number); });
    };
    if (!library_->feeds_done.wait(lock, stop_, all_feed)) return false;
    ESPY_ASSIGN_OR_RETURN(const bool lacks, Lacks(filled_seq));
    if (lacks) return false;
    if (old == target_) return true;
    ESPY_RETURN_IF_ERROR(library_->SwitchLocked(
        *target_, options_.feed_old ? storage::SpaceRole::kFed : storage::SpaceRole::kKept));
  }
  if (!options_.feed_old) library_->CloseIndex(old.get());  // its memory is given back
  library_->WakeBackground();  // what is done at rest is left to the builder
  return true;
}

}  // namespace espy::migrate
