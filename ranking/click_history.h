// What clicks have said so far, as far as it helps to rank what is asked next: how often an item
// was chosen beside how often it was looked at, what was chosen for questions like this one, and
// which way in the vector space the choices lean.
#ifndef ESPY_RANKING_CLICK_HISTORY_H_
#define ESPY_RANKING_CLICK_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "espy/status.h"
#include "ranking/shortlist.h"

namespace espy::ranking {

// A page's choices, by slot.
struct Choice {
  std::uint64_t item = 0;
  std::span<const float> vector;  // as Candidate::vector
  double examined = 1;            // how probably this slot was looked at, in [0, 1]
  double reward = 0;              // of this slot
};

// One thread at a time; reads by any number of threads between changes.
class ClickHistory {
 public:
  // Questions that are remembered with what was chosen for them; the oldest go first.
  static constexpr std::size_t kMostQuestions = 2000;
  static constexpr std::size_t kMostItems = 200'000;

  void Add(std::span<const float> question, std::span<const Choice> page);

  // log of (rewards + a m) / ((looks + a) m), m the mean reward a look and a = 10 looks: 0 for an
  // item without a past.
  double Popularity(std::uint64_t item) const;
  // What was chosen for remembered questions: the rewards of each item, weighted by how near its
  // question is, from 0 at a cosine of 0.7 to 1. O(questions * dimension).
  std::unordered_map<std::uint64_t, double> Neighbours(std::span<const float> question) const;
  // The mean of what was chosen less the mean of what was passed over, not normalised; empty before
  // anything was chosen.
  std::vector<float> Taste() const;

  std::uint64_t pages() const { return pages_; }

  std::string Encode() const;
  static Result<ClickHistory> Parse(std::string_view* bytes);

 private:
  struct Past {
    double looks = 0, rewards = 0;
  };
  struct Question {
    std::vector<float> vector;
    std::vector<std::pair<std::uint64_t, float>> rewards;  // items with one above 0
  };

  std::uint64_t pages_ = 0;
  double looks_ = 0, rewards_ = 0;
  std::unordered_map<std::uint64_t, Past> items_;
  std::deque<Question> questions_;
  std::vector<double> chosen_, passed_;  // sums of vectors
  double chosen_weight_ = 0, passed_weight_ = 0;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_CLICK_HISTORY_H_
