#include "ranking/stop.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "ranking/estimate/interval.h"
#include "ranking/linear_solve.h"

namespace espy::ranking {
namespace {

constexpr std::size_t kWeights = 3;
constexpr double kRidge = 1;  // of the slopes, over standardised columns
constexpr int kMostSteps = 50;
constexpr double kClip = 10;  // of one over examination
constexpr double kLeastCalibration = 0.8, kMostCalibration = 1.25;

using Vector = std::array<double, kWeights>;

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

// The wanted hits that a slot stands for, without bias where it was looked at as often as that.
double Wanted(const StopSlot& slot) { return slot.chosen ? std::min(1 / slot.examined, kClip) : 0; }

struct Scale {
  double mean = 0, deviation = 1;
  double operator()(double x) const { return (x - mean) / deviation; }
};

template <typename Column>
Scale ScaleOf(std::span<const StopPage> pages, Column column) {
  double n = 0, sum = 0, squares = 0;
  for (const StopPage& page : pages) {
    for (const StopSlot& slot : page.slots) {
      const double x = column(page, slot);
      n += 1;
      sum += x;
      squares += x * x;
    }
  }
  Scale scale;
  if (n == 0) return scale;
  scale.mean = sum / n;
  const double variance = squares / n - scale.mean * scale.mean;
  if (variance > 1e-12) scale.deviation = std::sqrt(variance);
  return scale;
}

double CosineOf(const StopPage& /*page*/, const StopSlot& slot) { return slot.cosine; }
double DropOf(const StopPage& page, const StopSlot& slot) { return page.top - slot.cosine; }

// The penalised log likelihood of the clicks; its gradient and Fisher information where asked for.
class Likelihood {
 public:
  explicit Likelihood(std::span<const StopPage> pages)
      : pages_(pages), cosine_(ScaleOf(pages, CosineOf)), drop_(ScaleOf(pages, DropOf)) {}

  double operator()(const Vector& weights, Vector* gradient,
                    std::vector<double>* information) const {
    double value = 0;
    if (gradient != nullptr) {
      gradient->fill(0);
      information->assign(kWeights * kWeights, 0);
    }
    for (const StopPage& page : pages_) {
      for (const StopSlot& slot : page.slots) {
        const Vector x = {1, cosine_(slot.cosine), drop_(DropOf(page, slot))};
        const double p = Logistic(weights[0] * x[0] + weights[1] * x[1] + weights[2] * x[2]);
        const double click = std::clamp(slot.examined * p, 1e-12, 1 - 1e-9);
        value += page.weight * (slot.chosen ? std::log(click) : std::log1p(-click));
        if (gradient == nullptr) continue;
        const double slope = page.weight * ((slot.chosen ? 1 : 0) - click) * (1 - p) / (1 - click);
        const double curve = page.weight * click * (1 - p) * (1 - p) / (1 - click);
        for (std::size_t a = 0; a < kWeights; ++a) {
          (*gradient)[a] += slope * x[a];
          for (std::size_t b = 0; b < kWeights; ++b) {
            (*information)[a * kWeights + b] += curve * x[a] * x[b];
          }
        }
      }
    }
    for (std::size_t a = 1; a < kWeights; ++a) {
      value -= 0.5 * kRidge * weights[a] * weights[a];
      if (gradient == nullptr) continue;
      (*gradient)[a] -= kRidge * weights[a];
      (*information)[a * kWeights + a] += kRidge;
    }
    if (information != nullptr) (*information)[0] += 1e-9;
    return value;
  }

  // Weights over standardised columns as weights over the columns themselves.
  StopModel Model(const Vector& weights) const {
    StopModel model;
    model.cosine = weights[1] / cosine_.deviation;
    model.drop = weights[2] / drop_.deviation;
    model.intercept = weights[0] - model.cosine * cosine_.mean - model.drop * drop_.mean;
    return model;
  }

