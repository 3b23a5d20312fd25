// The learners that ranking.cc measures.
#ifndef ESPY_BENCH_RANKING_LEARNERS_H_
#define ESPY_BENCH_RANKING_LEARNERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "ranking/features.h"

namespace espy::ranking {

inline constexpr std::size_t kDocuments = 30, kColumns = 12, kSlots = 10;

// Shows pages and learns from what is clicked.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) = 0;
  virtual void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
                     const std::vector<bool>& clicked) = 0;
  // The order without exploring.
  virtual std::vector<std::uint32_t> Best(const FeatureRows& rows) = 0;
};

// Null where there is none of that name.
std::unique_ptr<Learner> MakeLearner(const std::string& name);

}  // namespace espy::ranking

#endif  // ESPY_BENCH_RANKING_LEARNERS_H_
