// Logged pages -> where lists end.
#ifndef ESPY_ENGINE_CLICKS_STOPS_H_
#define ESPY_ENGINE_CLICKS_STOPS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ranking/policy_file.h"
#include "storage/clicks.h"

namespace espy::clicks {

// Pages of questions in words and of those without are kept apart: a model's cosines of words with
// pictures lie elsewhere than those of pictures with pictures. Pages that words' scores had a part
// in are left out, for their candidates do not begin with the greatest cosine.
class StopPages {
 public:
  // `rewards` by slot; `position_bias` as LearnOptions has it.
  void Add(const storage::PageRow& page, std::span<const double> rewards, double weight,
           std::uint32_t group, double position_bias);
  std::span<const ranking::StopPage> of(bool phrases) const {
    return phrases ? phrases_ : examples_;
  }

 private:
  std::vector<ranking::StopPage> phrases_, examples_;
};

// Those that proved themselves; `told`, where it is not null, gets a sentence about each, the
// others too.
std::vector<ranking::PolicyStop> LearnStops(const StopPages& learn, const StopPages& judge,
                                            double confidence,
                                            std::vector<std::string>* told = nullptr);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_STOPS_H_
