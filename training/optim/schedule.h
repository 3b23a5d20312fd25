// The learning rate over a run: a line up, then half a cosine down (Loshchilov and Hutter, SGDR,
// 2017, equation 5), as transformers' get_cosine_schedule_with_warmup with a floor.
#ifndef ESPY_TRAINING_OPTIM_SCHEDULE_H_
#define ESPY_TRAINING_OPTIM_SCHEDULE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace espy::training {

struct Schedule {
  double peak = 1e-3;
  double floor = 0;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;

  // Of the step that follows `done` steps. With warm-up the first step's rate is peak / warmup and
  // not 0, so that no step is wasted.
  double Rate(std::int64_t done) const {
    if (done < warmup_steps) {
      return peak * static_cast<double>(done + 1) / static_cast<double>(warmup_steps);
    }
    const auto span = static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup_steps));
    const double part = std::min(1.0, static_cast<double>(done - warmup_steps) / span);
    return floor + (peak - floor) * 0.5 * (1 + std::cos(std::numbers::pi * part));
  }
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPTIM_SCHEDULE_H_
