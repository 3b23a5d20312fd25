// The builder: one thread that seals and merges segments while the library is open.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

constexpr std::chrono::seconds kRest(1);  // so long without a change, and the library rests
constexpr int kModesty = 10;              // a tenth of what a thread gets that someone waits for

// Building yields to searches and commits. The threads that it starts inherit this; a kernel that
// has no such thing per thread is asked in vain.
void BeModest() { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kModesty); }

}  // namespace

void Library::Impl::StartBackground() {
  background_ = std::jthread([this](std::stop_token stop) {
    BeModest();
    for (;;) {
      bool quiet = false;
      {
        std::unique_lock lock(background_mutex_);
        background_running_ = false;
        background_idle_.notify_all();
        quiet = WaitForWork(&lock, stop);
        const Lull::Clock::time_point due = Lull::Clock::now();
        const auto wanted = [this] { return background_waiters_ > 0; };
        for (auto left = lull_.Left(due); left > left.zero() && !wanted(); left = lull_.Left(due)) {
          if (stop.stop_requested()) return;
          background_wake_.wait_for(lock, stop, left, wanted);
        }
        if (stop.stop_requested()) return;
        background_requested_ = background_rest_ = false;
        background_running_ = true;
      }
      Status outcome;
      try {
        outcome = MaintainAll(quiet, stop);
      } catch (const std::bad_alloc&) {  // it is tried again after the next change
        outcome = OutOfMemory("building the index");
      }
      // One that was told to stop is no outcome: whoever starts the builder again has it go on.
      std::lock_guard lock(background_mutex_);
      const bool stopped = outcome.code() == StatusCode::kCancelled;
      background_status_ = stopped ? Status::Ok() : outcome;
      background_requested_ = background_requested_ || stopped;
    }
  });
}

// Until there is something to do, or something to do at rest and a while has gone by without a
// change: true then.
bool Library::Impl::WaitForWork(std::unique_lock<std::mutex>* lock, const std::stop_token& stop) {
  const auto requested = [this] { return background_requested_; };
  while (rest_waiting_ && !background_requested_ && !stop.stop_requested()) {
    const std::uint64_t before = store->last_seq();
    if (background_wake_.wait_for(*lock, stop, kRest, requested)) break;
    if (store->last_seq() == before) return true;
  }
  background_wake_.wait(*lock, stop, requested);
  return background_rest_;
}

Status Library::Impl::MaintainAll(bool quiet, const std::stop_token& stop) {
  std::shared_ptr<fields::Table> fields;
  {
    std::lock_guard lock(write_mutex_);
    fields = fields_;
  }
  if (fields && fields->NeedsMerge()) {
    fields->Merge(stop);
    std::lock_guard lock(write_mutex_);
    fields->Publish();
    if (fields == fields_) RefreshStateLocked();
  }
  Status outcome;
  for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) {
    Status status = MaintainSpace(space.get(), quiet, stop);
    if (!status.ok()) outcome = std::move(status);
  }
  rest_waiting_ = (rest_waiting_ && !quiet) || (outcome.ok() && ConsolidationIsDue());
  if (outcome.ok() && !stop.stop_requested() && FieldsAreDue(quiet)) outcome = StoreFields(stop);
  if (outcome.ok() && !stop.stop_requested() && quiet) {
    if (const Status kept = KeepUp(stop); !kept.ok()) {
      Log(LogLevel::kWarning, path + ": giving back disk space: " + kept.message() +
                                  "; it is tried again after more changes");
    }
  }
  return outcome;
}

bool Library::Impl::ConsolidationIsDue() {
  const std::vector<std::shared_ptr<OpenSpace>> spaces = OpenSpaces();
  return std::any_of(spaces.begin(), spaces.end(), [this](const auto& space) {
    std::lock_guard lock(write_mutex_);
    return space->index != nullptr && space->index->NeedsConsolidation();
  });
}

