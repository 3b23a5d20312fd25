// The plainest search there is, and random data for it: what the index is compared with.
#ifndef ESPY_TESTS_INDEX_ORACLE_H_
#define ESPY_TESTS_INDEX_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "base/half.h"
#include "index/dot.h"
#include "index/vector_index.h"

namespace espy::testing {

using Half = std::vector<std::uint16_t>;

inline void MakeUnit(std::vector<float>* x) {
  float squares = 0;
  for (const float value : *x) squares += value * value;
  for (float& value : *x) value /= std::sqrt(squares);
}

inline Half ToHalf(const std::vector<float>& x) {
  Half half(x.size());
  FloatToHalf(x.data(), x.size(), half.data());
  return half;
}

// Unit vectors around `clusters` random centres: near ones are near, far ones are far, as
// embeddings are.
class ClusteredData {
 public:
  ClusteredData(std::uint64_t seed, std::int64_t dimension, int clusters)
      : random_(seed), dimension_(dimension) {
    for (int i = 0; i < clusters; ++i) centres_.push_back(Gaussian(1.0f));
    for (int i = 0; i < kDirections; ++i) directions_.push_back(Gaussian(0.25f));
  }

  std::vector<float> Next() {
    const std::vector<float>& centre = centres_[random_() % centres_.size()];
    std::vector<float> x = Gaussian(0.05f);
    std::normal_distribution<float> normal;
    for (const std::vector<float>& direction : directions_) {
      const float along = normal(random_);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += along * direction[i];
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += centre[i];
    MakeUnit(&x);
    return x;
  }
  Half NextHalf() { return ToHalf(Next()); }
  std::mt19937_64& random() { return random_; }

 private:
  std::vector<float> Gaussian(float deviation) {
    std::normal_distribution<float> normal(0.0f, deviation);
    std::vector<float> x(static_cast<std::size_t>(dimension_));
    for (float& value : x) value = normal(random_);
    return x;
  }

  std::mt19937_64 random_;
  const std::int64_t dimension_;
  static constexpr int kDirections = 12;
  std::vector<std::vector<float>> centres_, directions_;
};

// id -> vector; scores each by the routine that promises equal bits.
using Rows = std::map<std::uint64_t, Half>;

inline std::vector<index::Candidate> OracleSearch(
    const Rows& rows, const std::vector<float>& query, std::int64_t k,
    const std::vector<std::uint64_t>* allowed = nullptr) {
  const std::int64_t padded = index::PaddedDimension(static_cast<std::int64_t>(query.size()));
  std::vector<float> q(query);
  q.resize(padded);
  std::vector<index::Candidate> all;
  for (const auto& [id, half] : rows) {
    if (allowed != nullptr && !std::binary_search(allowed->begin(), allowed->end(), id)) continue;
    Half row(half);
    row.resize(padded);
    all.push_back({index::internal::DotPlain(q.data(), row.data(), padded), id});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  if (static_cast<std::int64_t>(all.size()) > k) all.resize(k);
  return all;
}

}  // namespace espy::testing

#endif  // ESPY_TESTS_INDEX_ORACLE_H_
