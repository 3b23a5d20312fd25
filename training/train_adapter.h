// Fits a text adapter to pairs of texts and pictures, and judges it on pictures that it never saw.
#ifndef ESPY_TRAINING_TRAIN_ADAPTER_H_
#define ESPY_TRAINING_TRAIN_ADAPTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "espy/status.h"
#include "training/adapter.h"
#include "training/trainer.h"

namespace espy::training {

// Unit vectors of one space.
struct AdapterData {
  std::int64_t width = 0;
  std::vector<float> texts;     // [texts, width]
  std::vector<float> pictures;  // [pictures, width]
  // (text, picture): they belong together. Sorted, each once.
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  // Words that are in nobody's tags: the adapter is to leave them where they are.
  std::vector<float> anchors;  // [anchors, width]
};

struct AdapterTraining {
  TrainerOptions trainer;  // schedule.total_steps set; batch is lowered to the pairs there are
  std::int64_t bottleneck = 64;
  double held_out = 0.2;  // of the pictures that are in a pair
};

struct AdapterResult {
  std::shared_ptr<const TextAdapter> adapter;
  std::int64_t train_pairs = 0;
  std::int64_t held_out_pairs = 0;
  // Mean reciprocal rank of a held-out picture for its text, among the held-out pictures that do
  // not belong to that text: without the adapter and with it.
  double before = 0;
  double after = 0;
  // The gain's lower bound: it is greater 19 times in 20 (mean less 1.645 standard errors of the
  // paired differences).
  double gain_low = 0;
  double drift = 0;  // 1 less the mean cosine of the anchors before and after
  std::int64_t resumed_from = 0;
  std::vector<float> losses;  // of the steps of this call
};

inline constexpr std::int64_t kMinHeldOutPairs = 8;  // fewer prove nothing

// The loss is contrastive in both directions over a batch of pairs and as many random pictures;
// what belongs together besides the pair itself is no negative. The anchors' mean cosine distance
// is added. InvalidArgument when there are fewer than kMinHeldOutPairs held-out pairs, or 2 others;
// Cancelled when stopped, with a checkpoint that the next call goes on from. A checkpoint of other
// data is removed, and the run begins anew.
Result<AdapterResult> TrainAdapter(const AdapterData& data, const AdapterTraining& options,
                                   const std::function<void(const StepReport&)>& progress,
                                   std::stop_token stop = {});

}  // namespace espy::training

#endif  // ESPY_TRAINING_TRAIN_ADAPTER_H_
