// What is learned about drafting while texts are decoded: on this machine, with this decoder.
#ifndef ESPY_CAPTIONING_DRAFTS_SPECULATION_H_
#define ESPY_CAPTIONING_DRAFTS_SPECULATION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "captioning/drafts/acceptance.h"
#include "captioning/drafts/draft_tree.h"
#include "captioning/drafts/speculation_gate.h"
#include "captioning/drafts/verify_costs.h"

namespace espy::captioning {

struct SpeculationOptions {
  // Exact: every text is the one of plain decoding. Rejection: lossless too, but a seed's text
  // depends on the drafts, and so on what is fast; for drafters that draw. Typical: not lossless.
  // acceptance.h has the rules. The last two need DraftedText::probabilities, rejection
  // DraftedText::uniform.
  enum class Acceptance { kExact, kRejection, kTypical };
  Acceptance acceptance = Acceptance::kExact;
  TypicalOptions typical;
  int max_nodes = DraftTree::kMaxNodes;
  // Every tree is verified whole, up to max_nodes, whether it pays or not: for tests and
  // measurements. Otherwise size and gate follow what is measured.
  bool always = false;
  // Seconds of a clock that never goes back; for tests. Empty: the steady clock.
  std::function<double()> now;
};

struct SpeculationCounters {
  static constexpr int kDepths = 16;
  // Passes of the decoder but for those that read a prompt, and what they gave.
  std::int64_t passes = 0;
  std::int64_t drafted_passes = 0;  // with at least one drafted row
  std::int64_t steps = 0;           // passes x the texts in them
  std::int64_t tokens = 0;          // tokens / steps: tokens a step
  std::int64_t drafted_rows = 0;    // nodes verified
  std::int64_t accepted_rows = 0;
  std::int64_t failed_drafts = 0;  // proposals that ended in an error; the text went on without
  // By depth - 1: how often a token was drafted there after a path that held, and how often one of
  // the drafts was right. Their quotient is the acceptance of the head of that depth.
  std::array<std::int64_t, kDepths> tried = {};
  std::array<std::int64_t, kDepths> held = {};
  double draft_seconds = 0;
  double pass_seconds = 0;

  void Add(const SpeculationCounters& other);
  double TokensAStep() const {
    return steps > 0 ? static_cast<double>(tokens) / static_cast<double>(steps) : 0;
  }
};

// Kept from text to text, and from batch to batch; one thread at a time. What it holds decides how
// fast texts come and never what they say.
class Speculation {
 public:
  explicit Speculation(SpeculationOptions options = {});

  const SpeculationOptions& options() const { return options_; }
  double Now() const { return options_.now ? options_.now() : SteadySeconds(); }

  // Whether the next pass over `texts` texts should be drafted.
  bool Drafts(int texts) const { return options_.always || Gate(texts).Drafts(); }
  // How many nodes are worth proposing: somewhat more than were verified lately.
  int Budget() const { return options_.always ? options_.max_nodes : budget_; }
  // How many of the best nodes, whose reaches are given in falling order, to verify for one of
  // them: by the cost of a pass with rows of so many texts.
  int Size(std::span<const double> reaches, int texts);
  // What a pass took: `rows` in all, `drafted` if any text asked for a draft.
  void Observe(int texts, int rows, bool drafted, double draft_seconds, double pass_seconds,
               int tokens);

  // Begins with a guess that favours trying, and follows what passes take. May be replaced by what
  // VerifyCosts::Measure finds.
  VerifyCosts& costs() { return costs_; }
  const SpeculationGate& Gate(int texts) const { return gates_[Class(texts)]; }
  SpeculationCounters& counters() { return counters_; }
  const SpeculationCounters& counters() const { return counters_; }

 private:
  static double SteadySeconds();
  static std::size_t Class(int texts);  // one text, two or three, four to seven, more

  SpeculationOptions options_;
  VerifyCosts costs_;
  int budget_ = 16;
  std::array<SpeculationGate, 4> gates_;
  SpeculationCounters counters_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_SPECULATION_H_
