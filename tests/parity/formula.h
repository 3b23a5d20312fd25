// Weights and inputs by formula (formula.py computes the same numbers), and model directories made
// of them.
#ifndef ESPY_TESTS_PARITY_FORMULA_H_
#define ESPY_TESTS_PARITY_FORMULA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espy::parity {

// Element i is scale * u + offset in float32, with u = (bits >> 40) * 2^-23 - 1 in [-1, 1) and
// bits = splitmix64(fnv1a64(name) + i).
std::vector<float> FormulaValues(std::string_view name, std::int64_t n, float scale,
                                 float offset = 0.0f);

struct FormulaTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  float scale = 1;
  float offset = 0;
};

// The bytes of a safetensors file of these tensors, their values rounded to `dtype` ("F32", "F16",
// "BF16").
std::string FormulaSafetensors(const std::vector<FormulaTensor>& tensors, std::string_view dtype);

}  // namespace espy::parity

#endif  // ESPY_TESTS_PARITY_FORMULA_H_
