#include "engine/migrate/fill.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "engine/ingest/archive.h"
#include "engine/migrate/held_picture.h"

namespace espy::migrate {
namespace {

// Room in each queue, in bytes: a few pictures for each core, as in ingest.
constexpr std::size_t kJobBytes = 48 << 20;
constexpr std::size_t kPictureBytes = 48 << 20;
constexpr std::size_t kRowBytes = 16 << 20;
constexpr std::size_t kTransactionRows = 512;
constexpr std::size_t kReportedFailures = 1000;

// The failure of a picture stands under its first path, or under its number.
std::string JournalKey(const Record& record) {
  return record.paths.empty() ? "item " + FormatItemId(record.id) : record.paths.front();
}

bool IsMember(const std::string& path) {
  const std::string file = ingest::FileOf(path);
  return !file.empty() && file != path;
}

}  // namespace

Fill::Fill(Library::Impl* library, storage::SpaceRow space, const encoders::Encoder* encoder,
           const MigrationOptions& options, std::stop_token stop, MigrationReport* report)
    : library_(library),
      space_(std::move(space)),
      encoder_(encoder),
      options_(options),
      caller_stop_(std::move(stop)),
      report_(report),
      jobs_(kJobBytes),
      pictures_(kPictureBytes),
      rows_(kRowBytes) {}

Fill::~Fill() = default;

Status Fill::Run(const std::vector<Wanted>& wanted, std::uint64_t before,
                 const ProgressFn& progress) {
  const int threads = options_.jobs > 0 ? options_.jobs : CoreCount();
  const std::uint64_t total = before + wanted.size();
  {
    const std::stop_callback relay(caller_stop_, [this] { stop_.request_stop(); });
    std::vector<std::jthread> running;
    decoders_ = threads;
    running.emplace_back([this, &wanted] { FindStage(wanted); });
    for (int i = 0; i < threads; ++i) running.emplace_back([this] { DecodeStage(); });
    running.emplace_back([this] { EncodeStage(); });
    running.emplace_back([this] { CommitStage(); });
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
  jobs_.Close();
  pictures_.Close();
  rows_.Close();
}

bool Fill::OfferJob(Job job) {
  const std::size_t weight = 256 + job.past.size() + (job.bytes ? job.bytes->size() : 0);
  return jobs_.Push(std::move(job), weight) && !stop_.stop_requested();
}

void Fill::OfferRow(Row row) {
  const std::size_t weight =
      256 + row.tensor.values.size() * sizeof(float) + row.half.size() * sizeof(std::uint16_t);
  auto& queue = row.tensor.values.empty() ? rows_ : pictures_;
  queue.Push(std::move(row), weight);
}

// Items in order of path. Members of one archive stand together, and it is read once for all.
void Fill::FindStage(const std::vector<Wanted>& wanted) {
  for (std::size_t begin = 0; begin < wanted.size() && !stop_.stop_requested();) {
    std::size_t end = begin + 1;
    if (options_.from_thumbnails || !IsMember(wanted[begin].path)) {
      if (!OfferJob({wanted[begin].id, {}, {}})) break;
      begin = end;
      continue;
    }
    const std::string archive = ingest::FileOf(wanted[begin].path);
    while (end < wanted.size() && ingest::FileOf(wanted[end].path) == archive) ++end;
    FindInArchive(std::span(wanted).subspan(begin, end - begin));
    begin = end;
  }
  jobs_.Close();
}

void Fill::FindInArchive(std::span<const Wanted> members) {
  std::map<std::string_view, ItemId> left;
  for (const Wanted& member : members) left.emplace(member.path, member.id);
  const std::string archive = ingest::FileOf(members.front().path);
  if (library_->env->Stat(archive).ok()) {
    ingest::ReadArchive(archive, {}, stop_.get_token(), [&](ingest::Source source) {
      const auto found = left.find(source.path);
      if (found == left.end()) return true;
      if (source.bytes) {
        const ItemId id = found->second;
        left.erase(found);
        if (!OfferJob({id, std::move(source.bytes), source.path})) return false;
      }
      return !left.empty();
    });
  }
  for (const auto& [path, id] : left) {
    if (!OfferJob({id, {}, std::string(path)})) return;
  }
}

std::optional<Fill::Row> Fill::Read(Job job) {
  Row row;
  row.id = job.id;
  const auto record = library_->store->GetItem(job.id);
  if (record.status().code() == StatusCode::kNotFound) {  // forgotten since the plan was made
    row.settled = true;
    return row;
  }
  if (!record.ok()) {
    SetFatal(record.status());
    return std::nullopt;
  }
  HeldOptions held;
  held.from_thumbnails = options_.from_thumbnails;
  held.bytes = std::move(job.bytes);
  held.past = std::move(job.past);
  auto picture = ReadHeldPicture(library_->env, library_->store.get(), *record,
                                 encoder_->info().preprocess, held);
  if (!picture.ok()) {
    row.failure = picture.status();
  } else {
    row.by_thumbnail = picture->by_thumbnail;
    row.settled = row.by_thumbnail && Noted(record->spaces_by_thumbnail, space_.number);
    if (!row.settled) row.tensor = std::move(picture->tensor);
  }
  return row;
}

void Fill::DecodeStage() {
  while (auto job = jobs_.Pop()) {
    if (stop_.stop_requested()) continue;
    auto row = Read(std::move(*job));
    if (!row) break;
    OfferRow(std::move(*row));
  }
  if (--decoders_ == 0) pictures_.Close();
}

void Fill::EncodeStage() {
  const std::int64_t batch =
      options_.batch_size > 0 ? options_.batch_size : encoder_->preferred_batch();
  const auto dimension = static_cast<std::size_t>(encoder_->info().dimension);
  std::vector<imaging::PictureView> pictures;
  std::vector<float> vectors;
  while (auto first = pictures_.Pop()) {
    std::vector<Row> rows;
    rows.push_back(std::move(*first));
    while (static_cast<std::int64_t>(rows.size()) < batch) {
      auto next = pictures_.TryPop();
      if (!next) break;
      rows.push_back(std::move(*next));
    }
    if (stop_.stop_requested()) continue;
    pictures.clear();
    for (const Row& row : rows) pictures.push_back(row.tensor.view());
    vectors.resize(rows.size() * dimension);
    if (Status encoded = encoder_->EncodeImages(pictures, vectors.data()); !encoded.ok()) {
      SetFatal(std::move(encoded));
      break;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].tensor = {};
      rows[i].half = HalfFromUnit(std::span(vectors).subspan(i * dimension, dimension));
      OfferRow(std::move(rows[i]));
    }
  }
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
  std::lock_guard lock(mutex_);
  finished_ = true;
  finished_cv_.notify_all();
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
  change->PutVector(space_.number, row.id, std::move(row.half));
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
  const std::string key = JournalKey(record);
  const std::string reason =
      why.message().starts_with(key) ? why.message().substr(key.size()) : ": " + why.message();
  const Status status(why.code(), key + ": with model '" + space_.model + "'" + reason);
  ++report_->failed;
  if (report_->failures.size() < kReportedFailures) report_->failures.push_back({key, status});
  storage::FailureRow failure;
  failure.code = status.code();
  failure.message = status.message();
  failure.when_unix = library_->env->NowUnixNs() / 1'000'000'000;
  failure.size = record.file_bytes;
  failure.attempts = 1;
  if (const auto before = library_->store->GetFailure(key); before.ok()) {
    failure.attempts = before->attempts + 1;
  }
  change->transaction.PutFailure(key, failure);
  Record noted = record;
  if (Note(&noted.spaces_without, space_.number, true)) change->transaction.PutItem(noted);
}

}  // namespace espy::migrate
