// Operations and losses of training/ run on inputs by formula (tests/parity/formula.h), as
// goldens.json and compare_torch.py name them.
#ifndef ESPY_TESTS_TRAINING_CASES_H_
#define ESPY_TESTS_TRAINING_CASES_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "training/compute.h"

namespace espy::training {

struct CaseResult {
  double loss = 0;
  std::map<std::string, std::vector<float>> gradients;  // by input
};

// `c` has "name", "op", "inputs" {NAME: {"shape": [rows, columns], "scale", "offset"}} and "args".
// The value of an input is formula(case.NAME). What the operation gives is turned into a loss by
// its dot product with formula(case.factors) of scale 1, unless it is one number already.
CaseResult RunCase(const nlohmann::json& c, Compute compute, ThreadPool* pool);

}  // namespace espy::training

#endif  // ESPY_TESTS_TRAINING_CASES_H_
