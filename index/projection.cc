#include "index/projection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

#include "base/half.h"
#include "base/thread_pool.h"
#include "index/dot.h"

extern "C" {
// LAPACK: the eigenvalues, ascending, and eigenvectors of a symmetric matrix.
void ssyevd_(const char* jobz, const char* uplo, const int* n, float* a, const int* lda, float* w,
             float* work, const int* lwork, int* iwork, const int* liwork, int* info);
}

namespace espy::index {
namespace {

constexpr std::int64_t kLearnRows = 8192;   // the covariance of 512 dimensions needs a few thousand
constexpr std::int64_t kJudgeQueries = 64;  // of either kind
constexpr std::size_t kJudgeRows = 200;     // nearest to each, among which codes must find
constexpr std::size_t kWanted = 10;         // the nearest
constexpr double kEnough = 0.985;           // or this share of them
constexpr std::int64_t kDeepest = 40;       // within this many: a beam of common width
// A shallower beam is kept wide by the walk, not by its codes.
constexpr std::int64_t kShallowest = 16;
constexpr std::int64_t kMaxDimension = 4096;  // wider rows are not learned from: it takes d^3

// Row numbers, ascending, without repetition: every one, or as many drawn by a fixed seed.
std::vector<std::int64_t> Sample(std::int64_t n, std::int64_t wanted, std::uint64_t seed) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  std::mt19937_64 random(seed);
  const std::int64_t count = std::min(n, wanted);
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(rows[i], rows[i + static_cast<std::int64_t>(random() % (n - i))]);
  }
  rows.resize(static_cast<std::size_t>(count));
  return rows;
}

// The leading eigenvectors of the rows' covariance as rows of halves, the largest first.
std::vector<std::uint16_t> Components(const HalfRows& rows, const std::vector<float>& mean,
                                      std::int64_t most) {
  const std::int64_t d = rows.padded;
  std::vector<float> covariance(static_cast<std::size_t>(d * d), 0.0f);
  constexpr std::int64_t kBlock = 64;  // rows at once, so that a tile of the matrix is reused
  std::vector<float> block(static_cast<std::size_t>(kBlock * d));
  const std::vector<std::int64_t> sample = Sample(rows.n, kLearnRows, 1);
  for (std::size_t begin = 0; begin < sample.size(); begin += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, sample.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      float* r = block.data() + i * d;
      HalfToFloat(rows.row(sample[begin + i]), static_cast<std::size_t>(d), r);
      for (std::int64_t j = 0; j < d; ++j) r[j] -= mean[j];
    }
    for (std::int64_t a = 0; a < d; ++a) {
      float* out = covariance.data() + a * d;
      for (std::size_t i = 0; i < count; ++i) {
        const float* r = block.data() + i * d;
        const float factor = r[a];
        for (std::int64_t b = 0; b <= a; ++b) out[b] += factor * r[b];
      }
    }
  }
  // Row-major lower is column-major upper.
  const int n = static_cast<int>(d), liwork = 3 + 5 * n;
  const int lwork = 1 + 6 * n + 2 * n * n;
  std::vector<float> values(static_cast<std::size_t>(d)), work(static_cast<std::size_t>(lwork));
  std::vector<int> iwork(static_cast<std::size_t>(liwork));
  int info = 0;
  ssyevd_("V", "U", &n, covariance.data(), &n, values.data(), work.data(), &lwork, iwork.data(),
          &liwork, &info);
  std::vector<std::uint16_t> basis;
  if (info != 0) return basis;  // did not converge: rows that hold no numbers
  for (std::int64_t i = 0; i < std::min(most, d); ++i) {
    const float* vector = covariance.data() + (d - 1 - i) * d;
    basis.resize(basis.size() + d);
    FloatToHalf(vector, static_cast<std::size_t>(d), basis.data() + i * d);
  }
  return basis;
}