 private:
  std::span<const StopPage> pages_;
  Scale cosine_, drop_;
};

// Fisher scoring, each step halved until the likelihood rises.
StopModel Fit(std::span<const StopPage> pages) {
  const Likelihood likelihood(pages);
  Vector weights = {-1, 0, 0}, gradient;
  std::vector<double> information;
  double value = likelihood(weights, nullptr, nullptr);
  for (int step = 0; step < kMostSteps; ++step) {
    likelihood(weights, &gradient, &information);
    const std::vector<double> direction = SolvePositive(information, gradient);
    double rise = 0;
    for (double length = 1; length > 1e-6; length /= 2) {
      Vector next = weights;
      for (std::size_t a = 0; a < kWeights; ++a) next[a] += length * direction[a];
      const double there = likelihood(next, nullptr, nullptr);
      if (!(there > value)) continue;
      rise = there - value;
      value = there;
      weights = next;
      break;
    }
    if (rise < 1e-9 * (1 + std::abs(value))) break;
  }
  return likelihood.Model(weights);
}

// Half of the greatest F1 that the model expects of what the pages showed: Dinkelbach's iteration
// (1967) for a ratio, which only rises.
double CostOf(const StopModel& model, std::span<const StopPage> pages) {
  std::vector<std::pair<double, double>> chances;  // with the page's weight
  double all = 0;
  for (const StopPage& page : pages) {
    for (const StopSlot& slot : page.slots) {
      chances.emplace_back(model.Chance(slot.cosine, page.top), page.weight);
      all += page.weight * chances.back().first;
    }
  }
  double f1 = 0;
  for (int step = 0; step < 100; ++step) {
    double wanted = 0, shown = 0;
    for (const auto& [chance, weight] : chances) {
      if (chance < f1 / 2) continue;
      wanted += weight * chance;
      shown += weight;
    }
    const double next = shown + all > 0 ? 2 * wanted / (shown + all) : 0;
    if (!(next > f1 + 1e-12)) break;
    f1 = next;
  }
  return std::clamp(f1 / 2, 1e-3, 0.5);
}

// The cosine at which a list that shows no less has the greatest F1 over all pages.
double BestFixed(std::span<const StopPage> pages) {
  struct Seen {
    double cosine, wanted, weight;
  };
  std::vector<Seen> seen;
  double all = 0;
  for (const StopPage& page : pages) {
    for (const StopSlot& slot : page.slots) {
      seen.push_back({slot.cosine, page.weight * Wanted(slot), page.weight});
      all += seen.back().wanted;
    }
  }
  std::sort(seen.begin(), seen.end(),
            [](const Seen& a, const Seen& b) { return a.cosine > b.cosine; });
  double best = 0, cosine = -1, wanted = 0, shown = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    wanted += seen[i].wanted;
    shown += seen[i].weight;
    if (i + 1 < seen.size() && seen[i + 1].cosine == seen[i].cosine) continue;
    const double f1 = 2 * wanted / (shown + all);
    if (f1 <= best) continue;
    best = f1;
    cosine = seen[i].cosine;
  }
  return cosine;
}

// F1 over pages, and each page's part in it: the mean of the parts is the F1 (the ratio's first
// order expansion), so that a bound of a mean is one of the F1.
struct Cut {
  double f1 = 0;
  std::vector<double> parts;
};

template <typename Least>
Cut CutAt(std::span<const StopPage> pages, Least least_of) {
  std::vector<double> above, below;
  double above_sum = 0, below_sum = 0;
  for (const StopPage& page : pages) {
    double wanted = 0, shown = 0, all = 0;
    const double least = least_of(page);
    for (const StopSlot& slot : page.slots) {
      all += Wanted(slot);
      if (slot.cosine < least) continue;
      wanted += Wanted(slot);
      shown += 1;
    }
    above_sum += above.emplace_back(page.weight * 2 * wanted);
    below_sum += below.emplace_back(page.weight * (shown + all));
  }
  Cut cut;
  if (!(below_sum > 0)) return cut;
  cut.f1 = above_sum / below_sum;
  const double mean = below_sum / static_cast<double>(pages.size());
  for (std::size_t i = 0; i < pages.size(); ++i) {
    cut.parts.push_back(cut.f1 + (above[i] - cut.f1 * below[i]) / mean);
  }
  return cut;
}

std::string Number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", x);
  return text;
}

}  // namespace

