// Ranked rows -> hits with their records.
#include <algorithm>
#include <iterator>
#include <random>

#include "base/status_macros.h"
#include "engine/search/stages.h"

namespace espy {
namespace search {

Result<std::vector<Hit>> ReadHits(Library::Impl* library, const std::vector<Ranked>& rows,
                                  bool calibrated, const ReadState& state) {
  std::vector<ItemId> ids;
  ids.reserve(rows.size());
  for (const Ranked& row : rows) ids.push_back(row.id);
  ESPY_ASSIGN_OR_RETURN(std::vector<Record> records,
                        library->store->GetItems(ids, state.snapshot.get()));
  std::vector<Hit> hits(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Hit& hit = hits[i];
    hit.rank = static_cast<std::int64_t>(i) + 1;
    hit.id = rows[i].id;
    hit.score = rows[i].score;
    hit.parts = rows[i].parts;
    hit.stands_for = rows[i].stands_for;
    if (calibrated) hit.probability = state.space->Probability(rows[i].parts.dense);
    hit.record = std::move(records[i]);
  }
  return hits;
}

}  // namespace search

std::vector<ItemId> Library::Impl::SampleItems(const ReadState& state) {
  constexpr std::size_t kSample = 1024;
  const std::int64_t live = state.view->live_rows();
  std::lock_guard lock(sample_mutex_);
  // A sample stays good while few items come and go: those that went are not found any more.
  if (sample_.empty() || live > sample_of_ + sample_of_ / 8 || live < sample_of_ - sample_of_ / 8) {
    const std::vector<ItemId> ids = state.view->LiveIds();
    std::mt19937_64 random(live);  // the same library, the same sample
    sample_.clear();
    std::sample(ids.begin(), ids.end(), std::back_inserter(sample_), kSample, random);
    sample_of_ = live;
  }
  return sample_;
}

}  // namespace espy