// How deep codes rank the rows that are truly nearest. The judges are rows, and vectors half way
// from a row to anywhere, as words are to pictures: what a projection drops matters more to those.
// Each judges the rows nearest to it of the whole segment: in a sample of the segment neighbours
// would be few and far between, and easy to tell apart.
class Judge {
 public:
  Judge(const HalfRows& rows, const std::vector<float>& mean, ThreadPool* pool)
      : rows_(rows), sample_(Sample(rows.n, 2 * kJudgeQueries, 3)), near_(sample_.size()) {
    vectors_.resize(sample_.size() * static_cast<std::size_t>(rows.padded));
    std::mt19937_64 random(4);
    for (std::size_t q = 0; q < sample_.size(); ++q) {
      HalfToFloat(rows.row(sample_[q]), static_cast<std::size_t>(rows.padded), Vector(q));
      if (q % 2 == 1) {
        LeadAway(mean, &random, Vector(q));
        sample_[q] = -1;
      }
    }
    // A block of rows is scored by all queries while it is in the cache.
    constexpr std::int64_t kBlock = 64;
    const std::int64_t parts = pool->threads();
    std::vector<std::vector<Near>> found(static_cast<std::size_t>(parts), near_);
    pool->ParallelFor(parts, [&](std::int64_t part) {
      float scores[kBlock];
      const std::int64_t end = rows.n * (part + 1) / parts;
      for (std::int64_t begin = rows.n * part / parts; begin < end; begin += kBlock) {
        const std::int64_t n = std::min(kBlock, end - begin);
        for (std::size_t q = 0; q < sample_.size(); ++q) {
          DotRows(Vector(q), rows.row(begin), n, rows.padded, scores);
          for (std::int64_t i = 0; i < n; ++i) {
            if (begin + i != sample_[q]) found[part][q].Add(scores[i], begin + i);
          }
        }
      }
    });
    for (const std::vector<Near>& part : found) {
      for (std::size_t q = 0; q < near_.size(); ++q) {
        for (const auto& [score, row] : part[q].best) near_[q].Add(score, row);
      }
    }
    for (Near& near : near_) std::sort(near.best.rbegin(), near.best.rend());
  }

  // The depth within which the wanted rows lie, but for a few; kJudgeRows when they do not.
  std::int64_t Depth(const Projection& projection) const {
    CodeMatrix codes(kJudgeRows, projection.dims);
    std::vector<float> z(static_cast<std::size_t>(projection.dims)), scores(kJudgeRows);
    std::vector<std::int32_t> numbers(kJudgeRows);
    std::iota(numbers.begin(), numbers.end(), 0);
    CodeQuery code_query;
    std::vector<std::int64_t> depths;  // of each wanted row
    for (std::size_t q = 0; q < sample_.size(); ++q) {
      const auto& best = near_[q].best;
      for (std::size_t i = 0; i < best.size(); ++i) {
        float bias = 0;
        projection.ApplyRow(rows_.row(best[i].second), z.data(), &bias);
        codes.Set(static_cast<std::int64_t>(i), z.data(), bias);
      }
      projection.Apply(Vector(q), z.data());
      code_query.Set(z.data(), projection.dims);
      ScoreCodes(codes, code_query, numbers.data(), static_cast<std::int64_t>(best.size()),
                 scores.data());
      for (std::size_t i = 0; i < std::min<std::size_t>(kWanted, best.size()); ++i) {
        depths.push_back(std::count_if(scores.begin(), scores.begin() + best.size(),
                                       [&](float score) { return score >= scores[i]; }));
      }
    }
    if (depths.empty()) return kJudgeRows;
    const auto at = depths.begin() +
                    static_cast<std::ptrdiff_t>(kEnough * static_cast<double>(depths.size() - 1));
    std::nth_element(depths.begin(), at, depths.end());
    return *at;
  }

 private:
  struct Near {                                        // of one query
    std::vector<std::pair<float, std::int64_t>> best;  // a heap, the worst in front
    void Add(float score, std::int64_t row) {
      if (std::isnan(score)) return;
      if (best.size() == kJudgeRows) {
        if (score <= best.front().first) return;
        std::pop_heap(best.begin(), best.end(), std::greater<>());
        best.pop_back();
      }
      best.emplace_back(score, row);
      std::push_heap(best.begin(), best.end(), std::greater<>());
    }
  };

  // Turns a row into one whose deviation from the mean is half its own, the rest any direction.
  static void LeadAway(const std::vector<float>& mean, std::mt19937_64* random, float* vector) {
    std::normal_distribution<float> normal;
    std::vector<float> away(mean.size());
    double own = 0, other = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      away[i] = normal(*random);
      own += (double{vector[i]} - mean[i]) * (double{vector[i]} - mean[i]);
      other += double{away[i]} * away[i];
    }
    const auto scale = static_cast<float>(std::sqrt(3 * own / other));  // 60 degrees away
    for (std::size_t i = 0; i < mean.size(); ++i) vector[i] += scale * away[i];
  }
  float* Vector(std::size_t q) { return vectors_.data() + q * rows_.padded; }
  const float* Vector(std::size_t q) const { return vectors_.data() + q * rows_.padded; }

  const HalfRows rows_;
  std::vector<std::int64_t> sample_;  // the row that each is, -1 when it is none
  std::vector<float> vectors_;
  std::vector<Near> near_;
};

}  // namespace

