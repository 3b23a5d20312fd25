#include "engine/migrate/fill.h"

#include <chrono>
#include <new>
#include <thread>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "engine/migrate/journal.h"
#include "engine/out_of_memory.h"

namespace espy::migrate {
namespace {

constexpr std::size_t kRowBytes = 16 << 20;
constexpr std::size_t kTransactionRows = 512;
constexpr std::size_t kReportedFailures = 1000;

}  // namespace

Fill::Fill(Library::Impl* library, storage::SpaceRow space, const encoders::Encoder* encoder,
           const MigrationOptions& options, std::stop_token stop, MigrationReport* report)
    : library_(library),
      space_(std::move(space)),
      encoder_(encoder),
      options_(options),
      caller_stop_(std::move(stop)),
      report_(report),
      rows_(kRowBytes) {}

Fill::~Fill() = default;

Status Fill::Run(const std::vector<Wanted>& wanted, std::uint64_t before,
                 const ProgressFn& progress) {
  const int threads = options_.jobs > 0 ? options_.jobs : CoreCount();
  const std::uint64_t total = before + wanted.size();
  {
    reader_ = std::make_unique<PictureReader>(library_->env, library_->store.get(),
                                              encoder_->info().preprocess, options_.from_thumbnails,
                                              threads, wanted);
    const std::stop_callback relay(caller_stop_, [this] {
      stop_.request_stop();
      reader_->Stop();
    });
    std::vector<std::jthread> running;
    try {
      running.emplace_back([this] { RunStage(&Fill::EncodeStage); });
      running.emplace_back([this] { RunStage(&Fill::CommitStage); });
    } catch (...) {
      SetFatal(OutOfMemory("embedding anew"));  // so that the one that runs can be joined
      throw;
    }
    std::unique_lock lock(mutex_);
    for (bool last = false; !last;) {
      last =
          finished_cv_.wait_for(lock, std::chrono::milliseconds(200), [this] { return finished_; });
      if (!progress) continue;
      lock.unlock();
      progress({"pictures", before + done_, total});
      lock.lock();
    }
  }
  std::lock_guard lock(mutex_);
  return fatal_;
}

void Fill::SetFatal(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (fatal_.ok()) fatal_ = std::move(status);
  }
  stop_.request_stop();
  reader_->Stop();
  rows_.Close();
}

// A stage that runs out of memory ends the run as any fatal error does.
void Fill::RunStage(void (Fill::*stage)()) {
  try {
    (this->*stage)();
  } catch (const std::bad_alloc&) {
    SetFatal(OutOfMemory("embedding anew"));
  }
  if (stage != &Fill::CommitStage) return;
  std::lock_guard lock(mutex_);
  finished_ = true;
  finished_cv_.notify_all();
}

void Fill::OfferRow(Row row) {
  const std::size_t weight = 256 + row.half.size() * sizeof(std::uint16_t);
  rows_.Push(std::move(row), weight);
}

Fill::Row Fill::RowOf(const PictureReader::Picture& picture) const {
  Row row;
  row.id = picture.id;
  row.failure = picture.failure;
  row.by_thumbnail = picture.held.by_thumbnail;
  row.settled = picture.forgotten || (row.failure.ok() && row.by_thumbnail &&
                                      Noted(picture.record.spaces_by_thumbnail, space_.number));
  return row;
}

