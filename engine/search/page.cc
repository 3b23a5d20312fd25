// Candidates -> the page that was asked for: cut, grouped, made diverse, from a place on.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "engine/search/cutoff.h"
#include "engine/search/diversity.h"
#include "engine/search/stages.h"

namespace espy::search {
namespace {

constexpr std::int64_t kMostRows = 2'000'000;  // that a page looks through
constexpr std::int64_t kPool = 5;              // candidates for each diverse hit
constexpr std::int64_t kLeastPool = 50;
// Of what --min-score auto shows, so much may be there by chance.
constexpr double kChanceShare = 0.3;
// An automatic cut is looked for among so many best.
constexpr std::int64_t kMostRanked = 64'000;

bool Behind(const Ranked& row, const Cursor& place) {
  return row.score != place.score ? row.score < place.score : row.id > place.id;
}

Result<std::vector<Ranked>> Diverse(Library::Impl* library, const std::vector<Ranked>& rows,
                                    std::int64_t n, float d, const ReadState& state) {
  std::vector<float> relevance, vectors;
  std::size_t dimension = 0;
  for (const Ranked& row : rows) {
    relevance.push_back(row.score);
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> vector, library->ItemVector(row.id, state));
    vectors.insert(vectors.end(), vector.begin(), vector.end());
    dimension = vector.size();
  }
  std::vector<Ranked> chosen;
  for (const std::size_t i :
       DiverseOrder(relevance, vectors, dimension, static_cast<std::size_t>(n), d)) {
    chosen.push_back(rows[i]);
  }
  return chosen;
}

}  // namespace

Result<Candidates> FindPage(Library::Impl* library, const Asked& asked, const Allowed& allowed,
                            const SearchOptions& options, const std::optional<float>& cut,
                            const std::optional<Cursor>& after, const ReadState& state) {
  const std::int64_t live = state.view->live_rows();
  const std::int64_t before = after ? after->rank : options.offset;
  const bool diverse = options.diversity > 0;
  std::int64_t rows_wanted = options.all ? live : before + options.k;
  std::int64_t rows_asked = rows_wanted;
  if (diverse) rows_asked = std::max(kLeastPool, kPool * rows_wanted);
  if (options.group_near && !options.all) rows_asked = 4 * rows_asked + 64;
  for (;;) {
    rows_asked = std::min(rows_asked, std::max<std::int64_t>(live, 1));
    ESPY_ASSIGN_OR_RETURN(Candidates found,
                          FindCandidates(library, asked, allowed, rows_asked,
                                         options.exact || options.all, options, state));
    const bool more = static_cast<std::int64_t>(found.rows.size()) >= rows_asked &&
                      rows_asked < std::min(live, kMostRows);
    bool cut_reached = false;
    if (cut) {
      const std::size_t all = found.rows.size();
      std::erase_if(found.rows, [&](const Ranked& row) { return row.parts.dense < *cut; });
      cut_reached = found.rows.size() < all;
    }
    if (options.group_near) {
      ESPY_ASSIGN_OR_RETURN(found.rows, GroupNear(library, std::move(found.rows), state));
    }
    std::vector<Ranked>& rows = found.rows;
    if (after) {
      std::erase_if(rows, [&](const Ranked& row) { return !Behind(row, *after); });
    } else if (!diverse) {
      rows.erase(rows.begin(),
                 rows.begin() + std::min<std::ptrdiff_t>(options.offset, std::ssize(rows)));
    }
    const std::int64_t enough = options.all ? live : diverse ? rows_wanted : options.k;
    if (std::ssize(rows) < enough && more && !cut_reached) {
      rows_asked *= 2;  // groups, or what stands before the place, took the rest
      continue;
    }
    if (diverse) {
      ESPY_ASSIGN_OR_RETURN(
          rows, Diverse(library, rows, options.offset + options.k, options.diversity, state));
      rows.erase(rows.begin(),
                 rows.begin() + std::min<std::ptrdiff_t>(options.offset, std::ssize(rows)));
    }
    if (!options.all && std::ssize(rows) > options.k) {
      rows.resize(static_cast<std::size_t>(options.k));
    }
    return found;
  }
}

