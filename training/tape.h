// A forward pass that remembers how to go back: each operation (ops/) adds a node and, when a
// gradient is wanted of it, a step backward. Backward runs the steps from the last to the first.
//
//   Tape tape({.compute = Compute::kFloat32, .pool = &pool});
//   Node* x = tape.Constant(rows, n, width);
//   Node* loss = CrossEntropy(tape, Linear(tape, x, tape.Use(weight), tape.Use(bias)), targets,
//   {}); tape.Backward(loss);  // weight->gradient and bias->gradient have grown by d loss
//
// One tape is one thread's; its operations divide themselves over the pool. Results have the same
// bits at any number of threads.
#ifndef ESPY_TRAINING_TAPE_H_
#define ESPY_TRAINING_TAPE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "training/compute.h"
#include "training/parameter.h"

namespace espy::training {

// A matrix [rows, columns] of FP32 numbers, rows adjacent. What has more dimensions lies in rows:
// the tokens of all sequences one after the other, the heads side by side.
class Node {
 public:
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t size() const { return rows_ * columns_; }
  const float* value() const { return value_; }
  float scalar() const { return value_[0]; }
  bool needs_gradient() const { return needs_gradient_; }
  // d loss / d value, zeros at first. A node that nothing asked for has none, and its step backward
  // has nothing to do.
  float* Gradient();
  bool has_gradient() const { return gradient_ != nullptr; }
  float* mutable_value() { return own_.data(); }  // of Tape::New, before others read it

 private:
  friend class Tape;
  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  bool needs_gradient_ = false;
  std::vector<float> own_;
  std::vector<float> own_gradient_;
  const float* value_ = nullptr;
  float* gradient_ = nullptr;
};

struct TapeOptions {
  Compute compute = Compute::kFloat32;
  ThreadPool* pool = nullptr;
};

class Tape {
 public:
  explicit Tape(const TapeOptions& options) : options_(options) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Leaves. The memory of both must outlive the tape; a constant gets no gradient.
  Node* Use(Parameter* parameter);
  Node* Constant(const float* values, std::int64_t rows, std::int64_t columns);
  // A frozen parameter: its value without its gradient.
  Node* Freeze(const Parameter& parameter) {
    return Constant(parameter.value.data(), parameter.rows, parameter.columns);
  }

  // For operations: a node to be filled, zeros at first, and its step backward.
  Node* New(std::int64_t rows, std::int64_t columns, bool needs_gradient);
  void OnBackward(std::function<void()> step) { steps_.push_back(std::move(step)); }

  // Adds scale * d loss / d parameter to the gradient of every parameter used. `loss` is one
  // number. Once a tape.
  void Backward(Node* loss, float scale = 1);

  Compute compute() const { return options_.compute; }
  ThreadPool* pool() const { return options_.pool; }

 private:
  TapeOptions options_;
  std::deque<Node> nodes_;
  std::vector<std::function<void()>> steps_;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_TAPE_H_