void Fill::EncodeStage() {
  const std::int64_t batch =
      options_.batch_size > 0 ? options_.batch_size : encoder_->preferred_batch();
  const auto dimension = static_cast<std::size_t>(encoder_->info().dimension);
  std::vector<float> vectors;
  while (auto next = reader_->Pop()) {
    std::vector<Row> rows;
    std::vector<imaging::PictureTensor> tensors;
    for (; next;
         next = static_cast<std::int64_t>(rows.size()) < batch ? reader_->TryPop() : std::nullopt) {
      Row row = RowOf(*next);
      if (row.settled || !row.failure.ok()) {
        OfferRow(std::move(row));
        continue;
      }
      rows.push_back(std::move(row));
      tensors.push_back(std::move(next->held.tensor));
    }
    if (stop_.stop_requested()) continue;
    std::vector<imaging::PictureView> pictures;
    for (const imaging::PictureTensor& tensor : tensors) pictures.push_back(tensor.view());
    vectors.resize(rows.size() * dimension);
    if (Status encoded = encoder_->EncodeImages(pictures, vectors.data()); !encoded.ok()) {
      SetFatal(std::move(encoded));
      break;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto vector = std::span(vectors).subspan(i * dimension, dimension);
      rows[i].half = HalfFromUnit(vector);
      if (space_.fp32) rows[i].fp32.assign(vector.begin(), vector.end());
      OfferRow(std::move(rows[i]));
    }
  }
  if (Status read = reader_->status(); !read.ok()) SetFatal(std::move(read));
  rows_.Close();
}

void Fill::CommitStage() {
  while (auto first = rows_.Pop()) {
    std::vector<Row> rows;
    rows.push_back(std::move(*first));
    while (rows.size() < kTransactionRows) {
      auto next = rows_.TryPop();
      if (!next) break;
      rows.push_back(std::move(*next));
    }
    const std::size_t count = rows.size();
    if (Status committed = Commit(std::move(rows)); !committed.ok()) {
      SetFatal(std::move(committed));
      break;
    }
    done_ += count;
  }
}

Status Fill::Commit(std::vector<Row> rows) {
  std::lock_guard lock(library_->write_mutex());
  Change change;
  for (Row& row : rows) {
    if (row.settled) {
      settled_.insert(row.id);
    } else {
      ESPY_RETURN_IF_ERROR(CommitRow(std::move(row), &change));
    }
  }
  if (change.transaction.bytes() == 0) return Status::Ok();
  return library_->CommitLocked(std::move(change));
}

// The record is read again under the lock: an ingest may have been here since.
Status Fill::CommitRow(Row row, Change* change) {
  storage::Store& store = *library_->store;
  auto read = store.GetItem(row.id);
  if (read.status().code() == StatusCode::kNotFound) return Status::Ok();  // forgotten
  ESPY_RETURN_IF_ERROR(read.status());
  Record record = std::move(*read);
  std::vector<std::uint16_t> before;
  const Status held = store.GetVector(space_.number, row.id, &before);
  if (!held.ok() && held.code() != StatusCode::kNotFound) return held;
  if (!row.failure.ok()) {
    settled_.insert(row.id);
    if (!held.ok()) Fail(record, row.failure, change);
    return Status::Ok();
  }
  if (held.ok() && (row.by_thumbnail || !Noted(record.spaces_by_thumbnail, space_.number))) {
    return Status::Ok();  // an ingest was first, with pixels that are no worse
  }
  change->PutVector(space_.number, row.id, std::move(row.half), row.fp32);
  ++report_->embedded;
  report_->by_thumbnail += row.by_thumbnail ? 1 : 0;
  const bool had_failed = Note(&record.spaces_without, space_.number, false);
  if (had_failed) change->transaction.DeleteFailure(JournalKey(record));
  if (Note(&record.spaces_by_thumbnail, space_.number, row.by_thumbnail) || had_failed) {
    change->transaction.PutItem(record);
  }
  return Status::Ok();
}

void Fill::Fail(const Record& record, const Status& why, Change* change) {
  const Status told = Journal(library_->env, library_->store.get(), record,
                              "with model '" + space_.model + "'", why, &change->transaction);
  ++report_->failed;
  if (report_->failures.size() < kReportedFailures) {
    report_->failures.push_back({JournalKey(record), told});
  }
  Record noted = record;
  if (Note(&noted.spaces_without, space_.number, true)) change->transaction.PutItem(noted);
}

}  // namespace espy::migrate
