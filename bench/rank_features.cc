// What ordering a shortlist costs, as JSON lines: features of 200 candidates of 256 dimensions with
// a history as long as it may become, a linear policy's scores, and the order. Medians of 200.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/random.h"
#include "ranking/linear_policy.h"
#include "ranking/order.h"
#include "ranking/shortlist_features.h"

namespace espy::ranking {
namespace {

std::vector<float> Unit(Random* random, std::size_t dimension) {
  std::vector<float> vector(dimension);
  double squares = 0;
  for (float& x : vector) {
    x = static_cast<float>(random->Normal());
    squares += x * x;
  }
  for (float& x : vector) x /= static_cast<float>(std::sqrt(squares));
  return vector;
}

void Run(std::size_t candidates, std::size_t dimension) {
  Random random(1);
  std::vector<std::vector<float>> vectors;
  for (std::size_t i = 0; i < 20'000; ++i) vectors.push_back(Unit(&random, dimension));
  ClickHistory history;
  for (std::size_t page = 0; page < 50'000; ++page) {
    std::vector<Choice> choices;
    for (int slot = 0; slot < 10; ++slot) {
      const std::size_t item = random.Below(vectors.size());
      choices.push_back({item, vectors[item], 0.5, random.Uniform() < 0.2 ? 1.0 : 0.0});
    }
    history.Add(vectors[random.Below(200)], choices);
  }
  Shortlist list;
  list.question = vectors[7];
  for (std::size_t i = 0; i < candidates; ++i) {
    Candidate candidate;
    candidate.item = random.Below(vectors.size());
    candidate.dense = static_cast<float>(random.Uniform());
    candidate.look = random.Next();
    candidate.age_days = 100;
    candidate.vector = vectors[candidate.item];
    list.candidates.push_back(candidate);
  }
  const LinearPolicy policy(ShortlistSchema(),
                            std::vector<double>(ShortlistSchema().columns.size(), 0.3));
  std::vector<double> seconds;
  std::size_t first = 0;
  for (int i = 0; i < 200; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<float> features = ShortlistFeatures(list, history);
    std::vector<float> scores(candidates);
    policy.Score({features, ShortlistSchema().columns.size()}, scores);
    first += OrderByScore(scores)[0];
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"candidates\": %zu, \"dimension\": %zu, \"ms\": %.4f, \"p95_ms\": %.4f, \"first\": %zu}\n",
      candidates, dimension, 1e3 * seconds[100], 1e3 * seconds[190], first / 200);
}

}  // namespace
}  // namespace espy::ranking

int main() {
  for (const std::size_t dimension : {256, 512, 768}) espy::ranking::Run(200, dimension);
}
