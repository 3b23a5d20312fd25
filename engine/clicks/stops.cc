#include "engine/clicks/stops.h"

#include <algorithm>

#include "ranking/examination.h"

namespace espy::clicks {

void StopPages::Add(const storage::PageRow& page, std::span<const double> rewards, double weight,
                    std::uint32_t group, double position_bias) {
  const bool in_words =
      page.vector.empty() ||
      std::any_of(page.candidates.begin(), page.candidates.end(),
                  [](const storage::PageCandidate& candidate) { return candidate.text != 0; });
  if (in_words || page.candidates.empty()) return;
  const std::vector<double> examination =
      ranking::PositionExamination(rewards.size(), position_bias);
  ranking::StopPage& stop = (page.phrase.empty() ? examples_ : phrases_).emplace_back();
  stop.top = page.candidates[0].dense;
  stop.weight = weight;
  stop.group = group;
  for (std::size_t slot = 0; slot < rewards.size(); ++slot) {
    stop.slots.push_back(
        {page.candidates[page.shown[slot]].dense, examination[slot], rewards[slot] > 0});
  }
}

std::vector<ranking::PolicyStop> LearnStops(const StopPages& learn, const StopPages& judge,
                                            double confidence, std::vector<std::string>* told) {
  std::vector<ranking::PolicyStop> stops;
  for (const bool phrases : {true, false}) {
    const ranking::LearnedStop stop =
        ranking::LearnStop(learn.of(phrases), judge.of(phrases), {.confidence = confidence});
    if (stop.better) stops.push_back({phrases, stop.model, stop.record});
    if (told == nullptr) continue;
    told->push_back(std::string("where lists of questions ") +
                    (phrases ? "in words" : "by example") + " end is " +
                    (stop.better ? "learned: " : "not learned: ") + stop.why);
  }
  return stops;
}

}  // namespace espy::clicks