double StopModel::Chance(double c, double top) const {
  return Logistic(intercept + cosine * c + drop * (top - c));
}

double StopModel::LeastCosine(double top) const {
  return (std::log(cost / (1 - cost)) - intercept - drop * top) / (cosine - drop);
}

LearnedStop LearnStop(std::span<const StopPage> learn, std::span<const StopPage> judge,
                      const StopOptions& options) {
  LearnedStop learned;
  std::uint64_t chosen_pages = 0;
  double clicks = 0;
  for (const StopPage& page : judge) {
    double chosen = 0;
    for (const StopSlot& slot : page.slots) chosen += slot.chosen ? 1 : 0;
    chosen_pages += chosen > 0 ? 1 : 0;
    clicks += page.weight * chosen;
  }
  if (chosen_pages < options.least_chosen) {
    learned.why = "too little to judge by: " + std::to_string(chosen_pages) +
                  " pages with a click, and " + std::to_string(options.least_chosen) +
                  " are wanted";
    return learned;
  }
  StopModel& model = learned.model;
  model = Fit(learn);
  if (!(model.cosine - model.drop > 0) || !std::isfinite(model.intercept)) {
    learned.why = "clicks do not fall with the cosine";
    return learned;
  }
  model.cost = CostOf(model, learn);
  double expected = 0;
  for (const StopPage& page : judge) {
    for (const StopSlot& slot : page.slots) {
      expected += page.weight * slot.examined * model.Chance(slot.cosine, page.top);
    }
  }
  const double fixed = BestFixed(learn);
  const Cut by_model = CutAt(judge, [&](const StopPage& p) { return model.LeastCosine(p.top); });
  const Cut by_fixed = CutAt(judge, [&](const StopPage&) { return fixed; });
  const Cut by_none =
      CutAt(judge, [](const StopPage&) { return -std::numeric_limits<double>::infinity(); });
  std::vector<double> gains;
  std::vector<std::uint32_t> groups;
  for (std::size_t i = 0; i < judge.size(); ++i) {
    gains.push_back(by_model.parts[i] - by_none.parts[i]);
    groups.push_back(judge[i].group);
  }
  // Of one group alone nothing could be resampled: its pages stand for themselves.
  if (std::all_of(groups.begin(), groups.end(), [&](auto g) { return g == groups[0]; })) {
    groups.clear();
  }
  StopRecord& record = learned.record;
  record.f1 = by_model.f1;
  record.f1_fixed = by_fixed.f1;
  record.f1_all = by_none.f1;
  record.gain_lower =
      BootstrapInterval(gains, groups, options.confidence, options.rounds, options.seed).lower;
  record.calibration = expected / clicks;
  const std::string figures = "F1 " + Number(record.f1) + ", " + Number(record.f1_fixed) +
                              " by the best fixed cut-off, " + Number(record.f1_all) +
                              " without a cut";
  if (record.calibration < kLeastCalibration || record.calibration > kMostCalibration) {
    learned.why = "expects " + Number(record.calibration) + " times the clicks that there were";
  } else if (!(record.gain_lower > options.least_gain)) {
    learned.why = "not surely better than no cut: " + figures;
  } else if (record.f1 < record.f1_fixed) {
    learned.why = "a fixed cut-off does better: " + figures;
  } else {
    learned.better = true;
    learned.why = figures;
  }
  return learned;
}

}  // namespace espy::ranking
