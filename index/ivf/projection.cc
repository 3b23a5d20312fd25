#include "index/ivf/projection.h"

#include <faiss/VectorTransform.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <random>
#include <string>

#include "base/half.h"
#include "index/dot.h"
#include "index/ivf/nearest.h"
#include "index/ivf/pq4.h"

namespace espy::index {
namespace {

constexpr std::int64_t kStep = 32;  // dimensions come in steps of a row's padding

// How many leading directions hold the share that is asked for.
std::int64_t ChooseDimension(const std::vector<float>& variances, std::int64_t from,
                             const IvfProjectionOptions& options) {
  double all = 0;
  for (const float variance : variances) all += std::max(variance, 0.0f);
  const std::int64_t most = std::min(from, std::max(options.most / kStep, std::int64_t{1}) * kStep);
  double kept = 0;
  for (std::int64_t to = kStep; to < most; to += kStep) {
    for (std::int64_t i = to - kStep; i < to; ++i) kept += std::max(variances[i], 0.0f);
    if (kept >= options.kept * all) return to;
  }
  return most;
}

// The order in which directions are laid out, so that each of `parts` groups of equal size gets
// about the same product of variances: the largest goes to the group whose product is least.
std::vector<std::int64_t> Allocate(const std::vector<float>& variances, std::int64_t to,
                                   std::int64_t parts) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(to));
  std::iota(order.begin(), order.end(), 0);
  if (parts == to) return order;
  const auto size = static_cast<std::size_t>(to / parts);
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(parts));
  std::vector<double> logs(groups.size(), 0.0);
  const double floor = std::max(1e-12, double{variances[0]} * 1e-9);
  const double least = std::log(std::max<double>(variances[to - 1], floor));
  for (std::int64_t i = 0; i < to; ++i) {
    std::size_t group = groups.size();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].size() < size && (group == groups.size() || logs[g] < logs[group])) group = g;
    }
    groups[group].push_back(i);
    logs[group] += std::log(std::max<double>(variances[i], floor)) - least;
  }
  order.clear();
  for (const auto& group : groups) order.insert(order.end(), group.begin(), group.end());
  return order;
}

// `n` orthonormal rows: Gaussian ones, each freed of those before it.
std::vector<double> RandomRotation(std::int64_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> rows(static_cast<std::size_t>(n * n));
  for (double& x : rows) x = normal(random);
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = rows.data() + i * n;
    // Twice: once leaves what rounding brought back.
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t j = 0; j < i; ++j) {
        const double* before = rows.data() + j * n;
        const double along = std::inner_product(row, row + n, before, 0.0);
        for (std::int64_t k = 0; k < n; ++k) row[k] -= along * before[k];
      }
    }
    const double length = std::sqrt(std::inner_product(row, row + n, row, 0.0));
    for (std::int64_t k = 0; k < n; ++k) row[k] /= length;
  }
  return rows;
}

bool AllFinite(const float* x, std::int64_t n) {
  return std::all_of(x, x + n, [](float value) { return std::isfinite(value); });
}

}  // namespace

void IvfProjection::ApplyToQuery(const float* query, float* out) const {
  DotRows(query, matrix.data(), to, from, out);
}

void IvfProjection::ApplyToRows(const HalfRows& rows, const std::int32_t* which, std::int64_t count,
                                ThreadPool* pool, float* out) const {
  std::vector<float> columns(matrix.size()), centre(mean.size());
  HalfToFloat(matrix.data(), matrix.size(), columns.data());
  HalfToFloat(mean.data(), mean.size(), centre.data());
  std::vector<float> offsets(static_cast<std::size_t>(count * from));
  pool->ParallelFor(count, [&](std::int64_t i) {
    float* offset = offsets.data() + i * from;
    HalfToFloat(rows.row(which[i]), static_cast<std::size_t>(from), offset);
    for (std::int64_t k = 0; k < from; ++k) offset[k] -= centre[k];
    if (!AllFinite(offset, from)) std::fill(offset, offset + from, 0.0f);
  });
  PackedColumns(columns.data(), to, from, /*euclidean=*/false)
      .Products(offsets.data(), count, pool, out);
}

Result<IvfProjection> TrainProjection(const HalfRows& rows, const std::vector<std::int32_t>& sample,
                                      const IvfProjectionOptions& options) {
  IvfProjection projection;
  const std::int64_t from = projection.from = rows.padded;
  std::vector<float> x;
  x.reserve(sample.size() * static_cast<std::size_t>(from));
  std::vector<float> row(static_cast<std::size_t>(from));
  for (const std::int32_t i : sample) {
    HalfToFloat(rows.row(i), row.size(), row.data());
    if (AllFinite(row.data(), from)) x.insert(x.end(), row.begin(), row.end());
  }
  const auto n = static_cast<std::int64_t>(x.size()) / from;
  std::vector<float> directions, variances(static_cast<std::size_t>(from), 0.0f);
  projection.mean.assign(static_cast<std::size_t>(from), 0);
  if (n > 0) {
    try {
      faiss::PCAMatrix pca(static_cast<int>(from), static_cast<int>(from));
      pca.train(n, x.data());
      directions = pca.PCAMat;  // [from][from], the widest first
      variances = pca.eigenvalues;
      FloatToHalf(pca.mean.data(), pca.mean.size(), projection.mean.data());
    } catch (const std::bad_alloc&) {
      return Status::ResourceExhausted("building a segment: not enough memory");
    } catch (const std::exception& error) {
      return Status::IoError(std::string("building a segment: ") + error.what());
    }
  }
  if (static_cast<std::int64_t>(directions.size()) < from * from ||
      static_cast<std::int64_t>(variances.size()) < from || !AllFinite(variances.data(), from) ||
      !AllFinite(directions.data(), from * from)) {
    // Fewer rows than directions leave the rest unnamed; the plain axes do for all.
    directions.assign(static_cast<std::size_t>(from * from), 0.0f);
    for (std::int64_t i = 0; i < from; ++i) directions[i * from + i] = 1.0f;
    variances.assign(static_cast<std::size_t>(from), 1.0f);
  }

  const std::int64_t to = projection.to = ChooseDimension(variances, from, options);
  const std::vector<std::int64_t> order =
      Allocate(variances, to, options.grouped ? Pq4Parts(to) : to);
  std::vector<float> matrix(static_cast<std::size_t>(to * from), 0.0f);
  if (options.rotate) {
    const std::vector<double> rotation = RandomRotation(to, options.seed);
    std::vector<double> mixed(static_cast<std::size_t>(from));
    for (std::int64_t i = 0; i < to; ++i) {
      std::fill(mixed.begin(), mixed.end(), 0.0);
      for (std::int64_t j = 0; j < to; ++j) {
        const double weight = rotation[i * to + j];
        const float* direction = directions.data() + j * from;
        for (std::int64_t k = 0; k < from; ++k) mixed[k] += weight * direction[k];
      }
      std::copy(mixed.begin(), mixed.end(), matrix.begin() + i * from);
    }
  } else {
    for (std::int64_t i = 0; i < to; ++i) {
      const float* direction = directions.data() + order[i] * from;
      std::copy(direction, direction + from, matrix.begin() + i * from);
    }
  }
  projection.matrix.resize(matrix.size());
  FloatToHalf(matrix.data(), matrix.size(), projection.matrix.data());
  return projection;
}

}  // namespace espy::index
