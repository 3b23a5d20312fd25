// The first hits in the order of a matching model.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/caption/caption_model.h"
#include "engine/rerank/pair_matcher.h"
#include "engine/search/stages.h"

namespace espy {
namespace search {
namespace {

constexpr std::int64_t kMostReranked = 1000;

// What is wanted, in one sentence: phrases that count against a picture cannot be asked for.
std::string PhraseOf(const Query& query) {
  std::string phrase;
  for (const QueryTerm& term : query.terms) {
    if (term.kind != QueryTerm::Kind::kText || term.weight <= 0) continue;
    phrase += (phrase.empty() ? "" : ", ") + term.text;
  }
  return phrase;
}

}  // namespace

Status CheckRerank(const Query& query, const SearchOptions& options) {
  if (options.rerank_first < 1 || options.rerank_first > kMostReranked) {
    return Status::InvalidArgument("--rerank-first: " + std::to_string(options.rerank_first) +
                                   " is out of range; give 1 to 1000");
  }
  if (options.all || !options.after.empty() || options.diversity > 0) {
    return Status::InvalidArgument(
        "--rerank: not together with --all, --after or --diversity; page with --offset");
  }
  if (PhraseOf(query).empty()) {
    return Status::InvalidArgument(
        "--rerank: reads a phrase while it looks at a picture, and the query has none; give one");
  }
  return Status::Ok();
}

SearchOptions ForRerank(const SearchOptions& options) {
  SearchOptions paging = options;
  if (options.rerank == Rerank::kOff) return paging;
  paging.k = std::max(options.offset + options.k, options.rerank_first);
  paging.offset = 0;
  return paging;
}

Status RerankByMatch(Library::Impl* library, const Query& query, const SearchOptions& options,
                     Candidates* page) {
  std::vector<Ranked>& rows = page->rows;
  const std::size_t n = std::min(rows.size(), static_cast<std::size_t>(options.rerank_first));
  ESPY_ASSIGN_OR_RETURN(const auto matcher, library->PairMatcherOf(options.captioner));
  std::vector<ItemId> items;
  for (std::size_t i = 0; i < n; ++i) items.push_back(rows[i].id);
  ESPY_ASSIGN_OR_RETURN(const auto scores,
                        matcher->Score(PhraseOf(query), items, library->store.get()));
  std::vector<std::pair<float, Ranked>> order;
  for (std::size_t i = 0; i < n; ++i) {
    if (scores[i]) rows[i].parts.match = scores[i]->probability;
    order.emplace_back(scores[i] ? scores[i]->order : -std::numeric_limits<float>::infinity(),
                       rows[i]);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < n; ++i) rows[i] = std::move(order[i].second);
  rows.erase(rows.begin(),
             rows.begin() + std::min<std::ptrdiff_t>(options.offset, std::ssize(rows)));
  if (std::ssize(rows) > options.k) rows.resize(static_cast<std::size_t>(options.k));
  page->by_score = false;
  page->plan += "; the first " + std::to_string(n) + " matched by " +
                encoders::ModelName(matcher->directory());
  return Status::Ok();
}

}  // namespace search

Result<std::shared_ptr<rerank::PairMatcher>> Library::Impl::PairMatcherOf(
    const std::string& captioner) {
  constexpr std::uint64_t kCacheBytes = 256u << 20;
  ESPY_ASSIGN_OR_RETURN(const std::string directory, caption::ResolveCaptioner(captioner));
  std::lock_guard lock(pair_matcher_mutex_);
  if (!pair_matcher_ || pair_matcher_->directory() != directory) {
    ESPY_ASSIGN_OR_RETURN(pair_matcher_,
                          rerank::PairMatcher::Load(directory, options, env, kCacheBytes));
  }
  return pair_matcher_;
}

}  // namespace espy
