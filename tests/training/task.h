// A small real task: a two-layer network learns which of eight directions is nearest to a point.
#ifndef ESPY_TESTS_TRAINING_TASK_H_
#define ESPY_TESTS_TRAINING_TASK_H_

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "training/ops/activation.h"
#include "training/ops/cross_entropy.h"
#include "training/ops/embedding.h"
#include "training/ops/linear.h"
#include "training/ops/norm.h"
#include "training/trainer.h"

namespace espy::training {

struct Task {
  static constexpr std::int64_t kExamples = 512;
  static constexpr std::int64_t kWidth = 16;
  static constexpr std::int64_t kClasses = 8;
  static constexpr std::int64_t kHidden = 64;

  Task() {
    Random random(42);
    std::vector<float> directions(kClasses * kWidth);
    for (float& x : directions) x = static_cast<float>(random.Normal());
    for (std::int64_t i = 0; i < kExamples; ++i) {
      const float* row = nullptr;
      for (std::int64_t j = 0; j < kWidth; ++j) {
        points.push_back(static_cast<float>(random.Normal()));
      }
      row = points.data() + i * kWidth;
      std::int64_t best = 0;
      double largest = -1e9;
      for (std::int64_t c = 0; c < kClasses; ++c) {
        double dot = 0;
        for (std::int64_t j = 0; j < kWidth; ++j)
          dot += double{row[j]} * directions[c * kWidth + j];
        if (dot > largest) largest = dot, best = c;
      }
      classes.push_back(best);
    }
    for (const auto& [name, rows, columns, decays] :
         {std::tuple("in", kHidden, kWidth, true),
          std::tuple("in_bias", std::int64_t{1}, kHidden, false),
          std::tuple("norm", std::int64_t{1}, kHidden, false),
          std::tuple("norm_bias", std::int64_t{1}, kHidden, false),
          std::tuple("out", kClasses, kHidden, true)}) {
      Parameter* p = parameters.Add(name, rows, columns, decays);
      for (float& x : p->value) {
        x = decays ? static_cast<float>(random.Normal() / std::sqrt(static_cast<double>(columns)))
                   : 0;
      }
    }
    for (float& x : parameters.Find("norm")->value) x = 1;
  }

  // Noise from `random` is added to the points, so that its state is part of a run.
  Node* Loss(Tape& tape, std::span<const std::int64_t> examples, Random* random) {
    Node* x = tape.New(static_cast<std::int64_t>(examples.size()), kWidth, false);
    std::vector<std::int64_t> targets;
    std::int64_t at = 0;
    for (const std::int64_t example : examples) {
      for (std::int64_t j = 0; j < kWidth; ++j) {
        x->mutable_value()[at++] =
            points[example * kWidth + j] + static_cast<float>(0.01 * random->Normal());
      }
      targets.push_back(classes[static_cast<std::size_t>(example)]);
    }
    const auto use = [&](const char* name) { return tape.Use(parameters.Find(name)); };
    Node* hidden = LayerNorm(tape, Linear(tape, x, use("in"), use("in_bias")), use("norm"),
                             use("norm_bias"), 1e-5f);
    return CrossEntropy(tape, Linear(tape, Activate(tape, Pointwise::kGelu, hidden), use("out")),
                        targets);
  }
  Trainer::LossFn loss() {
    return [this](Tape& tape, std::span<const std::int64_t> examples, Random* random) {
      return Loss(tape, examples, random);
    };
  }

  ParameterSet parameters;
  std::vector<float> points;
  std::vector<std::int64_t> classes;
};

}  // namespace espy::training

#endif  // ESPY_TESTS_TRAINING_TASK_H_
