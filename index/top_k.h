// The k best of a stream of candidates: by score, equal scores by the smaller id. A total order, so
// the outcome does not depend on the order of arrival.
#ifndef ESPY_INDEX_TOP_K_H_
#define ESPY_INDEX_TOP_K_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/vector_index.h"

namespace espy::index {

inline bool Better(const Candidate& a, const Candidate& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

class TopK {
 public:
  // `expected` bounds what is reserved when k is far more than there are candidates.
  TopK(std::int64_t k, std::int64_t expected) : k_(static_cast<std::size_t>(k)) {
    heap_.reserve(static_cast<std::size_t>(std::min(k, expected)));
  }

  bool full() const { return heap_.size() == k_; }
  std::size_t size() const { return heap_.size(); }

  // False for scores that could not enter: the cheap test to make before asking whether a row is
  // alive and allowed.
  bool MayEnter(float score) const { return !full() || score >= heap_.front().score; }

  // A score below it cannot enter.
  float Least() const {
    return full() ? heap_.front().score : -std::numeric_limits<float>::infinity();
  }

  void Add(float score, std::uint64_t id) {
    // A score that is no number (a vector that holds one) is last, not anywhere.
    if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
    const Candidate candidate{score, id};
    if (!full()) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end(), Better);
    } else if (Better(candidate, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), Better);
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end(), Better);
    }
  }

  std::vector<Candidate> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end(), Better);
    return std::move(heap_);
  }

 private:
  std::size_t k_;                // > 0
  std::vector<Candidate> heap_;  // the worst in front
};

}  // namespace espy::index

#endif  // ESPY_INDEX_TOP_K_H_
