// How right off-policy estimates are, as JSON lines: made decisions and made pages, whose true
// values are known, over many runs with printed seeds.
//   ope [--rounds 100000] [--runs 200] [--seed 1]
// For each estimator: the mean and the greatest relative error of its value, and in how many runs
// its stated 95 % interval (central limit) held the truth.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "ranking/estimate/bandit.h"
#include "ranking/estimate/interval.h"
#include "ranking/estimate/slate.h"
#include "ranking/linear_solve.h"

namespace espy::ranking {
namespace {

constexpr std::size_t kActions = 8, kColumns = 6, kSlots = 5;

// A decision's actions with their features; the reward is a click by chance.
struct World {
  explicit World(std::uint64_t seed) : random(seed) {
    for (auto* w : {&truth, &logging, &target}) {
      for (double& x : *w) x = random.Normal();
    }
    for (std::size_t i = 0; i < kColumns; ++i) target[i] = 0.5 * target[i] + truth[i];
  }
  // [actions, columns]
  std::vector<double> Actions() {
    std::vector<double> x(kActions * kColumns);
    for (double& value : x) value = random.Normal() / std::sqrt(static_cast<double>(kColumns));
    return x;
  }
  static double Score(const std::vector<double>& w, const std::vector<double>& x, std::size_t a) {
    double sum = 0;
    for (std::size_t i = 0; i < kColumns; ++i) sum += w[i] * x[a * kColumns + i];
    return sum;
  }
  double Click(const std::vector<double>& x, std::size_t a) const {
    return 1 / (1 + std::exp(1 - Score(truth, x, a)));
  }
  static std::vector<double> Softmax(const std::vector<double>& w, const std::vector<double>& x) {
    std::vector<double> p(kActions);
    for (std::size_t a = 0; a < kActions; ++a) p[a] = std::exp(0.7 * Score(w, x, a));
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= sum;
    return p;
  }
  std::size_t Draw(const std::vector<double>& p) {
    double point = random.Uniform();
    std::size_t a = 0;
    while (a + 1 < p.size() && point >= p[a]) point -= p[a++];
    return a;
  }

