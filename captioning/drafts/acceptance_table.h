// How often a drafter's guesses hold, by depth and rank: what its trees are chosen from.
#ifndef ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_TABLE_H_
#define ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_TABLE_H_

#include <array>
#include <cstdint>
#include <span>

#include "captioning/drafts/draft_tree.h"

namespace espy::captioning {

// The chance of (depth, rank) is that of the rank-th candidate for the token `depth` places after
// the root being right where all before it are. It starts from a prior, a file's figures or a
// cautious guess, which counts as kPriorTrials observations, and follows what is observed. One
// thread at a time.
class AcceptanceTable {
 public:
  static constexpr int kMaxDepth = 16;
  static constexpr int kMaxRanks = 16;
  static constexpr double kPriorTrials = 16;

  AcceptanceTable();  // the cautious guess: half at the first place, and half of that a rank or
                      // depth

  void SetPrior(int depth, int rank, double chance);  // depth from 1, rank from 0; kept in [0, 1]
  double Chance(int depth, int rank) const;           // 0 outside of the table
  void Observe(int depth, int rank, bool right);

  // Observes every node of `proposed` whose parent `truth` passes through: truth[0] is the token
  // that followed the root, and so on. ranks: which candidate each node was; empty: its place among
  // its siblings.
  void ObserveTree(const DraftTree& proposed, std::span<const std::int32_t> truth,
                   std::span<const int> ranks = {});

  std::int64_t Trials(int depth, int rank) const;
  std::int64_t Hits(int depth, int rank) const;

 private:
  struct Cell {
    double prior = 0;
    // Halved together when they grow large, so that the chance follows a library that changes.
    double trials = 0;
    double hits = 0;
    std::int64_t all_trials = 0;  // since the start
    std::int64_t all_hits = 0;
  };
  static bool Holds(int depth, int rank);
  // The cell of a place that the table holds.
  const Cell& At(int depth, int rank) const;
  Cell& At(int depth, int rank);
  std::array<std::array<Cell, kMaxRanks>, kMaxDepth> cells_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_TABLE_H_
