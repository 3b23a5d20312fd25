#include "ranking/examination.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace espy::ranking {

std::vector<double> PositionExamination(std::size_t slots, double severity) {
  static constexpr std::array<double, 10> kMeasured = {0.68, 0.61, 0.48, 0.34, 0.28,
                                                       0.20, 0.11, 0.10, 0.08, 0.06};
  std::vector<double> curve(slots);
  for (std::size_t k = 0; k < slots; ++k) {
    curve[k] = std::pow(kMeasured[std::min(k, kMeasured.size() - 1)] / kMeasured[0], severity);
  }
  return curve;
}

}  // namespace espy::ranking
