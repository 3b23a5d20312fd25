#include "engine/search/words.h"

#include <algorithm>
#include <unordered_map>

#include "base/status_macros.h"
#include "engine/search/fuse.h"

namespace espy::search {
namespace {

// Of each ranking, so many rows are fused at the least: what is further down moves nothing on a
// first page.
constexpr std::int64_t kLeastDepth = 200;

// What is looked for: the words asked for, or the phrases of the query that it wants more of.
std::string WordsOf(const Query& query, const SearchOptions& options) {
  if (!options.text.empty()) return options.text;
  std::string words;
  for (const QueryTerm& term : query.terms) {
    if (term.kind != QueryTerm::Kind::kText || term.weight <= 0) continue;
    words += (words.empty() ? "" : " ") + term.text;
  }
  return words;
}

bool Holds(const std::vector<ItemId>& ids, ItemId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool IsLeftOut(ItemId id, const Asked& asked, const SearchOptions& options) {
  return (options.exclude_query_items && Holds(asked.items, id)) || Holds(asked.examples, id);
}

Result<text::TextMatches> LookUp(Library::Impl* library, const std::string& typed,
                                 const Asked& asked, const Allowed& allowed, std::int64_t depth,
                                 const SearchOptions& options, const text::TextView& view) {
  ESPY_ASSIGN_OR_RETURN(const text::TextQuery query, text::ParseTextQuery(typed));
  text::TextSearchParams params;
  params.k = static_cast<std::size_t>(depth);
  if (allowed || options.exclude_query_items || !asked.examples.empty()) {
    params.allowed = [&](ItemId id) {
      return (!allowed || allowed->Contains(id)) && !IsLeftOut(id, asked, options);
    };
  }
  auto matches = view.Search(query, params);
  if (matches.status().code() == StatusCode::kCorruption) {
    library->words->Distrust();
    return Status::Unavailable(library->path +
                               ": the text index is damaged and is being made again; ask again");
  }
  return matches;
}

float Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Candidates ByWordsAlone(const text::TextMatches& matches, const SearchOptions& options) {
  Candidates found;
  for (std::size_t i = 0; i < matches.best.size(); ++i) {
    Ranked row;
    row.id = matches.best[i].id;
    row.score = row.parts.text = matches.best[i].score;
    row.parts.text_rank = static_cast<std::int64_t>(i) + 1;
    if (options.has_min_score && row.score < options.min_score) break;
    found.rows.push_back(row);
  }
  return found;
}

// Both rankings, each item once, with its cosine whichever of them found it.
Result<std::vector<Fused>> Join(Library::Impl* library, const text::TextMatches& matches,
                                const std::vector<index::Candidate>& nearest, const Asked& asked,
                                const SearchOptions& options, const ReadState& state) {
  std::vector<Fused> rows;
  std::unordered_map<ItemId, std::size_t> place;
  for (const index::Candidate& candidate : nearest) {
    if (IsLeftOut(candidate.id, asked, options)) continue;
    Fused row;
    row.id = candidate.id;
    row.parts.dense = candidate.score;
    row.parts.dense_rank = static_cast<std::int64_t>(rows.size()) + 1;
    place.emplace(row.id, rows.size());
    rows.push_back(row);
  }
  for (std::size_t i = 0; i < matches.best.size(); ++i) {
    const auto [known, fresh] = place.emplace(matches.best[i].id, rows.size());
    if (fresh) {
      Fused row;
      row.id = matches.best[i].id;
      const auto vector = library->ItemVector(row.id, state);
      if (vector.ok()) {
        row.parts.dense = Cosine(asked.vector, *vector);
      } else if (vector.status().code() != StatusCode::kNotFound) {  // one without has no cosine
        return vector.status();
      }
      rows.push_back(row);
    }
    rows[known->second].parts.text = matches.best[i].score;
    rows[known->second].parts.text_rank = static_cast<std::int64_t>(i) + 1;
  }
  return rows;
}

Result<Candidates> ByBoth(Library::Impl* library, const text::TextMatches& matches,
                          const Asked& asked, const Allowed& allowed, std::int64_t depth,
                          const SearchOptions& options, const std::optional<float>& cut,
                          const ReadState& state) {
  index::SearchParams params;
  params.exact = options.exact;
  params.k = depth + static_cast<std::int64_t>(asked.items.size() + asked.examples.size());
  if (allowed) params.allowed = allowed.get();
  params.ef_search = static_cast<int>(std::clamp<std::int64_t>(2 * params.k, 128, 100'000));
  Candidates found;
  found.plan = state.view->Plan(params);
  ESPY_ASSIGN_OR_RETURN(const std::vector<index::Candidate> nearest,
                        state.view->Search(asked.vector, params));
  ESPY_ASSIGN_OR_RETURN(std::vector<Fused> rows,
                        Join(library, matches, nearest, asked, options, state));
  if (options.hybrid == Hybrid::kWeights) {
    FuseByWeight(&rows, options.text_weight);
  } else {
    FuseByRank(&rows);
  }
  for (const Fused& fused : rows) {
    // The least score is one of cosines: fused ones mean nothing to a person.
    if (cut && fused.parts.dense < *cut) continue;
    Ranked row;
    row.id = fused.id;
    row.score = fused.score;
    row.parts = fused.parts;
    found.rows.push_back(row);
  }
  return found;
}

}  // namespace

bool AsksForWords(const SearchOptions& options) {
  return !options.text.empty() || options.hybrid != Hybrid::kOff;
}

Status CheckWords(const Query& query, const SearchOptions& options) {
  if (!(options.text_weight >= 0 && options.text_weight <= 1)) {
    return Status::InvalidArgument("--text-weight: is out of range; give 0 to 1");
  }
  if (options.all || !options.after.empty() || options.diversity > 0) {
    return Status::InvalidArgument(
        "--text, --hybrid: not together with --all, --after or --diversity; page with --offset");
  }
  if (options.auto_min_score && !AsksForVectors(query)) {
    return Status::InvalidArgument(
        "--min-score: auto judges vectors; give a number, or QUERY beside --text");
  }
  ESPY_ASSIGN_OR_RETURN(const text::TextQuery parsed,
                        text::ParseTextQuery(WordsOf(query, options)));
  const bool wants_any = std::any_of(
      parsed.clauses.begin(), parsed.clauses.end(),
      [](const text::Clause& clause) { return clause.occur != text::Clause::Occur::kMustNot; });
  if (wants_any || options.text.empty()) return Status::Ok();
  return Status::InvalidArgument(
      "--text: holds nothing to look for; give a word beside those that must not be there");
}

Result<WordState> ReadWordState(Library::Impl* library, const std::string& space,
                                bool with_fields) {
  // The index follows the newest state, so that one which it has passed is followed by a newer one.
  for (;;) {
    WordState words;
    ESPY_ASSIGN_OR_RETURN(words.state, library->SearchState(space));
    if (with_fields && !words.state->fields) {
      ESPY_RETURN_IF_ERROR(library->OpenFields());
      continue;
    }
    ESPY_ASSIGN_OR_RETURN(words.view, library->words->ViewAt(*words.state->snapshot));
    if (words.view) return words;
  }
}

Result<Candidates> FindByWords(Library::Impl* library, const Query& query, const Asked& asked,
                               const Allowed& allowed, const SearchOptions& options,
                               const std::optional<float>& cut, const WordState& words,
                               double* text_ms) {
  const ReadState& state = *words.state;
  const bool fuses = AsksForVectors(query);
  const std::int64_t n = options.offset + options.k;
  std::int64_t depth = fuses ? std::max(kLeastDepth, 2 * n) : n;
  if (options.group_near) depth = 4 * depth + 64;
  const std::int64_t start = library->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(
      const text::TextMatches matches,
      LookUp(library, WordsOf(query, options), asked, allowed, depth, options, *words.view));
  *text_ms = static_cast<double>(library->env->MonotonicNs() - start) * 1e-6;

  Candidates found;
  const std::string said = "words " + matches.words + ": " + std::to_string(matches.found) +
                           " of " + std::to_string(words.view->documents()) + " items";
  if (fuses) {
    ESPY_ASSIGN_OR_RETURN(found,
                          ByBoth(library, matches, asked, allowed, depth, options, cut, state));
    found.plan +=
        "; " + said + "; fused by " + (options.hybrid == Hybrid::kWeights ? "weights" : "rank");
    found.searched = state.view->live_rows();
  } else {
    found = ByWordsAlone(matches, options);
    found.plan = said;
    found.searched = static_cast<std::int64_t>(words.view->documents());
  }
  if (allowed) found.searched = allowed->size();
  if (options.group_near) {
    ESPY_ASSIGN_OR_RETURN(found.rows, GroupNear(library, std::move(found.rows), state));
  }
  auto& rows = found.rows;
  rows.erase(rows.begin(),
             rows.begin() + std::min<std::ptrdiff_t>(options.offset, std::ssize(rows)));
  if (std::ssize(rows) > options.k) rows.resize(static_cast<std::size_t>(options.k));
  return found;
}

}  // namespace espy::search
