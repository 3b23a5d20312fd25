#include "ranking/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "ranking/examination.h"
#include "ranking/order.h"

namespace espy::ranking {

std::string_view UserKindName(UserKind kind) {
  switch (kind) {
    case UserKind::kPbm:
      return "pbm";
    case UserKind::kCascade:
      return "cascade";
    case UserKind::kDcm:
      return "dcm";
    case UserKind::kUbm:
      return "ubm";
  }
  return "";
}

double ClickChance(int grade) {
  constexpr double kLeast = 0.1, kMost = 1;
  constexpr double kB = (kMost - kLeast) / ((1 << (kGrades - 1)) - 1);
  return kLeast - kB + kB * std::exp2(grade);
}

// PBM: the measured curve. UBM: the same curve, risen by half of what it lacks right below a click,
// and by less with each slot further from it: a person who just found something looks on.
double User::Looks(std::size_t slot, std::size_t since_click) const {
  const double curve = PositionExamination(slot + 1, severity_)[slot];
  if (kind_ != UserKind::kUbm || since_click == 0) return curve;
  return curve + (1 - curve) * 0.5 / static_cast<double>(since_click);
}

std::vector<bool> User::Visit(std::span<const int> grades, Random* random) const {
  std::vector<bool> clicked(grades.size());
  std::size_t since_click = 0;  // slots since the last one; 0: none yet
  for (std::size_t k = 0; k < grades.size(); ++k) {
    const bool goes_down = kind_ == UserKind::kCascade || kind_ == UserKind::kDcm;
    const bool looks = goes_down || random->Uniform() < Looks(k, since_click);
    clicked[k] = looks && random->Uniform() < ClickChance(grades[k]);
    if (clicked[k] && kind_ == UserKind::kCascade) break;
    // DCM's chance to go on falls with the slot, as the measured curve does.
    if (clicked[k] && kind_ == UserKind::kDcm && random->Uniform() >= Looks(k, 0)) break;
    since_click = clicked[k] ? 1 : since_click + (since_click > 0 ? 1 : 0);
  }
  return clicked;
}

MadeQueries MakeQueries(std::size_t queries, std::size_t documents, std::size_t columns,
                        std::uint64_t world, std::uint64_t seed) {
  MadeQueries made;
  made.schema.name = "made";
  made.schema.version = 1;
  made.documents = documents;
  for (std::size_t a = 0; a < columns; ++a) {
    made.schema.columns.push_back(a == 0 ? "similarity" : "f" + std::to_string(a));
  }
  Random hidden(world);  // the same function for the queries that learn and those that judge
  std::vector<double> weights(columns), pairs(columns);
  for (std::size_t a = 1; a < columns; ++a) {
    weights[a] = hidden.Normal();
    pairs[a] = 0.3 * hidden.Normal();
  }
  Random random(seed);
  for (std::size_t q = 0; q < queries; ++q) {
    std::vector<float> features(documents * columns);
    std::vector<float> truth(documents);
    for (std::size_t i = 0; i < documents; ++i) {
      float* x = features.data() + i * columns;
      double sum = 0;
      for (std::size_t a = 1; a < columns; ++a) x[a] = static_cast<float>(random.Normal());
      for (std::size_t a = 1; a < columns; ++a) {
        sum += weights[a] * x[a] + pairs[a] * x[a] * x[1 + a % (columns - 1)];
      }
      truth[i] =
          static_cast<float>(sum / std::sqrt(static_cast<double>(columns)) + 0.3 * random.Normal());
      x[0] = static_cast<float>(0.6 * truth[i] + 0.8 * random.Normal());
    }
    std::vector<float> similarity(documents);
    for (std::size_t i = 0; i < documents; ++i) similarity[i] = features[i * columns];
    std::vector<float> ordered;
    std::vector<float> ordered_truth;
    for (const std::uint32_t i : OrderByScore(similarity)) {
      ordered.insert(ordered.end(), features.begin() + static_cast<std::ptrdiff_t>(i * columns),
                     features.begin() + static_cast<std::ptrdiff_t>((i + 1) * columns));
      ordered_truth.push_back(truth[i]);
    }
    // Six in ten are of no use, and each better grade is rarer.
    constexpr std::array<double, kGrades - 1> kBelow = {0.6, 0.8, 0.9, 0.97};
    const std::vector<std::uint32_t> best = OrderByScore(ordered_truth);
    std::vector<int> grades(documents);
    for (std::size_t place = 0; place < documents; ++place) {
      const double share = 1 - (static_cast<double>(place) + 0.5) / static_cast<double>(documents);
      grades[best[place]] =
          static_cast<int>(std::upper_bound(kBelow.begin(), kBelow.end(), share) - kBelow.begin());
    }
    made.features.push_back(std::move(ordered));
    made.grades.push_back(std::move(grades));
  }
  return made;
}

double Ndcg(std::span<const std::uint32_t> order, std::span<const int> grades, std::size_t k) {
  const auto gain = [](int grade, std::size_t slot) {
    return (std::exp2(grade) - 1) / std::log2(static_cast<double>(slot) + 2);
  };
  std::vector<int> ideal(grades.begin(), grades.end());
  std::sort(ideal.rbegin(), ideal.rend());
  double sum = 0, most = 0;
  for (std::size_t slot = 0; slot < std::min(k, grades.size()); ++slot) {
    most += gain(ideal[slot], slot);
    if (slot < order.size()) sum += gain(grades[order[slot]], slot);
  }
  return most > 0 ? sum / most : 1;
}

}  // namespace espy::ranking
