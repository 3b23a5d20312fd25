// The transformer of transformer.h on the device: the residual stream in FP32, everything that is
// multiplied in 16 bits with FP32 sums.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_TRANSFORMER_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_TRANSFORMER_H_

#include <cstdint>
#include <vector>

#include "encoders/config.h"
#include "encoders/device/device_weights.h"
#include "espy/status.h"
#include "kernels/activation.h"
#include "kernels/cuda/matmul.h"

namespace espy::encoders {

// How and where operations are queued.
struct DeviceQueue {
  kernels::ElementType type = kernels::ElementType::kFloat16;
  void* stream = nullptr;
  void* workspace = nullptr;  // cuBLASLt's
  std::size_t workspace_bytes = 0;
  // kTensor where a row's bits must not depend on what is beside it.
  cuda::MatmulKernel products = cuda::MatmulKernel::kFastest;
};

// out [rows, outputs] in 16 bits = act(a W^T + b), rows adjacent.
Status Apply(const DeviceQueue& queue, const DeviceLinear& linear, const void* a, std::int32_t rows,
             kernels::Activation activation, void* out);
// The same in FP32, with `residual` (may be null, may be out) added.
Status ApplyToFloats(const DeviceQueue& queue, const DeviceLinear& linear, const void* a,
                     std::int32_t rows, const float* residual, float* out,
                     kernels::Activation activation = kernels::Activation::kNone);
// x += added (may be null); out = norm(x), in 16 bits. `post`: x becomes the norm too.
Status AddAndNorm(const DeviceQueue& queue, const DeviceNorm& norm, float eps, float* x,
                  const void* added, std::int32_t rows, void* out, bool post = false);

// Sequences one after the other; the pointers are to device memory.
struct DeviceSequences {
  std::int32_t count = 0;
  std::int32_t rows = 0;                  // of all
  std::int32_t longest = 0;               // rows of any
  const std::int32_t* offsets = nullptr;  // [count + 1]
  const std::int32_t* singles = nullptr;  // [count + 1]: 0, 1, 2, ...
  const std::int32_t* pooled = nullptr;   // [count]: a row of each; null where none is asked for
};

class DeviceTransformer {
 public:
  // What a run needs besides weights; a run may use less of it.
  struct Buffers {
    float* x = nullptr;      // [rows, width], the residual stream
    void* normed = nullptr;  // [rows, width]; then what attention gives
    void* qkv = nullptr;     // [rows, 3 * width]; then what is to be added to the stream
    void* hidden = nullptr;  // [rows, inter], or `hidden_bytes`
    // Of one row of each sequence.
    float* pooled_x = nullptr;      // [sequences, width]
    void* pooled_query = nullptr;   // [sequences, width]
    void* pooled_mixed = nullptr;   // [sequences, width]
    void* pooled_hidden = nullptr;  // [sequences, inter]
  };

  // Reads encoder.layers.N.*.
  static Result<DeviceTransformer> Load(DeviceLoader* loader, const TowerConfig& config);

  // hidden_bytes: what the caller needs of `hidden` before the first layer.
  Buffers TakeBuffers(cuda::VramArena* arena, std::int64_t rows, std::int64_t sequences,
                      std::size_t hidden_bytes) const;

  // at.x becomes the last layer's input to the addition: what is still to be added lies in at.qkv,
  // for AddAndNorm of the norm that follows.
  Status Run(const DeviceQueue& queue, const DeviceSequences& sequences, bool causal,
             const Buffers& at) const;

  // The same for towers that read one row of each sequence, whose last layer computes queries,
  // projection and MLP for those alone: at.pooled_x, with what is still to be added in
  // at.pooled_query.
  Status RunPooled(const DeviceQueue& queue, const DeviceSequences& sequences, bool causal,
                   const Buffers& at) const;

  const TowerConfig& config() const { return config_; }

 private:
  struct Layer {
    DeviceNorm norm1;
    DeviceLinear qkv;
    DeviceLinear projection;
    DeviceNorm norm2;
    DeviceLinear fc1;
    DeviceLinear fc2;
  };

  Status RunLayer(const DeviceQueue& queue, const Layer& layer, const DeviceSequences& sequences,
                  bool causal, const void* added, const Buffers& at) const;

  TowerConfig config_;
  std::vector<Layer> layers_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_TRANSFORMER_H_
