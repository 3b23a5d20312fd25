// feedback: what people did with what a search showed.
#include <algorithm>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "ranking/reward.h"
#include "ranking/team_draft.h"

namespace espy {
namespace {

constexpr int kMostAMinute = 300;  // of a named client
constexpr double kLongestDwellS = 86'400;
constexpr std::uint64_t kLeastDuels = 20;
constexpr double kSurelyLost = 0.01;

Status CheckFeedback(const Feedback& feedback) {
  if (!(feedback.dwell_s >= 0 && feedback.dwell_s <= kLongestDwellS)) {
    return Status::InvalidArgument("feedback: a dwell is a number of seconds, 0 to 86,400");
  }
  if (feedback.client.size() > storage::PageRow::kMostTextBytes) {
    return Status::InvalidArgument("feedback: a client's name is at most 4 KiB");
  }
  return Status::Ok();
}

// What is known already, joined with what is given.
storage::FeedbackRow Joined(storage::FeedbackRow row, const Feedback& given) {
  if (given.rejected) {
    row.rejected = true;
  } else {
    row.clicked = row.clicked || given.clicked || given.kept || given.dwell_s > 0;
    row.kept = row.kept || given.kept;
    row.dwell_s = std::max(row.dwell_s, static_cast<float>(given.dwell_s));
  }
  return row;
}

}  // namespace

storage::QueryId Library::Impl::NewQueryId() {
  const auto ms =
      static_cast<std::uint64_t>(std::max<std::int64_t>(env->NowUnixNs(), 0)) / 1'000'000;
  const std::uint64_t random =
      env->RandomSeed() & ((std::uint64_t{1} << storage::kQueryIdRandomBits) - 1);
  return ms << storage::kQueryIdRandomBits | random;
}

Status Library::GiveFeedback(std::span<const Feedback> feedback) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(impl_->page_log->Flush());
  storage::Store& store = *impl_->store;
  std::lock_guard one(impl_->feedback_mutex_);  // read, join, write
  std::map<std::pair<storage::QueryId, ItemId>, storage::FeedbackRow> rows;
  std::map<std::string, int> given_by;
  bool interleaved = false;
  for (const Feedback& given : feedback) {
    ESPY_RETURN_IF_ERROR(CheckFeedback(given));
    const Result<storage::QueryId> query = ParseItemId(given.query_id);
    if (!query.ok()) {
      return Status::InvalidArgument("feedback: '" + given.query_id.substr(0, 80) +
                                     "' is no query's id; give the query_id of a search");
    }
    const Result<storage::PageRow> page = store.GetPage(*query);
    if (page.status().code() == StatusCode::kNotFound) {
      return Status::NotFound("query " + given.query_id +
                              ": was not logged, or its page is gone; only searches that log can "
                              "be told about");
    }
    ESPY_RETURN_IF_ERROR(page.status());
    const bool shown = std::any_of(page->shown.begin(), page->shown.end(), [&](std::uint16_t c) {
      return page->candidates[c].item == given.item;
    });
    if (!shown) {
      return Status::InvalidArgument("query " + given.query_id + ": did not show item " +
                                     FormatItemId(given.item) +
                                     "; feedback is about what was shown");
    }
    interleaved = interleaved || !page->teams.empty();
    const auto key = std::pair(*query, given.item);
    if (!rows.contains(key)) {
      const Result<storage::FeedbackRow> known = store.GetFeedback(*query, given.item);
      if (known.ok()) {
        rows[key] = *known;
      } else if (known.status().code() == StatusCode::kNotFound) {
        rows[key].client = given.client.empty() ? page->client : given.client;
      } else {
        return known.status();
      }
      rows[key].query = *query;
      rows[key].item = given.item;
      rows[key].time_ms = impl_->env->NowUnixNs() / 1'000'000;
    }
    rows[key] = Joined(std::move(rows[key]), given);
    const std::string& client = rows[key].client;
    if (!client.empty()) ++given_by[client];
  }
  const std::int64_t minute = impl_->env->MonotonicNs() / 60'000'000'000;
  std::erase_if(impl_->feedback_rates_,
                [&](const auto& rate) { return rate.second.minute != minute; });
  for (const auto& [client, count] : given_by) {
    const auto known = impl_->feedback_rates_.find(client);
    const int before = known == impl_->feedback_rates_.end() ? 0 : known->second.given;
    if (before + count > kMostAMinute) {
      return Status::ResourceExhausted("feedback: client " + client +
                                       " gave more than 300 within a minute; wait, then give it "
                                       "again");
    }
  }
  Change change;
  for (const auto& [key, row] : rows) change.transaction.PutFeedback(row);
  if (!rows.empty()) ESPY_RETURN_IF_ERROR(impl_->Commit(std::move(change)));
  for (const auto& [client, count] : given_by) {
    Impl::Rate& rate = impl_->feedback_rates_[client];
    rate.minute = minute;
    rate.given += count;
  }
  if (interleaved) {
    // The feedback is kept, whatever comes of this.
    if (const Status guarded = impl_->CheckGuard(); !guarded.ok()) {
      Log(LogLevel::kWarning, impl_->path + ": comparing the policy: " + guarded.message());
    }
  }
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return OutOfMemory("feedback");
}