void Projection::Apply(const float* vector, float* z) const {
  if (basis.empty()) {
    for (std::int64_t i = 0; i < dims; ++i) z[i] = vector[i] - mean[i];
    return;
  }
  thread_local std::vector<float> centred;
  centred.resize(static_cast<std::size_t>(dimension));
  for (std::int64_t i = 0; i < dimension; ++i) centred[i] = vector[i] - mean[i];
  DotRows(centred.data(), basis.data(), dims, dimension, z);
}

void Projection::ApplyRow(const std::uint16_t* row, float* z, float* bias) const {
  thread_local std::vector<float> vector;
  vector.resize(static_cast<std::size_t>(dimension));
  HalfToFloat(row, vector.size(), vector.data());
  float lanes[8] = {};
  for (std::int64_t i = 0; i < dimension; ++i) lanes[i % 8] += mean[i] * (vector[i] - mean[i]);
  *bias = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
          ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  if (!std::isfinite(*bias)) *bias = 0;
  Apply(vector.data(), z);
}

Projection LearnProjection(const HalfRows& rows, ThreadPool* pool) {
  Projection whole;
  whole.dimension = whole.dims = rows.padded;
  whole.mean.assign(static_cast<std::size_t>(rows.padded), 0.0f);
  std::vector<double> sum(static_cast<std::size_t>(rows.padded), 0.0);
  std::vector<float> vector(static_cast<std::size_t>(rows.padded));
  std::int64_t counted = 0;
  for (const std::int64_t row : Sample(rows.n, kLearnRows, 1)) {
    HalfToFloat(rows.row(row), vector.size(), vector.data());
    if (!std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); })) {
      continue;
    }
    for (std::size_t i = 0; i < vector.size(); ++i) sum[i] += vector[i];
    ++counted;
  }
  for (std::size_t i = 0; i < sum.size() && counted > 0; ++i) {
    whole.mean[i] = static_cast<float>(sum[i] / static_cast<double>(counted));
  }
  // Half of the width or more saves too little to give anything up for.
  const std::int64_t most = rows.padded / 2;
  if (rows.padded > kMaxDimension || most < kCodeLine - 8) return whole;
  const std::vector<std::uint16_t> basis = Components(rows, whole.mean, most);
  if (basis.empty()) return whole;
  const Judge judge(rows, whole.mean, pool);
  // What a beam costs that is deep enough: its depth by the lines that are read of each code, and
  // about two more that are read whatever the code (links, marks).
  const auto cost = [](std::int64_t depth, std::int64_t dims) {
    return std::max(depth, kShallowest) * (CodeMatrix::Stride(dims) / kCodeLine + 2);
  };
  Projection best = whole;
  std::int64_t least = cost(kShallowest, whole.dims);
  for (std::int64_t dims = kCodeLine - 8; dims <= most; dims += kCodeLine) {
    Projection next = whole;
    next.dims = dims;
    next.basis.assign(basis.begin(), basis.begin() + dims * rows.padded);
    // A wider code takes memory, so it must save a fifth.
    const auto saves = [&](std::int64_t depth) {
      return best.basis.empty() ? cost(depth, dims) < least : 5 * cost(depth, dims) < 4 * least;
    };
    if (!saves(kShallowest)) break;
    const std::int64_t depth = judge.Depth(next);
    if (depth > kDeepest || !saves(depth)) continue;
    least = cost(depth, dims);
    best = std::move(next);
  }
  return best;
}

Result<CodeMatrix> EncodeRows(const Projection& projection, const HalfRows& rows, ThreadPool* pool,
                              std::stop_token stop) {
  CodeMatrix codes(rows.n, projection.dims);
  constexpr std::int64_t kBlock = 256;
  pool->ParallelFor((rows.n + kBlock - 1) / kBlock, [&](std::int64_t block) {
    if (stop.stop_requested()) return;
    std::vector<float> z(static_cast<std::size_t>(projection.dims));
    for (std::int64_t i = block * kBlock; i < std::min(rows.n, (block + 1) * kBlock); ++i) {
      float bias = 0;
      projection.ApplyRow(rows.row(i), z.data(), &bias);
      codes.Set(i, z.data(), bias);
    }
  });
  if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
  return codes;
}

}  // namespace espy::index
