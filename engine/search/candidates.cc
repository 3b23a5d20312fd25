// The items nearest to the query vector, of those that are allowed.
#include <algorithm>

#include "base/status_macros.h"
#include "engine/search/stages.h"

namespace espy::search {

Result<Candidates> FindCandidates(const Asked& asked, const Allowed& allowed,
                                  const SearchOptions& options, const ReadState& state) {
  index::SearchParams params;
  params.exact = options.exact;
  params.k = options.k;
  if (options.exclude_query_items) params.k += static_cast<std::int64_t>(asked.items.size());
  Candidates found;
  found.searched = state.view->live_rows();
  if (allowed) {
    params.allowed = allowed.get();
    found.searched = allowed->size();
  }
  params.ef_search = static_cast<int>(std::clamp<std::int64_t>(2 * params.k, 128, 100'000));
  found.plan = state.view->Plan(params);
  ESPY_ASSIGN_OR_RETURN(const std::vector<index::Candidate> nearest,
                        state.view->Search(asked.vector, params));
  for (const index::Candidate& c : nearest) {
    if (options.has_min_score && c.score < options.min_score) continue;
    if (options.exclude_query_items &&
        std::find(asked.items.begin(), asked.items.end(), c.id) != asked.items.end()) {
      continue;
    }
    Ranked row;
    row.id = c.id;
    row.score = row.parts.dense = c.score;
    found.rows.push_back(row);
  }
  return found;
}

}  // namespace espy::search
