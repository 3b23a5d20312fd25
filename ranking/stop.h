// Where a list of hits ends: by how probably one more would be wanted, and what showing it costs.
//
// A hit is wanted with the probability p of a logistic function of its cosine and of how far that
// is below the best one's. It is clicked when it is wanted and looked at, so that
//   P(click) = examined * p                                   (the position-based model),
// and the weights are those that make the logged clicks most probable.
//
// Showing one more hit earns p and costs c. As p falls along the list, going on is worth
//   V(i) = max(0, p(i) - c + V(i + 1)),
// which is 0 from the first hit with p < c: the list ends there. The cost is half of the greatest
// F1 that can be had, F*, since one more hit raises F1 exactly when its p is above F / 2 (Lipton,
// Elkan and Naryanaswamy, ECML 2014).
#ifndef ESPY_RANKING_STOP_H_
#define ESPY_RANKING_STOP_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace espy::ranking {

struct StopSlot {
  double cosine = 0;
  double examined = 1;  // how probably it was looked at, in (0, 1]
  bool chosen = false;
};

struct StopPage {
  double top = 0;  // the greatest cosine that the question had
  std::vector<StopSlot> slots;
  double weight = 1;
  std::uint32_t group = 0;  // pages of one group hang together
};

struct StopModel {
  // Of the logit: intercept + cosine c + drop (top - c).
  double intercept = 0, cosine = 0, drop = 0;
  double cost = 0.5;  // in (0, 1)

  double Chance(double c, double top) const;
  // What the list's last hit has at least. Wants cosine > drop: p falls as the cosine does.
  double LeastCosine(double top) const;

  bool operator==(const StopModel&) const = default;
};

// How the model did on pages that it was not learned from. F1 is over what was shown: what a page
// wanted and did not show is not known. A click counts as 1 / examined, at most 10.
struct StopRecord {
  double f1 = 0;
  double f1_fixed = 0;     // of the one cosine that was best on the pages that were learned from
  double f1_all = 0;       // of cutting nothing
  double gain_lower = 0;   // a lower bound of f1 - f1_all
  double calibration = 0;  // clicks that it expected, by those that there were
  bool operator==(const StopRecord&) const = default;
};

struct LearnedStop {
  StopModel model;
  StopRecord record;
  bool better = false;  // the model may end lists
  std::string why;      // one sentence
};

struct StopOptions {
  double confidence = 0.95;
  double least_gain = 0.01;         // of F1: below that it is not worth hiding anything
  std::uint64_t least_chosen = 50;  // pages with a choice, among those that judge
  int rounds = 1000;                // of the bootstrap
  std::uint64_t seed = 1;
};

// The model may end lists when its F1 on `judge` is surely above that of cutting nothing by
// `least_gain`, not below the best fixed cut-off's, and its expected clicks are within a fifth of
// those that there were.
LearnedStop LearnStop(std::span<const StopPage> learn, std::span<const StopPage> judge,
                      const StopOptions& options = {});

}  // namespace espy::ranking

#endif  // ESPY_RANKING_STOP_H_
