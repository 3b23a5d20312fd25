// The pages that were shown, with what was done to each hit: what is learned from.
#ifndef ESPY_ENGINE_CLICKS_LOGGED_PAGES_H_
#define ESPY_ENGINE_CLICKS_LOGGED_PAGES_H_

#include <cstdint>
#include <vector>

#include "espy/status.h"
#include "storage/clicks.h"
#include "storage/store.h"

namespace espy::clicks {

struct LoggedPage {
  storage::PageRow page;
  std::vector<double> rewards;  // by slot
  // No client's pages weigh more than a tenth of what all pages do before that, and the heaviest
  // weighs 1. Of one client alone all weigh the same.
  double weight = 1;
  std::uint32_t group = 0;  // its client, or itself
};

struct LoggedPages {
  std::vector<LoggedPage> pages;  // in order of time
  // Older pages were not looked at: there are too many. 0: all were.
  storage::QueryId oldest = 0;
};

// Those of a space: the newest 50,000.
Result<LoggedPages> ReadLoggedPages(storage::Store* store, storage::SpaceNumber space);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_LOGGED_PAGES_H_
