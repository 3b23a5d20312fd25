// The items nearest to the query vector, of those that are allowed.
#include <algorithm>

#include "base/status_macros.h"
#include "engine/search/stages.h"

namespace espy::search {

Result<Candidates> FindCandidates(Library::Impl* library, const Asked& asked,
                                  const Allowed& allowed, std::int64_t n, bool exact,
                                  const SearchOptions& options, const ReadState& state) {
  std::vector<ItemId> left_out = asked.examples;
  if (options.exclude_query_items) {
    left_out.insert(left_out.end(), asked.items.begin(), asked.items.end());
  }
  index::SearchParams params;
  params.exact = exact;
  params.k = n + static_cast<std::int64_t>(left_out.size());
  Candidates found;
  found.searched = state.view->live_rows();
  if (allowed) {
    params.allowed = allowed.get();
    found.searched = allowed->size();
  }
  params.ef_search = static_cast<int>(state.space->recall->EffortFor(params.k));
  found.plan = state.view->Plan(params);
  ESPY_ASSIGN_OR_RETURN(const std::vector<index::Candidate> nearest,
                        state.view->Search(asked.vector, params));
  library->recall->Consider(state.space->recall, asked.vector, params, nearest, state.view,
                            state.space);
  for (const index::Candidate& c : nearest) {
    if (std::find(left_out.begin(), left_out.end(), c.id) != left_out.end()) continue;
    Ranked row;
    row.id = c.id;
    row.score = row.parts.dense = c.score;
    found.rows.push_back(row);
  }
  if (std::ssize(found.rows) > n) found.rows.resize(static_cast<std::size_t>(n));
  return found;
}

}  // namespace espy::search
