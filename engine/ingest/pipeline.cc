#include "engine/ingest/pipeline.h"

#include <algorithm>
#include <chrono>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "engine/out_of_memory.h"

namespace espy::ingest {
namespace {

// Room in each queue, in bytes. A 12-megapixel JPEG is 3 to 6 MB, a 224-pixel tensor 0.6 MB: enough
// to keep every core busy across a slow file, and together well under the memory that a small
// machine has to spare.
constexpr std::size_t kSourceBytes = 4 << 20;
constexpr std::size_t kReadBytes = 48 << 20;
constexpr std::size_t kPictureBytes = 48 << 20;
constexpr std::size_t kRowBytes = 16 << 20;
// Two readers overlap one file's latency with the hashing of another.
constexpr int kReaders = 2;

}  // namespace

Pipeline::Pipeline(Library::Impl* library, const IngestOptions& options, std::stop_token stop)
    : library_(library),
      options_(options),
      caller_stop_(std::move(stop)),
      sources_(kSourceBytes),
      pictures_(kPictureBytes),
      rows_(kRowBytes),
      bytes_(kReadBytes),
      committer_(library, &report_) {}

Pipeline::~Pipeline() = default;

Status Pipeline::Prepare() {
  if (options_.paths.empty() && options_.urls.empty()) {
    return Status::InvalidArgument("ingest: nothing to take; give folders, pictures or archives");
  }
  if (options_.jobs < 0 || options_.jobs > 1024 || options_.batch_size < 0 ||
      options_.batch_size > 4096) {
    return Status::InvalidArgument("ingest: --jobs must be 0 to 1024 and the batch 0 to 4096");
  }
  Status missing;
  bool any = !options_.urls.empty();
  for (const std::string& path : options_.paths) {
    const std::string absolute = AbsolutePath(path);
    roots_.push_back(absolute);
    const auto facts = library_->env->Stat(absolute);
    any = any || facts.ok();
    if (!facts.ok())
      missing = Status(facts.status().code(), path + ": no such file or folder; check the name");
    if (facts.ok() && facts->kind == FileFacts::Kind::kDirectory) folders_.push_back(absolute);
  }
  if (!any) return missing;
  ESPY_RETURN_IF_ERROR(
      library_->store->ScanFailures([&](std::string_view path, const storage::FailureRow& row) {
        failures_.emplace(path, row);
        return true;
      }));
  if (options_.dry_run) return Status::Ok();
  ESPY_RETURN_IF_ERROR(library_->RequireWritable());
  ESPY_ASSIGN_OR_RETURN(feeds_, Feeds::Open(library_));
  std::vector<storage::SpaceNumber> spaces;
  for (const Feeds::Feed& feed : feeds_->all()) {
    if (!spaces.empty()) other_specs_.push_back(feed.encoder->info().preprocess);
    spaces.push_back(feed.space->row.number);
  }
  if (options_.caption) {
    ESPY_ASSIGN_OR_RETURN(captions_, caption::RowCaptions::Open(library_, *options_.caption));
    other_specs_.push_back(captions_->preprocess());
  }
  committer_.SetSpaces(std::move(spaces));
  return library_->OpenIndex();
}

Status Pipeline::Run(const IngestProgressFn& progress) {
  const std::int64_t start = library_->env->MonotonicNs();
  ESPY_RETURN_IF_ERROR(Prepare());
  const int jobs = options_.jobs > 0 ? options_.jobs : CoreCount();
  {
    const std::stop_callback relay(caller_stop_, [this] { stop_.request_stop(); });
    std::vector<std::jthread> threads;
    readers_ = kReaders;
    decoders_ = jobs;
    const auto start_stage = [&](void (Pipeline::*stage)()) {
      threads.emplace_back([this, stage] { RunStage(stage); });
    };
    try {
      start_stage(&Pipeline::WalkStage);
      for (int i = 0; i < kReaders; ++i) start_stage(&Pipeline::ReadStage);
      for (int i = 0; i < jobs; ++i) start_stage(&Pipeline::DecodeStage);
      start_stage(&Pipeline::EncodeStage);
      start_stage(&Pipeline::CommitStage);
    } catch (const std::bad_alloc&) {
      SetFatal(OutOfMemory("ingest"));
      Finished();  // the committer may not have begun
    }
    WatchProgress(progress);
  }
  {
    std::lock_guard lock(mutex_);
    ESPY_RETURN_IF_ERROR(fatal_);
  }
  ESPY_RETURN_IF_ERROR(Finish());
  report_.seconds = static_cast<double>(library_->env->MonotonicNs() - start) * 1e-9;
  return Status::Ok();
}

Status Pipeline::Finish() {
  report_.cancelled = caller_stop_.stop_requested();
  report_.found = found_;
  report_.unchanged = unchanged_;
  report_.skipped = skipped_;
  report_.bytes_read = bytes_read_;
  report_.decode_seconds = static_cast<double>(decode_ns_) * 1e-9;
  report_.encode_seconds = static_cast<double>(encode_ns_) * 1e-9;
  report_.commit_seconds = static_cast<double>(commit_ns_) * 1e-9;
  if (options_.dry_run) {
    report_.known = known_dry_;
    report_.added = added_dry_;
    report_.replaced = replaced_dry_;
    report_.retaken = retaken_dry_;
    report_.failed = failed_;
    return Status::Ok();
  }
  if (!report_.cancelled && options_.detect_missing) {
    ESPY_RETURN_IF_ERROR(committer_.SweepMissing(folders_));
  }
  return committer_.SweepEmptied();
}

void Pipeline::SetFatal(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (fatal_.ok()) fatal_ = std::move(status);
  }
  stop_.request_stop();
  // Whoever waits to push wakes and finds its queue closed.
  sources_.Close();
  bytes_.Close();
  pictures_.Close();
  rows_.Close();
}

void Pipeline::Finished() {
  std::lock_guard lock(mutex_);
  finished_ = true;
  finished_cv_.notify_all();
}

// A stage that runs out of memory ends the run as any fatal error does.
void Pipeline::RunStage(void (Pipeline::*stage)()) {
  try {
    (this->*stage)();
  } catch (const std::bad_alloc&) {
    SetFatal(OutOfMemory("ingest"));
  }
  if (stage == &Pipeline::CommitStage) Finished();
}

void Pipeline::WatchProgress(const IngestProgressFn& progress) {
  const std::int64_t start = library_->env->MonotonicNs();
  std::unique_lock lock(mutex_);
  bool last = false;
  while (!last) {
    last =
        finished_cv_.wait_for(lock, std::chrono::milliseconds(200), [this] { return finished_; });
    if (!progress) continue;
    lock.unlock();
    IngestProgress now;
    now.found = found_;
    now.walk_done = walk_done_;
    now.done = done_;
    now.added = added_;
    now.failed = failed_;
    const double seconds = static_cast<double>(library_->env->MonotonicNs() - start) * 1e-9;
    if (seconds > 0) now.pictures_per_second = static_cast<double>(now.done) / seconds;
    if (now.walk_done && now.pictures_per_second > 0) {
      now.seconds_left =
          static_cast<double>(now.found - std::min(now.found, now.done)) / now.pictures_per_second;
    }
    progress(now);
    lock.lock();
  }
}

}  // namespace espy::ingest
