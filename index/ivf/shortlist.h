// The best rows by estimate, of a stream of them: what codes hand on to be scored exactly.
#ifndef ESPY_INDEX_IVF_SHORTLIST_H_
#define ESPY_INDEX_IVF_SHORTLIST_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace espy::index {

struct Estimated {
  float estimate = 0;
  float slack = 0;  // the exact score is not expected to be more than so much above
  std::int32_t row = 0;
};

// A total order, so that what is kept does not depend on the order of arrival.
inline bool HigherEstimate(const Estimated& a, const Estimated& b) {
  return a.estimate != b.estimate ? a.estimate > b.estimate : a.row < b.row;
}

// Keeps the `size` best of what is added. Rows are gathered up to twice the size and then cut in
// half: cheaper than a heap, since most rows that arrive late are below the threshold.
class Shortlist {
 public:
  void Begin(std::int64_t size) {
    size_ = static_cast<std::size_t>(size);
    rows_.clear();
    threshold_ = -std::numeric_limits<float>::infinity();
  }
  // Estimates below it are not kept.
  float threshold() const { return threshold_; }
  std::int64_t count() const { return static_cast<std::int64_t>(rows_.size()); }

  // NaN and -infinity are not kept.
  void Add(const Estimated& row) {
    if (!(row.estimate >= threshold_) || !(row.estimate > kLeast)) return;
    rows_.push_back(row);
    if (rows_.size() >= 2 * size_) Cut();
  }

  // Best first.
  const std::vector<Estimated>& Sorted() {
    if (rows_.size() > size_) Cut();
    std::sort(rows_.begin(), rows_.end(), HigherEstimate);
    return rows_;
  }

 private:
  static constexpr float kLeast = -std::numeric_limits<float>::infinity();

  void Cut() {
    const auto last = rows_.begin() + static_cast<std::ptrdiff_t>(size_ - 1);
    std::nth_element(rows_.begin(), last, rows_.end(), HigherEstimate);
    threshold_ = last->estimate;
    rows_.resize(size_);
  }

  std::size_t size_ = 1;  // at least 1
  std::vector<Estimated> rows_;
  float threshold_ = kLeast;
};

// The k best exact scores so far. A score that is no number is the least.
class BestScores {
 public:
  explicit BestScores(std::int64_t k) : k_(static_cast<std::size_t>(k)) {}  // k > 0
  bool full() const { return heap_.size() == k_; }
  float least() const { return heap_.front(); }  // of those kept

  void Add(float score) {
    if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
    if (!full()) {
      heap_.push_back(score);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    } else if (score > heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.back() = score;
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }

 private:
  std::size_t k_;
  std::vector<float> heap_;  // the least in front
};

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_SHORTLIST_H_
