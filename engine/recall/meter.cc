#include "engine/recall/meter.h"

#include <algorithm>
#include <string>

#include "base/logging.h"
#include "engine/recall/effort_controller.h"

namespace espy::recall {
namespace {

constexpr std::int64_t kSaveEveryNs = 10'000'000'000;
constexpr std::int64_t kMostEffort = 100'000;  // whatever the number of hits

}  // namespace

Meter::Meter(storage::Store* store, storage::SpaceNumber space, Env* env)
    : store_(store), space_(space), env_(env), effort_(Effort().effort) {
  auto row = store->GetRecall(space);
  if (row.ok()) {
    row_ = *row;
    row_.effort =
        std::clamp<std::uint64_t>(row_.effort, EffortController::kLeast, EffortController::kMost);
  } else {
    if (row.status().code() != StatusCode::kNotFound) {
      Log(LogLevel::kWarning, "measured recall is begun anew: " + row.status().message());
    }
    row_.effort = static_cast<std::uint64_t>(Effort().effort);
  }
  effort_ = static_cast<std::int64_t>(row_.effort);
}

std::int64_t Meter::EffortFor(std::int64_t k) const {
  return std::clamp(2 * k, effort(), kMostEffort);
}

void Meter::Record(std::int64_t effort, std::uint64_t found, std::uint64_t of, double target,
                   std::uint64_t rows) {
  std::lock_guard lock(mutex_);
  if (of == 0 || effort != static_cast<std::int64_t>(row_.effort)) return;
  Window window{row_.searches, row_.wanted, row_.shares, row_.squares};
  window.Add(found, of);
  const Effort now{static_cast<std::int64_t>(row_.effort), static_cast<std::int64_t>(row_.too_low),
                   row_.too_low_rows};
  const Effort next = EffortController::Next(now, window, target, rows);
  if (next.effort != now.effort) {
    window = {};
  } else if (window.searches >= EffortController::kMostSearches) {
    window.Halve();
  }
  row_.searches = window.searches;
  row_.wanted = window.wanted;
  row_.shares = window.shares;
  row_.squares = window.squares;
  row_.effort = static_cast<std::uint64_t>(next.effort);
  row_.too_low = static_cast<std::uint64_t>(next.too_low);
  row_.too_low_rows = next.too_low_rows;
  ++row_.sampled;
  row_.measured_unix = env_->NowUnixNs() / 1'000'000'000;
  unsaved_ = true;
  effort_.store(next.effort, std::memory_order_relaxed);
}

void Meter::Save(bool even_now) {
  storage::RecallRow row;
  {
    std::lock_guard lock(mutex_);
    const std::int64_t now = env_->MonotonicNs();
    if (!unsaved_ || (!even_now && saved_ns_ != 0 && now - saved_ns_ < kSaveEveryNs)) return;
    unsaved_ = false;
    saved_ns_ = now;
    row = row_;
  }
  const Status saved = store_->PutRecall(space_, row);
  if (!saved.ok() && saved.code() != StatusCode::kNotFound) {  // the space was dropped
    Log(LogLevel::kWarning, "measured recall is not kept: " + saved.message());
  }
}

storage::RecallRow Meter::row() const {
  std::lock_guard lock(mutex_);
  return row_;
}

}  // namespace espy::recall
