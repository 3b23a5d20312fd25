#include "engine/search/diversity.h"

#include <algorithm>
#include <limits>

namespace espy::search {
namespace {

float Dot(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

std::vector<std::size_t> DiverseOrder(std::span<const float> relevance,
                                      std::span<const float> vectors, std::size_t dimension,
                                      std::size_t n, float d) {
  const std::size_t count = relevance.size();
  if (count == 0) return {};
  const auto [worst, best] = std::minmax_element(relevance.begin(), relevance.end());
  const float low = *worst, width = std::max(*best - *worst, 1e-12f);
  // The range of similarity: from each candidate to the most relevant one. All pairs would cost
  // more than the choice itself, and the range is only a scale.
  const std::size_t top = static_cast<std::size_t>(best - relevance.begin());
  float least = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < count; ++i) {
    least = std::min(least, Dot(&vectors[i * dimension], &vectors[top * dimension], dimension));
  }
  const float reach = std::max(1.0f - least, 1e-12f);

  std::vector<float> likest(count, 0.0f);  // to one chosen, in [0, 1]
  std::vector<char> chosen(count, 0);
  std::vector<std::size_t> order;
  while (order.size() < std::min(n, count)) {
    std::size_t next = count;
    float next_value = -std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < count; ++i) {
      if (chosen[i] != 0) continue;
      const float value = (1 - d) * (relevance[i] - low) / width - d * likest[i];
      if (value > next_value) {
        next = i;
        next_value = value;
      }
    }
    if (next == count) break;  // scores that are no numbers
    chosen[next] = 1;
    order.push_back(next);
    for (std::size_t i = 0; i < count; ++i) {
      if (chosen[i] != 0) continue;
      const float cosine = Dot(&vectors[i * dimension], &vectors[next * dimension], dimension);
      likest[i] = std::max(likest[i], std::clamp((cosine - least) / reach, 0.0f, 1.0f));
    }
  }
  return order;
}

}  // namespace espy::search