Status Library::Impl::CheckGuard() {
  const std::shared_ptr<const clicks::Loaded> policy = ranker->InUse();
  if (!policy) return Status::Ok();
  std::map<storage::QueryId, std::map<ItemId, storage::FeedbackRow>> given;
  ESPY_RETURN_IF_ERROR(store->ScanFeedback(0, [&](const storage::FeedbackRow& row) {
    given[row.query][row.item] = row;
    return true;
  }));
  ranking::Duel duel;
  ESPY_RETURN_IF_ERROR(store->ScanPages(0, [&](const storage::PageRow& page) {
    const auto deeds = given.find(page.query);
    if (page.policy != policy->version || page.teams.empty() || deeds == given.end()) return true;
    std::vector<double> rewards;
    for (const std::uint16_t candidate : page.shown) {
      const auto deed = deeds->second.find(page.candidates[candidate].item);
      rewards.push_back(deed == deeds->second.end()
                            ? 0
                            : ranking::Reward({deed->second.clicked, deed->second.dwell_s,
                                               deed->second.kept, deed->second.rejected}));
    }
    duel.Add(page.teams, rewards);
    return true;
  }));
  if (duel.wins + duel.losses < kLeastDuels || duel.ChanceOfSoFewWins() >= kSurelyLost) {
    return Status::Ok();
  }
  Log(LogLevel::kWarning, path + ": policy " + std::to_string(policy->version) + " lost " +
                              std::to_string(duel.losses) + " of " +
                              std::to_string(duel.wins + duel.losses) +
                              " pages against similarity; similarity ranks again");
  Change change;
  change.transaction.UsePolicy(0);
  return Commit(std::move(change));
}

Result<ClickSettings> Library::GetClickSettings() try {
  return clicks::ReadSettings(impl_->store.get());
} catch (const std::bad_alloc&) {
  return OutOfMemory("feedback");
}

Status Library::SetClickSettings(const ClickSettings& settings) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  return clicks::WriteSettings(impl_->store.get(), settings);
} catch (const std::bad_alloc&) {
  return OutOfMemory("feedback");
}

Result<ClickCounts> Library::CountClicks() try {
  ESPY_RETURN_IF_ERROR(impl_->page_log->Flush());
  ClickCounts counts;
  ESPY_RETURN_IF_ERROR(impl_->store->ScanPages(0, [&](const storage::PageRow&) {
    ++counts.pages;
    return true;
  }));
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::PageRow> left, impl_->page_log->Left());
  for (const storage::PageRow& page : left) {
    if (impl_->store->GetPage(page.query).status().code() == StatusCode::kNotFound) ++counts.pages;
  }
  ESPY_RETURN_IF_ERROR(impl_->store->ScanFeedback(0, [&](const storage::FeedbackRow& row) {
    counts.clicked += row.clicked ? 1 : 0;
    counts.kept += row.kept ? 1 : 0;
    counts.rejected += row.rejected ? 1 : 0;
    return true;
  }));
  return counts;
} catch (const std::bad_alloc&) {
  return OutOfMemory("feedback");
}

}  // namespace espy
