// Tensors of one tower, found by the names that publishers give them, checked, and turned to FP32
// or packed for the kernels.
#ifndef ESPY_ENCODERS_WEIGHTS_H_
#define ESPY_ENCODERS_WEIGHTS_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "encoders/panels/tower_panels.h"
#include "encoders/safetensors.h"
#include "espy/status.h"
#include "kernels/element.h"
#include "kernels/matmul.h"

namespace espy::encoders {

// A tensor in the mapped file: FP32, FP16 or BF16 values in row-major order, at any address.
struct StoredTensor {
  const std::uint8_t* data = nullptr;
  kernels::ElementType type = kernels::ElementType::kFloat32;
};

// y = x W^T + b.
struct Linear {
  kernels::PackedMatrix weight;
  std::vector<float> bias;  // empty: none
};

struct Norm {
  std::vector<float> weight;
  std::vector<float> bias;
};

// How a tower is loaded.
struct TowerOptions {
  TowerOptions(ThreadPool* threads,  // NOLINT(google-explicit-constructor)
               kernels::Precision numbers = kernels::Precision::kFloat32,
               TowerPanels* store = nullptr)
      : pool(threads), precision(numbers), panels(store) {}

  ThreadPool* pool;  // used where it helps; may be null
  // Of the products' weights and, where the CPU multiplies them so, activations. In INT8 only the
  // layers' products are in 8 bits: the few that lie before and after them (patches, pooling head,
  // projection) are BF16, for their share of the work is small and their errors reach the vector
  // undamped.
  kernels::Precision precision;
  // Where packed weights are found, or else packed; must outlive the tower. Null: each matrix is
  // packed in memory of its own.
  TowerPanels* panels;
};

// Reads from `file`, which must outlive it, as `options` say. `tower` is
// "vision_model" or "text_model"; a tensor NAME of it is looked for as TOWER.NAME, under any
// further prefix ("model.TOWER.NAME"), and bare, as files of a single tower have it. Other tensors
// of the file (position_ids, the other tower) are not looked at.
//
// Every function fails with Corruption, naming the file, the tensor, the expected shape and the one
// found, when a tensor is absent or of another shape, and with Unsupported when its numbers are not
// FP32, FP16 or BF16.
class Weights {
 public:
  Weights(const Safetensors* file, std::string tower, const TowerOptions& options)
      : file_(file), tower_(std::move(tower)), options_(options) {}

  // The same file outside of the tower ("visual_projection.weight").
  Weights Outside() const { return Named(""); }
  // The same tensors, packed in the precision of the layers.
  Weights ForLayers() const {
    Weights layers = *this;
    layers.in_layers_ = true;
    return layers;
  }

  // Dimensions of size 1 in front are ignored on both sides: [1, 1, 768] is [768].
  Result<StoredTensor> Find(std::string_view name, std::initializer_list<std::int64_t> shape) const;

  // Rows of `stored` [outputs, inputs] in the precision that is due to them. `name` is that of the
  // tensor that they are of, with a word for the part where they are not all of it.
  kernels::PackedMatrix Pack(std::string_view name, const StoredTensor& stored,
                             std::int64_t outputs, std::int64_t inputs) const;
  Result<std::vector<float>> Vector(std::string_view name,
                                    std::initializer_list<std::int64_t> shape) const;
  Result<Norm> ReadNorm(std::string_view name, std::int64_t width) const;
  // NAME.weight [outputs, inputs] and, when asked for, NAME.bias [outputs].
  Result<Linear> ReadLinear(std::string_view name, std::int64_t outputs, std::int64_t inputs,
                            bool with_bias = true) const;
  // Several linears of the same input as one, their outputs one after the other.
  Result<Linear> ReadFused(std::initializer_list<std::string> names, std::int64_t outputs_each,
                           std::int64_t inputs) const;

  ThreadPool* pool() const { return options_.pool; }

 private:
  Weights Named(std::string tower) const {
    Weights named = *this;
    named.tower_ = std::move(tower);
    return named;
  }
  std::string FullName(std::string_view name) const;
  const TensorView* Lookup(std::string_view name) const;
  // The parts, [outputs_each, inputs] each, one below the other.
  kernels::PackedMatrix PackParts(const std::string& name, std::span<const StoredTensor> parts,
                                  std::int64_t outputs_each, std::int64_t inputs) const;
  kernels::Precision precision() const;

  const Safetensors* file_;
  std::string tower_;
  TowerOptions options_;
  bool in_layers_ = false;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_WEIGHTS_H_
