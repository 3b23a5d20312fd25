// search: the stages in their order.
#include <memory>
#include <optional>

#include "base/status_macros.h"
#include "engine/filter.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "engine/search/stages.h"
#include "engine/search/words.h"

namespace espy {
namespace {

constexpr std::int64_t kMaxHits = 1'000'000;
constexpr std::int64_t kMostDiverse = 1000;

double MillisecondsSince(std::int64_t start_ns) {
  return static_cast<double>(Env::Default()->MonotonicNs() - start_ns) * 1e-6;
}

Status OutOfRange(const std::string& flag, const std::string& value, const std::string& give) {
  return Status::InvalidArgument(flag + ": " + value + " is out of range; give " + give);
}

Status CheckOptions(const SearchOptions& options) {
  if (options.k < 1 || options.k > kMaxHits) {
    return OutOfRange("-k", std::to_string(options.k), "1 to 1000000");
  }
  if (options.offset < 0 || options.offset > kMaxHits - options.k) {
    return OutOfRange("--offset", std::to_string(options.offset),
                      "0 to 1000000, together with -k at most 1000000");
  }
  if (!(options.diversity >= 0 && options.diversity <= 1)) {
    return OutOfRange("--diversity", std::to_string(options.diversity), "0 to 1");
  }
  if (options.has_min_score && options.auto_min_score) {
    return Status::InvalidArgument("--min-score: a number and auto exclude each other; give one");
  }
  if (options.all && !options.has_min_score && !options.auto_min_score) {
    return Status::InvalidArgument("--all: wants --min-score, or it would be the whole library");
  }
  if (options.diversity > 0) {
    if (options.all || !options.after.empty()) {
      return Status::InvalidArgument(
          "--diversity: has no order to go through; page with --offset, and without --all");
    }
    if (options.offset + options.k > kMostDiverse) {
      return OutOfRange("--diversity", std::to_string(options.offset + options.k) + " hits",
                        "an --offset and -k that are at most 1000 together");
    }
  }
  if (!options.after.empty() && options.offset > 0) {
    return Status::InvalidArgument("--after: and --offset exclude each other; give one");
  }
  if (options.all && (options.offset > 0 || !options.after.empty())) {
    return Status::InvalidArgument("--all: is not paged; leave --offset and --after out");
  }
  return Status::Ok();
}

}  // namespace

Result<SearchResult> Library::Search(const Query& query, const SearchOptions& options) try {
  const bool in_words = search::AsksForWords(options);
  const bool in_vectors = search::AsksForVectors(query) || options.text.empty();
  if (in_vectors) ESPY_RETURN_IF_ERROR(search::CheckQuery(query));
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  if (options.rerank != Rerank::kOff) ESPY_RETURN_IF_ERROR(search::CheckRerank(query, options));
  if (in_words) ESPY_RETURN_IF_ERROR(search::CheckWords(query, options));
  // Before anything is encoded: a mistyped filter is told at once.
  std::unique_ptr<const where::Filter> filter;
  if (!options.where.empty()) {
    ESPY_ASSIGN_OR_RETURN(filter, ParseFilter(impl_->store.get(), options.where));
  }
  const std::uint64_t question = search::Fingerprint(query, options);
  std::optional<search::Cursor> after;
  if (!options.after.empty()) {
    ESPY_ASSIGN_OR_RETURN(after, search::ParseCursor(options.after));
    if (after->question != question) {
      return Status::InvalidArgument(
          "--after: belongs to another question; give the same query, filter and flags as for the "
          "page before");
    }
  }
  const recall::Monitor::Activity activity(impl_->recall.get());
  SearchResult result;
  const std::int64_t start = impl_->env->MonotonicNs();
  search::WordState words;
  if (in_words) {
    ESPY_ASSIGN_OR_RETURN(
        words, search::ReadWordState(impl_.get(), options.space, !options.where.empty()));
  } else {
    ESPY_ASSIGN_OR_RETURN(words.state, impl_->SearchState(options.space));
  }
  auto state = words.state;
  while (!options.where.empty() && !state->fields) {
    ESPY_RETURN_IF_ERROR(impl_->OpenFields());
    ESPY_ASSIGN_OR_RETURN(state, impl_->SearchState(options.space));
  }
  search::Asked asked;
  if (in_vectors) {
    ESPY_ASSIGN_OR_RETURN(asked, search::EncodeQuery(impl_.get(), query, options.adapter, *state));
  }
  result.timings.encode_ms = MillisecondsSince(start);

  const std::int64_t search_start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(const search::Allowed allowed,
                        search::AllowedItems(impl_.get(), filter.get(), *state));
  const search::Reordering reordering = search::PlanReordering(impl_.get(), options, *state);
  const SearchOptions paging = search::ForReordering(reordering, search::ForRerank(options));
  search::Candidates page;
  if (in_words) {
    std::optional<float> cut;
    if (in_vectors) {
      ESPY_ASSIGN_OR_RETURN(cut, search::CutScore(impl_.get(), asked, options, *state));
      result.cut = cut.has_value();
      result.cut_score = cut.value_or(0);
    }
    ESPY_ASSIGN_OR_RETURN(page, search::FindByWords(impl_.get(), query, asked, allowed, paging, cut,
                                                    words, &result.timings.text_ms));
  } else {
    ESPY_ASSIGN_OR_RETURN(const std::optional<float> cut,
                          search::CutScore(impl_.get(), asked, options, *state));
    result.cut = cut.has_value();
    result.cut_score = cut.value_or(0);
    ESPY_ASSIGN_OR_RETURN(
        page, search::FindPage(impl_.get(), asked, allowed, paging, cut, after, *state));
  }
  if (options.rerank != Rerank::kOff) {
    const std::int64_t rerank_start = impl_->env->MonotonicNs();
    ESPY_RETURN_IF_ERROR(search::RerankByMatch(impl_.get(), query, options, &page));
    result.timings.rerank_ms = MillisecondsSince(rerank_start);
  }
  result.query_id = FormatItemId(impl_->NewQueryId());
  ESPY_RETURN_IF_ERROR(search::ReorderAndLog(impl_.get(), query, asked, options, reordering, *state,
                                             &page, &result));
  result.searched = page.searched;
  result.plan = std::move(page.plan);
  result.timings.search_ms = MillisecondsSince(search_start);

  const std::int64_t records_start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(result.hits,
                        search::ReadHits(impl_.get(), page.rows, asked.one_phrase, *state));
  const std::int64_t before = after ? after->rank : options.offset;
  for (Hit& hit : result.hits) {
    hit.rank += before;
    if (options.diversity > 0 || in_words || !page.by_score) continue;
    hit.cursor = search::FormatCursor({question, hit.score, hit.id, hit.rank});
  }
  result.timings.records_ms = MillisecondsSince(records_start);
  return result;
} catch (const std::bad_alloc&) {
  return OutOfMemory("search");
}

}  // namespace espy
