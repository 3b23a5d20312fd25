#include "engine/clicks/ranker.h"

#include <cmath>
#include <string>

#include "base/logging.h"
#include "base/status_macros.h"
#include "ranking/shortlist_features.h"

namespace espy::clicks {

Result<ranking::LearnedPolicy> ReadPolicy(storage::Store* store, std::uint64_t version) {
  ESPY_ASSIGN_OR_RETURN(const std::string bytes, store->GetPolicy(version));
  Result<ranking::LearnedPolicy> policy = ranking::ParsePolicy(bytes, ranking::ShortlistSchema());
  if (policy.ok()) return policy;
  return Status(policy.status().code(), store->directory() + ": policy " + std::to_string(version) +
                                            ": " + policy.status().message());
}

std::shared_ptr<const Loaded> Ranker::InUse() {
  const Result<std::uint64_t> version = store_->GetSetting(storage::kPolicySetting);
  if (!version.ok() || *version == 0) return nullptr;
  std::lock_guard lock(mutex_);
  if (loaded_ && loaded_->version == *version) return loaded_;
  if (refused_ == *version) return nullptr;
  Result<ranking::LearnedPolicy> policy = ReadPolicy(store_, *version);
  if (!policy.ok()) {
    refused_ = *version;
    Log(LogLevel::kWarning, policy.status().message() + "; similarity ranks");
    return nullptr;
  }
  loaded_ = std::make_shared<const Loaded>(Loaded{*version, *std::move(policy)});
  return loaded_;
}

namespace {
constexpr std::string_view kOff = "click_log_off";
constexpr std::string_view kSlots = "explore_slots";
constexpr std::string_view kWithin = "explore_within";
constexpr std::string_view kGuard = "guard_millionths";
constexpr std::uint64_t kMillion = 1'000'000;
}  // namespace

Result<ClickSettings> ReadSettings(storage::Store* store) {
  ClickSettings settings;
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t off, store->GetSetting(kOff));
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t slots, store->GetSetting(kSlots));
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t within, store->GetSetting(kWithin));
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t guard, store->GetSetting(kGuard));
  settings.log = off == 0;
  settings.explore_slots = static_cast<std::int64_t>(slots);
  settings.explore_within = static_cast<std::int64_t>(within);
  // 0 stands for what was never set, so that the share is kept plus one.
  if (guard > 0) settings.guard_share = static_cast<double>(guard - 1) / kMillion;
  return settings;
}

Status WriteSettings(storage::Store* store, const ClickSettings& settings) {
  if (settings.explore_slots < 0 || settings.explore_slots > 100 || settings.explore_within < 0 ||
      settings.explore_within > kReordered) {
    return Status::InvalidArgument(
        "exploration: at most 100 slots of a page, from among the first 100 at most");
  }
  if (settings.explore_slots > 0 && settings.explore_within < 2) {
    return Status::InvalidArgument(
        "exploration: say among how many of the first a slot may choose; 2 to 100");
  }
  if (!(settings.guard_share >= 0 && settings.guard_share <= 1)) {
    return Status::InvalidArgument("guard: a share is from 0 to 1");
  }
  ESPY_RETURN_IF_ERROR(store->PutSetting(kOff, settings.log ? 0 : 1));
  ESPY_RETURN_IF_ERROR(
      store->PutSetting(kSlots, static_cast<std::uint64_t>(settings.explore_slots)));
  ESPY_RETURN_IF_ERROR(
      store->PutSetting(kWithin, static_cast<std::uint64_t>(settings.explore_within)));
  return store->PutSetting(
      kGuard, 1 + static_cast<std::uint64_t>(std::llround(settings.guard_share * kMillion)));
}

}  // namespace espy::clicks
