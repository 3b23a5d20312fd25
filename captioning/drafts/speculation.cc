#include "captioning/drafts/speculation.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "captioning/drafts/tree_choice.h"

namespace espy::captioning {

namespace {

// A pass streams the weights once whatever its rows: a row is guessed at 3 % of a pass. The first
// passes of a size replace the guess.
VerifyCosts Guess() {
  std::vector<VerifyCosts::Point> points;
  for (const double rows : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512}) {
    points.push_back({rows, 1 + 0.03 * (rows - 1)});
  }
  return VerifyCosts(std::move(points));
}

}  // namespace

void SpeculationCounters::Add(const SpeculationCounters& other) {
  passes += other.passes;
  drafted_passes += other.drafted_passes;
  steps += other.steps;
  tokens += other.tokens;
  drafted_rows += other.drafted_rows;
  accepted_rows += other.accepted_rows;
  failed_drafts += other.failed_drafts;
  for (std::size_t i = 0; i < kDepths; ++i) {
    tried[i] += other.tried[i];
    held[i] += other.held[i];
  }
  draft_seconds += other.draft_seconds;
  pass_seconds += other.pass_seconds;
}

Speculation::Speculation(SpeculationOptions options)
    : options_(std::move(options)), costs_(Guess()) {
  options_.max_nodes = std::clamp(options_.max_nodes, 0, DraftTree::kMaxNodes);
}

double Speculation::SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::size_t Speculation::Class(int texts) {
  if (texts >= 8) return 3;
  if (texts >= 4) return 2;
  return texts >= 2 ? 1 : 0;
}

int Speculation::Size(std::span<const double> reaches, int texts) {
  const auto most = std::min(reaches.size(), static_cast<std::size_t>(options_.max_nodes));
  if (options_.always) return static_cast<int>(most);
  // The texts of a batch draft alike: a node of one stands for a row of each.
  const int size = BestSize(reaches.first(most), [&](int nodes) {
    return costs_.Seconds(static_cast<double>(texts) * (1 + nodes));
  });
  budget_ = std::min(std::max(2 * size, 8), options_.max_nodes);
  return size;
}

void Speculation::Observe(int texts, int rows, bool drafted, double draft_seconds,
                          double pass_seconds, int tokens) {
  costs_.Observe(rows, pass_seconds);
  gates_[Class(texts)].Observe(drafted, draft_seconds + pass_seconds, tokens);
  ++counters_.passes;
  counters_.drafted_passes += rows > texts ? 1 : 0;
  counters_.steps += texts;
  counters_.tokens += tokens;
  counters_.draft_seconds += draft_seconds;
  counters_.pass_seconds += pass_seconds;
}

}  // namespace espy::captioning
