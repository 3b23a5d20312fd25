#include "captioning/drafts/acceptance_table.h"

#include <algorithm>
#include <cmath>

namespace espy::captioning {

namespace {
constexpr double kRememberedTrials = 4096;  // a share is then known to within about 1 in 60
}

AcceptanceTable::AcceptanceTable() {
  for (int depth = 1; depth <= kMaxDepth; ++depth) {
    for (int rank = 0; rank < kMaxRanks; ++rank) SetPrior(depth, rank, std::exp2(-depth - rank));
  }
}

bool AcceptanceTable::Holds(int depth, int rank) {
  return depth >= 1 && depth <= kMaxDepth && rank >= 0 && rank < kMaxRanks;
}

const AcceptanceTable::Cell& AcceptanceTable::At(int depth, int rank) const {
  return cells_[static_cast<std::size_t>(depth - 1)][static_cast<std::size_t>(rank)];
}

AcceptanceTable::Cell& AcceptanceTable::At(int depth, int rank) {
  return cells_[static_cast<std::size_t>(depth - 1)][static_cast<std::size_t>(rank)];
}

void AcceptanceTable::SetPrior(int depth, int rank, double chance) {
  if (!Holds(depth, rank)) return;
  At(depth, rank).prior = std::isfinite(chance) ? std::clamp(chance, 0.0, 1.0) : 0;
}

double AcceptanceTable::Chance(int depth, int rank) const {
  if (!Holds(depth, rank)) return 0;
  const Cell& cell = At(depth, rank);
  return (cell.prior * kPriorTrials + cell.hits) / (kPriorTrials + cell.trials);
}

void AcceptanceTable::Observe(int depth, int rank, bool right) {
  if (!Holds(depth, rank)) return;
  Cell& cell = At(depth, rank);
  cell.trials += 1;
  cell.hits += right ? 1 : 0;
  cell.all_trials += 1;
  cell.all_hits += right ? 1 : 0;
  if (cell.trials >= kRememberedTrials) {
    cell.trials /= 2;
    cell.hits /= 2;
  }
}

void AcceptanceTable::ObserveTree(const DraftTree& proposed, std::span<const std::int32_t> truth,
                                  std::span<const int> ranks) {
  int at = DraftTree::kRoot;
  for (const std::int32_t token : truth) {
    for (const int child : proposed.Children(at)) {
      const int rank =
          ranks.empty() ? proposed.rank(child) : ranks[static_cast<std::size_t>(child)];
      Observe(proposed.depth(child), rank, proposed.token(child) == token);
    }
    at = proposed.Child(at, token);
    if (at == DraftTree::kRoot) return;
  }
}

std::int64_t AcceptanceTable::Trials(int depth, int rank) const {
  return Holds(depth, rank) ? At(depth, rank).all_trials : 0;
}

std::int64_t AcceptanceTable::Hits(int depth, int rank) const {
  return Holds(depth, rank) ? At(depth, rank).all_hits : 0;
}

}  // namespace espy::captioning
