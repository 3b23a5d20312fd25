// A residual adapter of text vectors: y = unit(x + W2 gelu(W1 x + b1) + b2), W2 and b2 0 at first,
// so that it begins as nothing (Houlsby et al., 2019; CLIP-Adapter, Gao et al., 2021).
#ifndef ESPY_TRAINING_ADAPTER_H_
#define ESPY_TRAINING_ADAPTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "training/parameter.h"
#include "training/tape.h"

namespace espy::training {

// As it is trained.
struct AdapterModel {
  // W1 at N(0, 1 / width) from `seed`.
  AdapterModel(std::int64_t width, std::int64_t bottleneck, std::uint64_t seed);
  // x [n, width] -> unit rows [n, width].
  Node* Apply(Tape& tape, Node* x);

  ParameterSet parameters;
  Parameter *down, *down_bias, *up, *up_bias;
};

// As it is used: immutable, any thread.
class TextAdapter {
 public:
  explicit TextAdapter(const AdapterModel& model);
  // A safetensors file in memory: down.weight [bottleneck, width], down.bias, up.weight
  // [width, bottleneck], up.bias, in FP32.
  std::string Bytes() const;
  // Corruption, naming `name`, for anything but what Bytes gives: other tensors, other shapes, a
  // width that is not `width`, numbers that are not finite.
  static Result<std::shared_ptr<const TextAdapter>> Parse(std::string_view bytes,
                                                          std::int64_t width,
                                                          const std::string& name);

  // Replaces a unit vector [width]. The same bits on every machine of a CPU family.
  void Apply(std::span<float> x) const;

 private:
  TextAdapter() = default;
  std::int64_t width_ = 0;
  std::int64_t bottleneck_ = 0;
  std::vector<float> down_, down_bias_, up_, up_bias_;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_ADAPTER_H_