namespace {

// The question's scores of items drawn at random.
Result<std::vector<float>> BackgroundScores(Library::Impl* library, const Asked& asked,
                                            const ReadState& state) {
  const std::vector<ItemId> sample = library->SampleItems(state);
  index::SearchParams params;
  params.k = static_cast<std::int64_t>(sample.size());
  params.exact = true;
  params.allowed = sample;
  ESPY_ASSIGN_OR_RETURN(const std::vector<index::Candidate> scored,
                        state.view->Search(asked.vector, params));
  std::vector<float> scores;
  for (const index::Candidate& c : scored) scores.push_back(c.score);
  return scores;
}

// Of a ranking, best first; the model's probability of each when it is calibrated for the question.
std::optional<float> CutOf(const std::vector<float>& ranking,
                           const std::vector<float>& probabilities,
                           const std::vector<float>& background, std::int64_t live) {
  if (ranking.empty()) return std::nullopt;
  if (probabilities.empty()) return StandOutScore(background, ranking, live, kChanceShare);
  const std::size_t kept = BestExpectedF1(probabilities);
  return kept > 0 ? ranking[kept - 1]
                  : std::nextafter(ranking[0], std::numeric_limits<float>::infinity());
}

}  // namespace

namespace {

// Where the policy that ranks says that this kind of question ends; null where it does not.
std::shared_ptr<const clicks::Loaded> PolicyOfStop(Library::Impl* library, const Asked& asked,
                                                   const SearchOptions& options,
                                                   const ReadState& state,
                                                   const ranking::StopModel** model) {
  std::shared_ptr<const clicks::Loaded> policy;
  if (!options.by_similarity) policy = library->ranker->InUse();
  // Cosines of another space mean something else.
  if (!policy || policy->policy.facts.space != state.space->row.space_id) return nullptr;
  for (const ranking::PolicyStop& stop : policy->policy.stops) {
    if (stop.phrases != asked.in_words) continue;
    *model = &stop.model;
    return policy;
  }
  return nullptr;
}

}  // namespace

Result<std::optional<float>> CutScore(Library::Impl* library, const Asked& asked,
                                      const SearchOptions& options, const ReadState& state) {
  if (options.has_min_score) return std::optional<float>(options.min_score);
  if (!options.auto_min_score) return std::optional<float>();
  const ranking::StopModel* stop = nullptr;
  if (const auto policy = PolicyOfStop(library, asked, options, state, &stop)) {
    ESPY_ASSIGN_OR_RETURN(
        const Candidates best,
        FindCandidates(library, asked, Allowed(), 1, options.exact || options.all, options, state));
    if (best.rows.empty()) return std::optional<float>();
    return std::optional<float>(
        static_cast<float>(stop->LeastCosine(static_cast<double>(best.rows[0].parts.dense))));
  }
  const bool calibrated = asked.one_phrase && state.space->Probability(0) >= 0;
  std::vector<float> background;
  if (!calibrated) {
    ESPY_ASSIGN_OR_RETURN(background, BackgroundScores(library, asked, state));
  }
  // The cut is the question's, whatever the filter leaves: the whole library is ranked for it, as
  // far as hits may go.
  const std::int64_t live = state.view->live_rows();
  for (std::int64_t n = 1000;; n *= 4) {
    ESPY_ASSIGN_OR_RETURN(const Candidates best,
                          FindCandidates(library, asked, Allowed(), std::min(n, live),
                                         options.exact || options.all, options, state));
    std::vector<float> ranking, probabilities;
    for (const Ranked& row : best.rows) {
      ranking.push_back(row.parts.dense);
      if (calibrated) probabilities.push_back(state.space->Probability(row.parts.dense));
    }
    const std::optional<float> cut = CutOf(ranking, probabilities, background, live);
    const bool far_enough = calibrated
                                ? !probabilities.empty() && probabilities.back() < kLeastCounted
                                : cut && ranking.back() < *cut;
    if (!cut || far_enough || n >= std::min(live, kMostRanked)) return cut;
  }
}

}  // namespace espy::search
