#include "engine/fp32_view.h"

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "index/dot_fp32.h"

namespace espy {
namespace {

// Asked of the index beyond k at first: rows whose FP16 scores lie within the slack of the k-th.
constexpr std::int64_t kMore = 16;

double LengthOf(std::span<const float> query) {
  double squares = 0;
  for (const float x : query) squares += static_cast<double>(x) * x;
  return std::sqrt(squares);
}

bool Better(const index::Candidate& a, const index::Candidate& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

}  // namespace

// By Cauchy and Schwarz the scores differ by at most |q| |x - h|. Rounding to FP16 moves a number
// by 2^-11 of it, or by 2^-25 where it is subnormal. Each of the two sums then rounds d / 32 + 5
// times a lane, at 2^-24 of |q| |x|; 2^-22 covers both, and 1.02 a vector that is not quite a
// unit's length.
float Fp32Slack(std::int64_t dimension, double query_length) {
  const auto d = static_cast<double>(dimension);
  const double rounding = std::ldexp(1.0, -11) + (d / 32 + 8) * std::ldexp(1.0, -22);
  return static_cast<float>(query_length * (1.02 * rounding + std::sqrt(d) * std::ldexp(1.0, -25)));
}

Result<std::pair<std::vector<index::Candidate>, bool>> Fp32View::Score(
    std::span<const float> query, std::int64_t k, std::int64_t wide,
    std::vector<index::Candidate> found) const {
  const bool all = static_cast<std::int64_t>(found.size()) < wide;
  const float least = found.empty() ? 0 : found.back().score;  // of what was left out, at most
  std::sort(found.begin(), found.end(),
            [](const index::Candidate& a, const index::Candidate& b) { return a.id < b.id; });
  std::vector<float> row;
  for (index::Candidate& candidate : found) {
    const Status read = store_->GetFp32Vector(space_, candidate.id, &row, snapshot_.get());
    if (read.code() == StatusCode::kNotFound ||
        (read.ok() && static_cast<std::int64_t>(row.size()) != dimension_)) {
      return Status::Corruption("vector of item " + FormatItemId(candidate.id) +
                                ": the index has it and the store does not; run `espy rebuild`");
    }
    ESPY_RETURN_IF_ERROR(read);
    candidate.score = index::DotFp32(query.data(), row.data(), dimension_);
  }
  std::sort(found.begin(), found.end(), Better);
  if (static_cast<std::int64_t>(found.size()) > k) found.resize(static_cast<std::size_t>(k));
  const bool settled =
      all || k == 0 || found.back().score > least + Fp32Slack(dimension_, LengthOf(query));
  return std::pair(std::move(found), settled);
}

Result<std::vector<index::Candidate>> Fp32View::Search(std::span<const float> query,
                                                       const index::SearchParams& params) const {
  index::SearchParams wider = params;
  for (wider.k = 2 * params.k + kMore;; wider.k *= 4) {
    ESPY_ASSIGN_OR_RETURN(std::vector<index::Candidate> found, half_->Search(query, wider));
    ESPY_ASSIGN_OR_RETURN(auto scored, Score(query, params.k, wider.k, std::move(found)));
    // An index that looks for so many rows was led to no more.
    const bool exhausted =
        !params.exact && wider.k >= std::max<std::int64_t>(params.ef_search, 4 * params.k);
    if (scored.second || exhausted) return std::move(scored.first);
  }
}

Result<std::vector<index::Candidate>> Fp32View::SearchFromDevice(
    const float* /*query*/, const index::SearchParams& /*params*/) const {
  return Status::Unsupported(
      "a space that keeps FP32 vectors is not asked with a query on the GPU");
}

Result<std::vector<std::vector<index::Candidate>>> Fp32View::SearchBatch(
    std::span<const float> queries, const index::SearchParams& params) const {
  index::SearchParams wider = params;
  wider.k = 2 * params.k + kMore;
  ESPY_ASSIGN_OR_RETURN(auto found, half_->SearchBatch(queries, wider));
  const auto dimension = static_cast<std::size_t>(dimension_);
  for (std::size_t q = 0; q < found.size(); ++q) {
    const std::span<const float> query = queries.subspan(q * dimension, dimension);
    ESPY_ASSIGN_OR_RETURN(auto scored, Score(query, params.k, wider.k, std::move(found[q])));
    if (scored.second) {
      found[q] = std::move(scored.first);
    } else {
      ESPY_ASSIGN_OR_RETURN(found[q], Search(query, params));
    }
  }
  return found;
}

std::string Fp32View::Plan(const index::SearchParams& params) const {
  return half_->Plan(params) + "; scores from FP32 vectors";
}

}  // namespace espy
