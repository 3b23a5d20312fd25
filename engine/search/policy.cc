// The first hits in the order of the policy that was learned, a few of them perhaps by chance; and
// what was shown, for the log.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/half.h"
#include "base/logging.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "engine/clicks/shortlist.h"
#include "engine/search/stages.h"
#include "ranking/bounded_exploration.h"
#include "ranking/order.h"
#include "ranking/shortlist_features.h"
#include "ranking/team_draft.h"

namespace espy::search {
namespace {

// The part of the page that a policy may order: its candidates, best first by similarity.
struct Drawn {
  std::vector<std::uint32_t> order;  // of all candidates: those shown first, then the rest
  std::vector<float> scores;         // by candidate; empty without a policy
  std::vector<double> propensities;  // by slot
  std::string teams;                 // by slot, of an interleaved page
};

void AppendRest(const std::vector<std::uint32_t>& order, std::vector<std::uint32_t>* shown) {
  std::vector<bool> placed(order.size());
  for (const std::uint32_t candidate : *shown) placed[candidate] = true;
  for (const std::uint32_t candidate : order) {
    if (!placed[candidate]) shown->push_back(candidate);
  }
}

// `slots` of the candidates are shown. Chance has a part only in pages that are logged.
Result<Drawn> Draw(Library::Impl* library, const Asked& asked, const Reordering& plan,
                   const ReadState& state, std::span<const Ranked> candidates, std::size_t slots,
                   std::uint64_t seed) {
  Drawn drawn;
  std::vector<std::uint32_t> similar(candidates.size());
  std::iota(similar.begin(), similar.end(), 0u);
  std::vector<std::uint32_t> order = similar;
  if (plan.policy) {
    std::vector<storage::PageCandidate> page;
    for (const Ranked& row : candidates) {
      page.push_back({row.id, row.parts.dense, row.parts.text, row.parts.match});
    }
    ESPY_ASSIGN_OR_RETURN(
        const clicks::HeldShortlist shortlist,
        clicks::MakeShortlist(library, state.space ? state.space->row.number : 0, asked.vector,
                              page, library->env->NowUnixNs() / 1'000'000'000,
                              state.snapshot.get()));
    const ranking::LearnedPolicy& policy = plan.policy->policy;
    const std::vector<float> features =
        ranking::ShortlistFeatures(shortlist.view(), policy.history);
    drawn.scores.resize(candidates.size());
    policy.Linear()->Score({features, policy.schema.columns.size()}, drawn.scores);
    order = ranking::OrderByScore(drawn.scores);
  }
  Random random(seed);
  if (plan.log && plan.policy && random.Uniform() < plan.settings.guard_share) {
    ranking::DraftedPage page = ranking::DrawTeams(order, similar, slots, &random);
    drawn.order = std::move(page.shown);
    drawn.propensities = std::move(page.propensities);
    drawn.teams = std::move(page.teams);
  } else {
    ranking::Exploration exploration;
    if (plan.log) {
      exploration.slots = static_cast<std::size_t>(plan.settings.explore_slots);
      exploration.within = static_cast<std::size_t>(plan.settings.explore_within);
    }
    ranking::DrawnPage page = ranking::DrawExploring(order, slots, exploration, &random);
    drawn.order = std::move(page.shown);
    drawn.propensities = std::move(page.propensities);
  }
  AppendRest(order, &drawn.order);
  return drawn;
}

std::string PhraseOf(const Query& query, const SearchOptions& options) {
  std::string phrase = options.text;
  for (const QueryTerm& term : query.terms) {
    if (term.kind == QueryTerm::Kind::kText) phrase += (phrase.empty() ? "" : " ") + term.text;
  }
  phrase.resize(std::min(phrase.size(), storage::PageRow::kMostTextBytes));
  return phrase;
}

}  // namespace

Reordering PlanReordering(Library::Impl* library, const SearchOptions& options,
                          const ReadState& state) {
  Reordering plan;
  if (options.all || !options.after.empty() || options.diversity > 0) return plan;
  // What was asked for by name stands before what was learned.
  if (!options.by_similarity && options.rerank == Rerank::kOff) {
    plan.policy = library->ranker->InUse();
  }
  // Vectors of another space mean other things.
  if (plan.policy && state.space && plan.policy->policy.facts.space != state.space->row.space_id) {
    plan.policy = nullptr;
  }
  if (options.log && options.offset == 0 && options.k <= clicks::kReordered) {
    const Result<ClickSettings> settings = clicks::ReadSettings(library->store.get());
    plan.log = settings.ok() && settings->log;
    if (settings.ok()) plan.settings = *settings;
  }
  return plan;
}

SearchOptions ForReordering(const Reordering& plan, const SearchOptions& options) {
  SearchOptions paging = options;
  if (!plan.policy && !plan.log) return paging;
  const std::int64_t least = plan.policy ? clicks::kReordered : clicks::kLoggedCandidates;
  paging.k = std::max(options.offset + options.k, least);
  paging.offset = 0;
  return paging;
}

Status ReorderAndLog(Library::Impl* library, const Query& query, const Asked& asked,
                     const SearchOptions& options, const Reordering& plan, const ReadState& state,
                     Candidates* page, SearchResult* result) {
  if (!plan.policy && !plan.log) return Status::Ok();
  std::vector<Ranked>& rows = page->rows;
  // Always the same candidates, whichever page is asked for: features compare them with each other.
  const auto n = std::min(
      rows.size(),
      static_cast<std::size_t>(plan.policy ? clicks::kReordered
                                           : std::max(clicks::kLoggedCandidates, options.k)));
  const std::size_t slots = std::min(n, static_cast<std::size_t>(options.offset + options.k));
  const std::span<const Ranked> candidates = std::span(rows).first(n);
  ESPY_ASSIGN_OR_RETURN(const storage::QueryId query_id, ParseItemId(result->query_id));
  ESPY_ASSIGN_OR_RETURN(const Drawn drawn,
                        Draw(library, asked, plan, state, candidates, slots, query_id));
  if (plan.log) {
    storage::PageRow log;
    log.query = query_id;
    log.time_ms = library->env->NowUnixNs() / 1'000'000;
    log.space = state.space ? state.space->row.number : 0;
    log.phrase = PhraseOf(query, options);
    log.client = options.client.substr(0, storage::PageRow::kMostTextBytes);
    log.session = options.session.substr(0, storage::PageRow::kMostTextBytes);
    log.policy = plan.policy ? plan.policy->version : 0;
    log.seed = query_id;
    log.vector.resize(asked.vector.size());
    FloatToHalf(asked.vector.data(), asked.vector.size(), log.vector.data());
    for (const Ranked& row : candidates) {
      log.candidates.push_back({row.id, row.parts.dense, row.parts.text, row.parts.match});
    }
    for (std::size_t slot = 0; slot < slots; ++slot) {
      log.shown.push_back(static_cast<std::uint16_t>(drawn.order[slot]));
    }
    log.propensities = drawn.propensities;
    log.teams = drawn.teams;
    library->page_log->Add(std::move(log));
    result->logged = true;
  }
  std::vector<Ranked> ordered;
  for (const std::uint32_t candidate : drawn.order) {
    ordered.push_back(rows[candidate]);
    if (!drawn.scores.empty()) ordered.back().parts.policy = drawn.scores[candidate];
  }
  std::copy(ordered.begin(), ordered.end(), rows.begin());
  // With --rerank the page was cut to what was asked for before it came here.
  const std::int64_t before = options.rerank != Rerank::kOff ? 0 : options.offset;
  rows.erase(rows.begin(), rows.begin() + std::min<std::ptrdiff_t>(before, std::ssize(rows)));
  if (std::ssize(rows) > options.k) rows.resize(static_cast<std::size_t>(options.k));
  page->by_score = !plan.policy && std::is_sorted(drawn.order.begin(), drawn.order.end());
  if (plan.policy) {
    result->policy = plan.policy->version;
    page->plan += "; ordered by policy " + std::to_string(plan.policy->version);
    if (!drawn.teams.empty()) page->plan += ", interleaved with similarity";
  }
  return Status::Ok();
}

}  // namespace espy::search
