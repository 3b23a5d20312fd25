// What is trained: named matrices with their gradients.
#ifndef ESPY_TRAINING_PARAMETER_H_
#define ESPY_TRAINING_PARAMETER_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace espy::training {

struct Parameter {
  std::string name;
  std::int64_t rows = 0;  // 1 for a vector
  std::int64_t columns = 0;
  std::vector<float> value;     // [rows, columns], the FP32 master
  std::vector<float> gradient;  // the same shape; every Backward adds to it
  // Whether AdamW's weight decay shrinks it: matrices yes, biases, norms and scales no.
  bool decays = false;
};

class ParameterSet {
 public:
  // Zeros. The pointer stays valid.
  Parameter* Add(std::string name, std::int64_t rows, std::int64_t columns, bool decays) {
    const auto size = static_cast<std::size_t>(rows * columns);
    all_.push_back({std::move(name), rows, columns, std::vector<float>(size),
                    std::vector<float>(size), decays});
    return &all_.back();
  }
  Parameter* Find(const std::string& name) {
    for (Parameter& parameter : all_) {
      if (parameter.name == name) return &parameter;
    }
    return nullptr;
  }
  void ClearGradients() {
    for (Parameter& parameter : all_) {
      parameter.gradient.assign(parameter.gradient.size(), 0.0f);
    }
  }
  std::int64_t size() const {  // numbers in all
    std::int64_t n = 0;
    for (const Parameter& parameter : all_) n += parameter.rows * parameter.columns;
    return n;
  }
  std::deque<Parameter>& all() { return all_; }
  const std::deque<Parameter>& all() const { return all_; }

 private:
  std::deque<Parameter> all_;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_PARAMETER_H_