  Random random;
  std::vector<double> truth = std::vector<double>(kColumns);
  std::vector<double> logging = truth, target = truth;
};

// Ridge regression of clicks on features and a 1: a model that is wrong, as models are.
std::vector<double> FitModel(const std::vector<std::vector<double>>& rows,
                             const std::vector<double>& clicks, std::size_t begin,
                             std::size_t end) {
  const std::size_t d = kColumns + 1;
  std::vector<double> a(d * d), b(d);
  for (std::size_t i = 0; i < d; ++i) a[i * d + i] = 1;
  for (std::size_t r = begin; r < end; ++r) {
    for (std::size_t i = 0; i < d; ++i) {
      b[i] += rows[r][i] * clicks[r];
      for (std::size_t j = 0; j < d; ++j) a[i * d + j] += rows[r][i] * rows[r][j];
    }
  }
  return SolvePositive(a, b);
}

struct Tally {
  double errors = 0, worst = 0;
  int held = 0, runs = 0;
  void Add(const std::vector<double>& terms, double truth) {
    const Interval interval = NormalInterval(terms, 0.95);
    const double error = std::abs(interval.value - truth) / truth;
    errors += error;
    worst = std::max(worst, error);
    held += interval.lower <= truth && truth <= interval.upper ? 1 : 0;
    ++runs;
  }
};

// Half of the decisions fit the model that the other half is judged with, and the other way.
void Decisions(std::uint64_t seed, std::size_t rounds, std::map<std::string, Tally>* tallies) {
  World world(seed);
  std::vector<std::vector<double>> contexts, rows;
  std::vector<double> clicks, logged, target;
  double truth = 0;
  for (std::size_t r = 0; r < rounds; ++r) {
    contexts.push_back(world.Actions());
    const std::vector<double>& x = contexts.back();
    const std::vector<double> p = World::Softmax(world.logging, x),
                              q = World::Softmax(world.target, x);
    for (std::size_t a = 0; a < kActions; ++a) truth += q[a] * world.Click(x, a);
    const std::size_t a = world.Draw(p);
    clicks.push_back(world.random.Uniform() < world.Click(x, a) ? 1 : 0);
    logged.push_back(p[a]);
    target.push_back(q[a]);
    rows.emplace_back(x.begin() + static_cast<std::ptrdiff_t>(a * kColumns),
                      x.begin() + static_cast<std::ptrdiff_t>((a + 1) * kColumns));
    rows.back().push_back(1);
  }
  truth /= static_cast<double>(rounds);
  const std::size_t half = rounds / 2;
  const std::vector<double> of_second = FitModel(rows, clicks, half, rounds);
  const std::vector<double> of_first = FitModel(rows, clicks, 0, half);
  std::vector<Decision> decisions;
  for (std::size_t r = 0; r < rounds; ++r) {
    const std::vector<double>& model = r < half ? of_second : of_first;
    const std::vector<double> q = World::Softmax(world.target, contexts[r]);
    Decision& d = decisions.emplace_back();
    d.reward = clicks[r];
    d.logged = logged[r];
    d.target = target[r];
    for (std::size_t i = 0; i <= kColumns; ++i) d.expected += model[i] * rows[r][i];
    for (std::size_t a = 0; a < kActions; ++a) {
      d.expected_of_target += q[a] * (World::Score(model, contexts[r], a) + model[kColumns]);
    }
  }
  (*tallies)["DM"].Add(DirectTerms(decisions), truth);
  (*tallies)["IPS"].Add(InverseTerms(decisions, INFINITY), truth);
  (*tallies)["clipped IPS"].Add(InverseTerms(decisions, 10), truth);
  (*tallies)["DR"].Add(DoublyRobustTerms(decisions, INFINITY), truth);
}

// Pages of kSlots decisions; a slot's click is likelier below a click, so that slots depend on
// those above, as the cascade estimates say and the independent one does not.
void Pages(std::uint64_t seed, std::size_t rounds, std::map<std::string, Tally>* tallies) {
  World world(seed * 31 + 7);
  std::vector<Page> pages;
  double truth = 0;
  const auto play = [&](const std::vector<double>& by, Page* page) {
    double sum = 0, lift = 0;
    for (std::size_t k = 0; k < kSlots; ++k) {
      const std::vector<double> x = world.Actions();
      const std::vector<double> p = World::Softmax(by, x), q = World::Softmax(world.target, x);
      const std::size_t a = world.Draw(p);
      const double click = std::min(1.0, world.Click(x, a) + lift);
      const bool clicked = world.random.Uniform() < click;
      lift = clicked ? 0.2 : 0;
      sum += clicked ? 1 : 0;
      if (page == nullptr) continue;
      SlotDecision& slot = page->emplace_back();
      slot.reward = clicked ? 1 : 0;
      slot.logged = slot.logged_marginal = p[a];
      slot.target = slot.target_marginal = q[a];
      for (std::size_t b = 0; b < kActions; ++b)
        slot.expected_of_target += q[b] * world.Click(x, b);
      slot.expected = world.Click(x, a);
    }
    return sum;
  };
  for (std::size_t r = 0; r < 4 * rounds; ++r) truth += play(world.target, nullptr);
  truth /= 4 * static_cast<double>(rounds);
  for (std::size_t r = 0; r < rounds; ++r) play(world.logging, &pages.emplace_back());
  const std::vector<double> alike(kSlots, 1);
  (*tallies)["pages: standard IPS"].Add(StandardTerms(pages, alike), truth);
  (*tallies)["pages: independent IPS"].Add(IndependentTerms(pages, alike), truth);
  (*tallies)["pages: cascade IPS"].Add(CascadeTerms(pages, alike), truth);
  (*tallies)["pages: cascade DR"].Add(CascadeDoublyRobustTerms(pages, alike), truth);
}

}  // namespace
}  // namespace espy::ranking

int main(int argc, char** argv) {
  std::size_t rounds = 100'000;
  int runs = 200;
  std::uint64_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--rounds") rounds = static_cast<std::size_t>(std::atoll(argv[i + 1]));
    if (flag == "--runs") runs = std::atoi(argv[i + 1]);
    if (flag == "--seed") seed = static_cast<std::uint64_t>(std::atoll(argv[i + 1]));
  }
  std::map<std::string, espy::ranking::Tally> tallies;
  for (int run = 0; run < runs; ++run) {
    espy::ranking::Decisions(seed + static_cast<std::uint64_t>(run), rounds, &tallies);
    espy::ranking::Pages(seed + static_cast<std::uint64_t>(run), rounds, &tallies);
  }
  for (const auto& [name, tally] : tallies) {
    std::printf(
        "{\"estimator\": \"%s\", \"rounds\": %zu, \"runs\": %d, \"seeds\": \"%llu to %llu\", "
        "\"relative_error\": %.5f, \"worst\": %.5f, \"held\": %.3f}\n",
        name.c_str(), rounds, tally.runs, static_cast<unsigned long long>(seed),
        static_cast<unsigned long long>(seed) + static_cast<unsigned long long>(runs) - 1,
        tally.errors / tally.runs, tally.worst, static_cast<double>(tally.held) / tally.runs);
  }
}
