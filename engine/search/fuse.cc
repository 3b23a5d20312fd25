#include "engine/search/fuse.h"

#include <algorithm>
#include <limits>

namespace espy::search {
namespace {

constexpr float kRankOffset = 60;  // k of the paper

void Sort(std::vector<Fused>* rows) {
  std::sort(rows->begin(), rows->end(), [](const Fused& a, const Fused& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.parts.dense != b.parts.dense) return a.parts.dense > b.parts.dense;
    return a.id < b.id;
  });
}

float Reciprocal(std::int64_t rank) {
  return rank == 0 ? 0.0f : 1.0f / (kRankOffset + static_cast<float>(rank));
}

}  // namespace

void FuseByRank(std::vector<Fused>* rows) {
  for (Fused& row : *rows) {
    row.score = Reciprocal(row.parts.dense_rank) + Reciprocal(row.parts.text_rank);
  }
  Sort(rows);
}

void FuseByWeight(std::vector<Fused>* rows, float text_weight) {
  float least = std::numeric_limits<float>::max();
  float greatest = std::numeric_limits<float>::lowest(), words = 0;
  for (const Fused& row : *rows) {
    least = std::min(least, row.parts.dense);
    greatest = std::max(greatest, row.parts.dense);
    words = std::max(words, row.parts.text);
  }
  for (Fused& row : *rows) {
    const float dense = greatest > least ? (row.parts.dense - least) / (greatest - least) : 1.0f;
    const float text = words > 0 ? row.parts.text / words : 0.0f;
    row.score = (1 - text_weight) * dense + text_weight * text;
  }
  Sort(rows);
}

}  // namespace espy::search
