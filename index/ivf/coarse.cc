#include "index/ivf/coarse.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "base/half.h"
#include "base/status_macros.h"
#include "index/dot.h"
#include "index/ivf/kmeans.h"
#include "index/ivf/nearest.h"

namespace espy::index {
namespace {

constexpr std::int64_t kProjectionSample = 16'384;
constexpr std::int64_t kRowsPerCentre = 64;  // to train with: more moves the centres little
constexpr std::int64_t kRowsPerList = 32;    // at least, on average
constexpr std::int64_t kStepRows = 8'192;    // projected at once

}  // namespace

std::int64_t ListCount(std::int64_t rows) {
  const auto lists = static_cast<std::int64_t>(4 * std::sqrt(static_cast<double>(rows)));
  return std::clamp<std::int64_t>(lists, 1, std::max<std::int64_t>(1, rows / kRowsPerList));
}

std::vector<std::int32_t> SampleRows(std::int64_t n, std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> sample;
  count = std::min(n, count);
  sample.reserve(static_cast<std::size_t>(count));
  // Each row with the chance that is left for it.
  for (std::int64_t row = 0; row < n && count > 0; ++row) {
    if (static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n - row)) >= count)
      continue;
    sample.push_back(static_cast<std::int32_t>(row));
    --count;
  }
  return sample;
}

Result<Coarse> TrainCoarse(const HalfRows& rows, const IvfProjectionOptions& options,
                           ThreadPool* pool, const std::stop_token& stop) {
  Coarse coarse;
  ESPY_ASSIGN_OR_RETURN(
      coarse.projection,
      TrainProjection(rows, SampleRows(rows.n, kProjectionSample, options.seed), options));
  const std::int64_t lists = ListCount(rows.n), d = coarse.projection.to;
  const std::vector<std::int32_t> sample =
      SampleRows(rows.n, kRowsPerCentre * lists, options.seed + 1);
  const auto n = static_cast<std::int64_t>(sample.size());
  std::vector<float> x(static_cast<std::size_t>(n * d));
  for (std::int64_t done = 0; done < n; done += kStepRows) {
    if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
    coarse.projection.ApplyToRows(rows, sample.data() + done, std::min(kStepRows, n - done), pool,
                                  x.data() + done * d);
  }
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> centres,
                        KMeans(x.data(), n, d, {.k = lists, .seed = options.seed}, pool, stop));
  coarse.centres.resize(centres.size());
  FloatToHalf(centres.data(), centres.size(), coarse.centres.data());
  return coarse;
}

Result<std::vector<std::int32_t>> AssignRows(const Coarse& coarse, const HalfRows& rows,
                                             ThreadPool* pool, const std::stop_token& stop) {
  const std::int64_t d = coarse.dimensions();
  std::vector<float> centres(coarse.centres.size());
  HalfToFloat(coarse.centres.data(), centres.size(), centres.data());
  const PackedColumns columns(centres.data(), coarse.lists(), d, /*euclidean=*/true);
  std::vector<std::int32_t> lists(static_cast<std::size_t>(rows.n)), which(kStepRows);
  std::vector<float> x(static_cast<std::size_t>(kStepRows * d));
  for (std::int64_t done = 0; done < rows.n; done += kStepRows) {
    if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
    const std::int64_t n = std::min(kStepRows, rows.n - done);
    std::iota(which.begin(), which.begin() + n, static_cast<std::int32_t>(done));
    coarse.projection.ApplyToRows(rows, which.data(), n, pool, x.data());
    columns.Nearest(x.data(), n, pool, lists.data() + done);
  }
  return lists;
}

void Probe::Begin(const Coarse& coarse, const float* query, std::int64_t lists) {
  const std::int64_t n = coarse.lists(), d = coarse.dimensions();
  projected_.resize(static_cast<std::size_t>(d));
  scores_.resize(static_cast<std::size_t>(n));
  order_.resize(static_cast<std::size_t>(n));
  coarse.projection.ApplyToQuery(query, projected_.data());
  DotRows(projected_.data(), coarse.centres.data(), n, d, scores_.data());
  const float offset = Dot(query, coarse.projection.mean.data(), coarse.projection.from);
  for (float& score : scores_) {
    score += offset;
    if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
  }
  std::iota(order_.begin(), order_.end(), 0);
  sorted_ = 0;
  // Most queries read no more than the first few; the rest are put in order when one does.
  const std::int64_t first = std::min(lists, n);
  const auto better = [&](std::int32_t a, std::int32_t b) {
    return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : a < b;
  };
  std::nth_element(order_.begin(), order_.begin() + (first - 1), order_.end(), better);
  std::sort(order_.begin(), order_.begin() + first, better);
  sorted_ = first;
}

std::int32_t Probe::List(std::int64_t i) {
  if (i >= sorted_) {
    const auto better = [&](std::int32_t a, std::int32_t b) {
      return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : a < b;
    };
    std::sort(order_.begin() + sorted_, order_.end(), better);
    sorted_ = static_cast<std::int64_t>(order_.size());
  }
  return order_[i];
}

}  // namespace espy::index
