// The pre-norm transformer that the towers of every family share (Dosovitskiy et al. 2020; the text
// side of Radford et al. 2021): x += attention(norm1(x)), then x += fc2(act(fc1(norm2(x)))), layer
// after layer. The products are in the precision of their weights, all between them in FP32.
#ifndef ESPY_ENCODERS_TRANSFORMER_H_
#define ESPY_ENCODERS_TRANSFORMER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "kernels/aligned_buffer.h"

namespace espy::encoders {

kernels::Activation KernelActivation(Activation activation);

// Memory of one run through a tower, kept between calls; one thread at a time.
struct Workspace {
  kernels::AlignedBuffer tokens;  // [tokens, width], the residual stream
  kernels::AlignedBuffer normed;  // [tokens, width]
  kernels::AlignedBuffer qkv;     // [tokens, 3 * width]
  kernels::AlignedBuffer mixed;   // [tokens, width], what attention gives
  kernels::AlignedBuffer
      hidden;  // [tokens, inter]; [patches, channels * patch^2] before the first layer
  kernels::AlignedBuffer pooled;  // [sequences, 3 * width]
};

// out = act(a W^T + b) + residual for adjacent rows; residual may be null or out.
void Apply(const Linear& linear, const float* a, std::int64_t rows, kernels::Activation activation,
           const float* residual, float* out, ThreadPool* pool);
void Apply(const Norm& norm, float eps, const float* x, std::int64_t rows, float* out,
           ThreadPool* pool);

class Transformer {
 public:
  // Reads encoder.layers.N.* of `tower`.
  static Result<Transformer> Load(const Weights& tower, const TowerConfig& config);

  // Sequence s is the rows [offsets[s], offsets[s + 1]) of workspace->tokens, which are replaced by
  // the last layer's output. No row depends on another sequence.
  void Run(std::span<const std::int64_t> offsets, bool causal, Workspace* workspace,
           ThreadPool* pool) const;

  // The same for towers that read one token of each sequence: `rows` has one row number for each,
  // and its last layer's output goes to out [sequences, width]. The last layer then computes
  // queries, projection and MLP for these rows only, which gives the same numbers for less than a
  // fifth of the layer's work. With `causal` the row must be the last of its sequence.
  // workspace->tokens is left unspecified.
  void RunPooled(std::span<const std::int64_t> offsets, bool causal,
                 std::span<const std::int64_t> rows, Workspace* workspace, float* out,
                 ThreadPool* pool) const;

 private:
  struct Layer {
    Norm norm1;
    Linear qkv;  // [3 * width, width]: queries, keys, values
    Linear projection;
    Norm norm2;
    Linear fc1;
    Linear fc2;
  };

  void RunLayer(const Layer& layer, std::span<const std::int64_t> offsets, bool causal,
                Workspace* workspace, ThreadPool* pool) const;
  void Reserve(std::int64_t tokens, Workspace* workspace) const;

  TowerConfig config_;
  std::vector<Layer> layers_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TRANSFORMER_H_
