// SigLIP's pooling head: a learned probe asks every token of a picture once; then r + mlp(norm(r))
// (Zhai et al. 2022, "Scaling Vision Transformers", multi-head attention pooling).
#ifndef ESPY_ENCODERS_SIGLIP_ATTENTION_POOL_H_
#define ESPY_ENCODERS_SIGLIP_ATTENTION_POOL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/transformer.h"
#include "encoders/weights.h"
#include "espy/status.h"

namespace espy::encoders {

class AttentionPool {
 public:
  // Reads head.* of `weights`. The probe's query is the same for every picture and computed here.
  static Result<AttentionPool> Load(const Weights& weights, const VisionConfig& config);

  // x: the tokens of each picture, [offsets.back(), width]; out: [pictures, width].
  void Run(const float* x, std::span<const std::int64_t> offsets, Workspace* workspace, float* out,
           ThreadPool* pool) const;

 private:
  VisionConfig config_;
  std::vector<float> query_;  // [width]
  Linear key_value_;          // [2 * width, width]
  Linear out_;
  Norm norm_;
  Linear fc1_;
  Linear fc2_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_SIGLIP_ATTENTION_POOL_H_
