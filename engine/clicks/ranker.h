// The policy that ranks, loaded once, and what it makes of a page.
#ifndef ESPY_ENGINE_CLICKS_RANKER_H_
#define ESPY_ENGINE_CLICKS_RANKER_H_

#include <cstdint>
#include <memory>
#include <mutex>

#include "espy/feedback.h"
#include "espy/status.h"
#include "ranking/policy_file.h"
#include "storage/store.h"

namespace espy::clicks {

// Candidates that a policy orders anew, and that a page without one is logged with.
inline constexpr std::int64_t kReordered = 100;
inline constexpr std::int64_t kLoggedCandidates = 50;

struct Loaded {
  std::uint64_t version = 0;
  ranking::LearnedPolicy policy;
};

// Any thread.
class Ranker {
 public:
  explicit Ranker(storage::Store* store) : store_(store) {}

  // What ranks now; null: similarity. A policy that cannot be read is told to the log hook, and
  // similarity ranks.
  std::shared_ptr<const Loaded> InUse();

 private:
  storage::Store* const store_;
  std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;  // guarded by mutex_
  std::uint64_t refused_ = 0;             // guarded by mutex_: a version that could not be read
};

Result<ranking::LearnedPolicy> ReadPolicy(storage::Store* store, std::uint64_t version);

Result<ClickSettings> ReadSettings(storage::Store* store);
Status WriteSettings(storage::Store* store, const ClickSettings& settings);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_RANKER_H_
