// A run's losses as a picture: SVG, with axes, every step's loss in grey and their running mean.
#ifndef ESPY_TRAINING_LOSS_PLOT_H_
#define ESPY_TRAINING_LOSS_PLOT_H_

#include <cstdint>
#include <span>
#include <string>

namespace espy::training {

// losses[i] is that of step first_step + i. Losses that are no finite number leave a gap. Titles
// are escaped.
std::string LossPlot(const std::string& title, std::int64_t first_step,
                     std::span<const float> losses);

}  // namespace espy::training

#endif  // ESPY_TRAINING_LOSS_PLOT_H_
