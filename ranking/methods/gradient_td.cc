#include "ranking/methods/gradient_td.h"

namespace espy::ranking {

void GradientTd::Observe(const Transition& t) {
  const double g = options_.discount;
  const double after = t.next.empty() ? 0 : Dot(weights_, t.next);
  const double error = t.reward + g * after - Dot(weights_, t.state);
  const double expected = Dot(second_, t.state);
  const double scale = options_.step * t.importance;
  AddScaled(scale * (options_.kind == Kind::kTdc ? error : expected), t.state, weights_);
  if (!t.next.empty()) AddScaled(-scale * g * expected, t.next, weights_);
  AddScaled(options_.second * t.importance * (error - expected), t.state, second_);
}

}  // namespace espy::ranking
