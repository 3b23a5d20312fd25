// search: the stages in their order.
#include "base/status_macros.h"
#include "engine/filter.h"
#include "engine/library_impl.h"
#include "engine/search/stages.h"

namespace espy {
namespace {

constexpr std::int64_t kMaxHits = 1'000'000;

double MillisecondsSince(std::int64_t start_ns) {
  return static_cast<double>(Env::Default()->MonotonicNs() - start_ns) * 1e-6;
}

Status CheckOptions(const SearchOptions& options) {
  if (options.k < 1 || options.k > kMaxHits) {
    return Status::InvalidArgument("-k: " + std::to_string(options.k) +
                                   " is out of range; give 1 to 1000000");
  }
  return Status::Ok();
}

}  // namespace

Result<SearchResult> Library::Search(const Query& query, const SearchOptions& options) {
  ESPY_RETURN_IF_ERROR(search::CheckQuery(query));
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  // Before anything is encoded: a mistyped filter is told at once.
  if (!options.where.empty()) {
    ESPY_RETURN_IF_ERROR(ParseFilter(impl_->store.get(), options.where).status());
  }
  SearchResult result;
  const std::int64_t start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(auto state, impl_->SearchState());
  if (!options.where.empty() && !state->fields) {
    ESPY_ASSIGN_OR_RETURN(state, impl_->FilterState());
  }
  ESPY_ASSIGN_OR_RETURN(const search::Asked asked, search::EncodeQuery(impl_.get(), query, *state));
  result.timings.encode_ms = MillisecondsSince(start);

  const std::int64_t search_start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(const search::Allowed allowed,
                        search::AllowedItems(impl_.get(), options.where, *state));
  ESPY_ASSIGN_OR_RETURN(search::Candidates candidates,
                        search::FindCandidates(asked, allowed, options, *state));
  result.searched = candidates.searched;
  result.plan = std::move(candidates.plan);
  if (static_cast<std::int64_t>(candidates.rows.size()) > options.k) {
    candidates.rows.resize(static_cast<std::size_t>(options.k));
  }
  result.timings.search_ms = MillisecondsSince(search_start);

  const std::int64_t records_start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(result.hits,
                        search::ReadHits(impl_.get(), candidates.rows, asked.one_phrase, *state));
  result.query_id = FormatItemId((impl_->env->RandomSeed() | 1) >> 1);
  result.timings.records_ms = MillisecondsSince(records_start);
  return result;
}

}  // namespace espy
