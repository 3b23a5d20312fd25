#include "engine/caption/caption_run.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "engine/caption/row_captions.h"
#include "engine/filter.h"
#include "engine/migrate/journal.h"

namespace espy::caption {
namespace {

constexpr std::size_t kReportedFailures = 1000;
constexpr std::size_t kRecordsARead = 1024;
constexpr std::string_view kDoing = "no caption";

}  // namespace

CaptionRun::CaptionRun(Library::Impl* library, const CaptionOptions& options, std::stop_token stop,
                       CaptionReport* report, SimilarFn similar)
    : library_(library),
      options_(options),
      stop_(std::move(stop)),
      report_(report),
      similar_(std::move(similar)) {}

bool CaptionRun::HasOurs(const Record& record) const {
  return record.generated_caption && record.generated_caption->model_id == report_->model_id;
}

bool CaptionRun::Settled(const Record& record) {
  ++report_->items;
  const bool by_hand = !record.caption.empty();
  const bool already = !by_hand && !options_.force && HasOurs(record);
  report_->by_hand += by_hand ? 1 : 0;
  report_->already += already ? 1 : 0;
  return by_hand || already;
}

Status CaptionRun::Plan() {
  const auto add = [this](const Record& record) {
    if (!Settled(record)) {
      wanted_.push_back({record.paths.empty() ? "" : record.paths.front(), record.id});
    }
    return true;
  };
  storage::Store* store = library_->store.get();
  if (options_.where.empty()) {
    ESPY_RETURN_IF_ERROR(store->ScanItems(add, store->TakeSnapshot().get()));
  } else {
    ESPY_ASSIGN_OR_RETURN(const auto filter, ParseFilter(store, options_.where));
    ESPY_ASSIGN_OR_RETURN(const auto state, library_->FilterState());
    ESPY_ASSIGN_OR_RETURN(const auto passing, SelectItems(store, *filter, *state));
    for (std::span<const ItemId> ids = passing->Sorted(); !ids.empty();
         ids = ids.subspan(std::min(ids.size(), kRecordsARead))) {
      ESPY_ASSIGN_OR_RETURN(
          const std::vector<Record> records,
          store->GetItems(ids.first(std::min(ids.size(), kRecordsARead)), state->snapshot.get()));
      std::for_each(records.begin(), records.end(), add);
    }
  }
  std::sort(wanted_.begin(), wanted_.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  if (options_.dry_run) report_->captioned = wanted_.size();
  return Status::Ok();
}

Status CaptionRun::Run(CaptionModel* model, const ProgressFn& progress) {
  const std::size_t batch = BatchOf(options_);
  migrate::PictureReader reader(library_->env, library_->store.get(), model->preprocess(),
                                options_.from_thumbnails, CoreCount(), wanted_);
  const std::stop_callback relay(stop_, [&reader] { reader.Stop(); });
  std::uint64_t done = 0;
  if (progress) progress({"captions", 0, wanted_.size()});
  for (bool more = true; more && !stop_.stop_requested();) {
    std::vector<migrate::PictureReader::Picture> pictures;
    while (more && pictures.size() < batch) {
      auto next = reader.Pop();
      more = next.has_value();
      if (next) pictures.push_back(std::move(*next));
    }
    if (pictures.empty() || stop_.stop_requested()) break;
    const std::size_t count = pictures.size();
    ESPY_RETURN_IF_ERROR(Do(model, std::move(pictures)));
    done += count;
    if (progress) progress({"captions", done, wanted_.size()});
  }
  report_->cancelled = stop_.stop_requested();
  return reader.status();
}

Status CaptionRun::Do(CaptionModel* model, std::vector<migrate::PictureReader::Picture> pictures) {
  std::vector<imaging::PictureView> views;
  std::vector<std::vector<std::string>> similar;
  for (const auto& picture : pictures) {
    if (picture.forgotten || !picture.failure.ok()) continue;
    views.push_back(picture.held.tensor.view());
    similar.push_back(similar_(picture.id));
  }
  ESPY_ASSIGN_OR_RETURN(std::vector<GeneratedCaption> captions, model->Caption(views, similar));
  auto caption = captions.begin();
  for (const auto& picture : pictures) {
    if (picture.forgotten || !picture.failure.ok()) continue;
    caption->model = report_->model;
    caption->model_id = report_->model_id;
    caption->cosine = Cosine(picture.id, caption->text);
    ++caption;
  }
  std::lock_guard lock(library_->write_mutex());
  Change change;
  caption = captions.begin();
  for (const auto& picture : pictures) {
    if (picture.forgotten) continue;
    const bool said = picture.failure.ok();
    ESPY_RETURN_IF_ERROR(CommitOne(picture, said ? &*caption : nullptr, &change));
    if (said) ++caption;
  }
  if (change.transaction.bytes() == 0) return Status::Ok();
  return library_->CommitLocked(std::move(change));
}

// The record is read again under the lock: a person may have written a caption meanwhile.
Status CaptionRun::CommitOne(const migrate::PictureReader::Picture& picture,
                             const GeneratedCaption* caption, Change* change) {
  storage::Store& store = *library_->store;
  auto read = store.GetItem(picture.id);
  if (read.status().code() == StatusCode::kNotFound) return Status::Ok();  // forgotten
  ESPY_RETURN_IF_ERROR(read.status());
  Record record = std::move(*read);
  if (!record.caption.empty()) {
    ++report_->by_hand;
    return Status::Ok();
  }
  if (caption == nullptr) {
    const Status told = migrate::Journal(library_->env, &store, record, std::string(kDoing),
                                         picture.failure, &change->transaction);
    ++report_->failed;
    if (report_->failures.size() < kReportedFailures) {
      report_->failures.push_back({migrate::JournalKey(record), told});
    }
    return Status::Ok();
  }
  const std::string key = migrate::JournalKey(record);
  const auto failed = store.GetFailure(key);
  if (failed.ok() && failed->message.starts_with(key + ": " + std::string(kDoing))) {
    change->transaction.DeleteFailure(key);
  }
  ++report_->captioned;
  report_->unsure += caption->searched ? 0 : 1;
  report_->by_thumbnail += picture.held.by_thumbnail ? 1 : 0;
  record.generated_caption = *caption;
  change->transaction.PutItem(record);
  return Status::Ok();
}

// A library whose model or vectors are missing can be captioned all the same.
float CaptionRun::Cosine(ItemId id, const std::string& text) {
  const auto space = library_->Current();
  std::vector<std::uint16_t> half;
  if (!space.ok() || !library_->store->GetVector((*space)->row.number, id, &half).ok()) return 0;
  return CaptionCosine(space->get(), text, half);
}

}  // namespace espy::caption
