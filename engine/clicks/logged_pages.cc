#include "engine/clicks/logged_pages.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/status_macros.h"
#include "ranking/reward.h"

namespace espy::clicks {
namespace {

constexpr std::ptrdiff_t kMostPages = 50'000;
constexpr double kClientShare = 0.1;  // of the pages' weight that one client may have

void CapClients(std::vector<LoggedPage>* pages) {
  std::map<std::string, double> pages_of;
  std::map<std::string, std::uint32_t> groups;
  for (const LoggedPage& logged : *pages) pages_of[logged.page.client] += 1;
  const double most = kClientShare * static_cast<double>(pages->size());
  double heaviest = 0;
  for (LoggedPage& logged : *pages) {
    logged.weight = std::min(1.0, most / pages_of[logged.page.client]);
    heaviest = std::max(heaviest, logged.weight);
    logged.group = groups.emplace(logged.page.client, groups.size()).first->second;
  }
  for (LoggedPage& logged : *pages) logged.weight /= heaviest;
}

}  // namespace

Result<LoggedPages> ReadLoggedPages(storage::Store* store, storage::SpaceNumber space) {
  std::map<storage::QueryId, std::map<ItemId, storage::FeedbackRow>> given;
  ESPY_RETURN_IF_ERROR(store->ScanFeedback(0, [&](const storage::FeedbackRow& row) {
    given[row.query][row.item] = row;
    return true;
  }));
  LoggedPages read;
  ESPY_RETURN_IF_ERROR(store->ScanPages(0, [&](const storage::PageRow& page) {
    if (page.space != space || page.shown.empty()) return true;
    LoggedPage& logged = read.pages.emplace_back();
    const auto deeds = given.find(page.query);
    for (const std::uint16_t candidate : page.shown) {
      double reward = 0;
      if (deeds != given.end()) {
        const auto deed = deeds->second.find(page.candidates[candidate].item);
        if (deed != deeds->second.end()) {
          reward = ranking::Reward({deed->second.clicked, deed->second.dwell_s, deed->second.kept,
                                    deed->second.rejected});
        }
      }
      logged.rewards.push_back(reward);
    }
    logged.page = page;
    return true;
  }));
  if (std::ssize(read.pages) > kMostPages) {
    read.pages.erase(read.pages.begin(), read.pages.end() - kMostPages);
    read.oldest = read.pages.front().page.query;
  }
  CapClients(&read.pages);
  return read;
}

}  // namespace espy::clicks
