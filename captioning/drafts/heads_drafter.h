// Drafts of Medusa's heads, of an MTP module, or of both.
#ifndef ESPY_CAPTIONING_DRAFTS_HEADS_DRAFTER_H_
#define ESPY_CAPTIONING_DRAFTS_HEADS_DRAFTER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/drafts/acceptance_table.h"
#include "captioning/drafts/drafter.h"
#include "captioning/drafts/medusa_heads.h"
#include "captioning/drafts/mtp_module.h"
#include "captioning/drafts/tree_choice.h"

namespace espy::captioning {

// The tokens with the greatest logits, the greatest first, of equals the lower one: what greedy
// decoding would take, and the next best. [vocabulary]
std::vector<std::int32_t> TopTokens(const float* logits, std::int64_t vocabulary, int count);

// The tree has the shape that the measured acceptance of every depth and rank says is best; the
// candidates of the first depths are the module's, which reads the tokens drafted before them and
// looks at the picture, those of the others the heads', which are one matrix each. A node's
// children by the module are its own; by the heads all nodes of a depth have the same.
class HeadsDrafter : public Drafter {
 public:
  static constexpr int kRanks = 8;
  // How deep the module goes: every depth is a pass of it and of the vocabulary head. With heads
  // beside it the first token alone is worth that.
  static constexpr int kModuleDepth = 3;
  static constexpr int kModuleDepthBesideHeads = 1;

  // Tokens that a further depth of the module must be expected to bring. It costs a pass of the
  // module and one of the vocabulary head, in BLIP-base's sizes about an eighth of a step
  // (bench/drafts.cc), and a step that drafts at all brings some two tokens.
  static constexpr double kWorthADepth = 0.25;

  // Either of `heads` and `module` may be null, not both; all must outlive the drafter and be of
  // `decoder`.
  HeadsDrafter(const TextDecoder* decoder, const MedusaHeads* heads, const MtpModule* module,
               ThreadPool* pool);

  std::string_view name() const override;
  Status Begin(const DraftPicture& picture) override;
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t> truth) override;

  int max_depth() const;
  const AcceptanceTable& acceptance() const { return table_; }

 private:
  static void DropPoorDepths(std::vector<ShapeNode>* shape);
  Status ReadNewRows(const DraftContext& context);
  std::vector<std::int32_t> Candidates(const DraftContext& context, int depth,
                                       const float* logits) const;
  Status ExpandByModule(const DraftContext& context, const DraftTree& tree,
                        const std::vector<int>& nodes,
                        std::vector<std::vector<std::int32_t>>* candidates);
  Status ProposeNodes(const DraftContext& context, DraftTree* tree);

  const TextDecoder* decoder_;
  const MedusaHeads* heads_;
  const MtpModule* module_;
  ThreadPool* pool_;
  int module_depth_ = 0;

  AcceptanceTable table_;
  DraftTree proposed_;
  std::vector<int> ranks_;  // of its nodes, among the candidates
  DraftPicture picture_;
  bool looked_ = false;  // the module has begun this text
  MtpState state_;

  kernels::AlignedBuffer hidden_, embeddings_, logits_, transformed_, states_;
  // The module's rows of the draft: those of nodes that were expanded, with the state that each
  // ended in. Row r is node drafted_[r].
  std::vector<int> drafted_;
  std::vector<float> root_state_;      // [width]
  std::vector<float> drafted_states_;  // [rows, width]
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_HEADS_DRAFTER_H_
