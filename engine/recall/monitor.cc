#include "engine/recall/monitor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/logging.h"

namespace espy::recall {
namespace {

constexpr std::size_t kRing = 16;       // probes that wait; each keeps a view alive
constexpr std::int64_t kHits = 10;      // of recall@10
constexpr std::int64_t kQuietMs = 100;  // people and programs ask again within less

}  // namespace

Monitor::Monitor(double share, double target, Env* env)
    : share_(std::clamp(share, 0.0, 1.0)),
      phase_(static_cast<double>(env->RandomSeed() % 1'000'000) * 1e-6),
      env_(env),
      target_(target) {}

Monitor::~Monitor() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  for (const std::shared_ptr<Meter>& meter : meters_) meter->Save(/*even_now=*/true);
}

Monitor::Activity::~Activity() {
  monitor_->active_until_ns_ = monitor_->env_->MonotonicNs();
  --monitor_->active_;
}

// Every (1 / share)th search, whatever number that is.
bool Monitor::Draw() {
  if (share_ <= 0) return false;
  const auto n = static_cast<double>(searches_.fetch_add(1, std::memory_order_relaxed));
  return std::floor((n + 1) * share_ + phase_) > std::floor(n * share_ + phase_);
}

bool Monitor::Draws(const Meter& meter, const index::SearchParams& params) {
  // Of many hits the index looks harder than its effort says.
  return !params.exact && !params.allowed.has_value() && params.ef_search == meter.effort() &&
         Draw();
}

void Monitor::Consider(const std::shared_ptr<Meter>& meter, std::span<const float> query,
                       const index::SearchParams& params, std::span<const index::Candidate> found,
                       const std::shared_ptr<const index::View>& view,
                       std::shared_ptr<const void> keeps) {
  if (!Draws(*meter, params)) return;
  index::SearchParams exact = params;
  exact.exact = true;
  if (view->Plan(params) == view->Plan(exact)) return;
  exact.k = std::min(kHits, params.k);
  Probe probe;
  probe.meter = meter;
  probe.effort = params.ef_search;
  probe.rows = static_cast<std::uint64_t>(view->live_rows());
  for (const index::Candidate& candidate : found) {
    if (static_cast<std::int64_t>(probe.found.size()) == exact.k) break;
    probe.found.push_back(candidate.id);
  }
  probe.exact = [view, exact, kept = std::move(keeps),
                 asked = std::vector<float>(query.begin(), query.end())] {
    return view->Search(asked, exact);
  };
  Offer(std::move(probe));
}

void Monitor::Offer(Probe probe) {
  std::lock_guard lock(mutex_);
  if (probes_.size() >= kRing) return;
  probes_.push_back(std::move(probe));
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      try {
        Run(stop);
      } catch (const std::bad_alloc&) {  // measuring is left until the next opening
      }
    });
  }
  changed_.notify_all();
}

// False when it was stopped.
bool Monitor::WaitForQuiet(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto quiet = [this] {
    return active_ == 0 &&
           env_->MonotonicNs() - active_until_ns_ >= kQuietMs * std::int64_t{1'000'000};
  };
  while (!quiet()) {
    changed_.wait_for(lock, stop, std::chrono::milliseconds(kQuietMs), [] { return false; });
    if (stop.stop_requested()) return false;
  }
  return true;
}

void Monitor::Run(const std::stop_token& stop) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !probes_.empty(); })) return;
    }
    if (!WaitForQuiet(stop)) return;
    Probe probe;
    {
      std::lock_guard lock(mutex_);
      probe = std::move(probes_.front());
      probes_.pop_front();
      measuring_ = true;
    }
    Measure(probe);
    probe = {};  // lets go of the view
    std::lock_guard lock(mutex_);
    measuring_ = false;
    changed_.notify_all();
  }
}

void Monitor::Measure(const Probe& probe) {
  const auto exact = probe.exact();
  if (!exact.ok()) {
    Log(LogLevel::kWarning, "measuring recall: " + exact.status().message());
    return;
  }
  std::uint64_t found = 0;
  for (const index::Candidate& candidate : *exact) {
    found += std::find(probe.found.begin(), probe.found.end(), candidate.id) != probe.found.end();
  }
  probe.meter->Record(probe.effort, found, exact->size(), target(), probe.rows);
  probe.meter->Save(/*even_now=*/false);
  meters_.insert(probe.meter);
}

void Monitor::Settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return probes_.empty() && !measuring_; });
}

}  // namespace espy::recall