Status Library::Impl::MaintainSpace(OpenSpace* space, bool quiet, const std::stop_token& stop) {
  std::shared_ptr<index::VectorIndex> index;
  {
    std::lock_guard lock(write_mutex_);
    index = space->index;
  }
  if (!index) return Status::Ok();
  const bool consolidate = quiet && index->NeedsConsolidation();
  if (!consolidate && !index->NeedsMaintenance()) return Status::Ok();
  Status status;
  while (status.ok() && index->NeedsMaintenance() && !stop.stop_requested()) {
    status = index->Maintain(/*everything=*/false, stop);
  }
  if (status.ok() && consolidate && !stop.stop_requested()) {
    status = ConsolidateSpace(index.get(), stop);
  }
  if (!status.ok() && status.code() != StatusCode::kCancelled) {
    Log(LogLevel::kWarning,
        path + ": building the index: " + status.message() + "; searches go on without it");
  }
  std::lock_guard lock(write_mutex_);
  if (index == space->index) RefreshStateLocked();
  return status;
}

// It takes long, and what must be done soon is not to wait for it: then it is given up, and done at
// the next rest.
Status Library::Impl::ConsolidateSpace(index::VectorIndex* index, const std::stop_token& stop) {
  std::stop_source given_up;
  {
    std::lock_guard lock(background_mutex_);
    consolidation_ = given_up;
    if (background_requested_) given_up.request_stop();
  }
  const std::stop_callback relay(stop, [&given_up] { given_up.request_stop(); });
  const Status status = index->Consolidate(given_up.get_token());
  {
    std::lock_guard lock(background_mutex_);
    consolidation_ = std::stop_source(std::nostopstate);
  }
  return status.code() == StatusCode::kCancelled && !stop.stop_requested() ? Status::Ok() : status;
}

void Library::Impl::StopBackground() {
  if (!background_.joinable()) return;
  background_.request_stop();
  background_.join();
}

Library::Impl::BackgroundPause::BackgroundPause(Impl* library)
    : library_(library), lock_(library->pause_mutex_) {
  library_->StopBackground();
}

Library::Impl::BackgroundPause::~BackgroundPause() {
  if (library_->options.read_only || !library_->options.background_build) return;
  bool started = true;
  try {
    library_->StartBackground();
  } catch (const std::exception&) {  // no memory, or no thread, for a builder: the next pause tries
    started = false;
  }
  {
    std::lock_guard lock(library_->background_mutex_);
    library_->background_missing_ = !started;
  }
  library_->WakeBackground();  // for what it was stopped in
}

void Library::Impl::WakeBackground() {
  std::lock_guard lock(background_mutex_);
  background_requested_ = true;
  consolidation_.request_stop();
  background_wake_.notify_all();
}

Status Library::Impl::WaitForBackground(const ProgressFn& progress, const std::stop_token& stop) {
  if (options.read_only || !options.background_build) return Status::Ok();
  if (FieldsAreDue(/*quiet=*/true) || UpkeepIsDue() || ConsolidationIsDue()) {
    std::lock_guard lock(background_mutex_);
    background_requested_ = background_rest_ = true;
    background_wake_.notify_all();
  }
  std::unique_lock lock(background_mutex_);
  ++background_waiters_;
  background_wake_.notify_all();
  const Status waited = WaitLocked(progress, stop, &lock);
  --background_waiters_;
  return waited;
}

Status Library::Impl::WaitLocked(const ProgressFn& progress, const std::stop_token& stop,
                                 std::unique_lock<std::mutex>* lock) {
  const auto idle = [this] {
    return background_missing_ || (!background_requested_ && !background_running_);
  };
  while (!background_idle_.wait_for(*lock, stop, std::chrono::milliseconds(200), idle)) {
    if (stop.stop_requested()) {
      return Status::Cancelled(path + ": stopped; the next opening goes on building the index");
    }
    if (!progress) continue;
    lock->unlock();
    progress({"segments", 0, 0});
    lock->lock();
  }
  if (background_missing_) {
    return Status::ResourceExhausted(path +
                                     ": there was no memory for the thread that builds the index; "
                                     "open the library again when there is");
  }
  return background_status_;
}

Status Library::WaitForBackground(const ProgressFn& progress, std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(impl_->WaitForBackground(progress, stop));
  if (impl_->options.read_only) return Status::Ok();
  return impl_->words->CatchUp(progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("waiting for the builder");
}

}  // namespace espy
