// Medusa heads: residual blocks before the decoder's own vocabulary head.
#include <cmath>

#include "training/heads/draft_model.h"
#include "training/ops/arithmetic.h"
#include "training/ops/embedding.h"
#include "training/ops/linear.h"

namespace espy::training {
namespace {

constexpr float kDecay = 0.8f;  // the paper's, section 2.2.1

class MedusaHeads : public DraftModel {
 public:
  MedusaHeads(const FrozenDecoder* decoder, std::int64_t heads, std::int64_t blocks)
      : decoder_(decoder) {
    for (std::int64_t head = 0; head < heads; ++head) {
      std::vector<Block>& chain = heads_.emplace_back();
      for (std::int64_t block = 0; block < blocks; ++block) {
        const std::string name = std::to_string(head) + "." + std::to_string(block) + ".linear.";
        chain.push_back({parameters_.Add(name + "weight", decoder->width, decoder->width, true),
                         parameters_.Add(name + "bias", 1, decoder->width, false)});
      }
    }
  }

  std::int64_t depths() const override { return static_cast<std::int64_t>(heads_.size()); }
  float LossWeight(std::int64_t depth) const override {
    return std::pow(kDecay, static_cast<float>(depth + 1));
  }
  std::string file_name() const override { return "medusa_heads.safetensors"; }

  Guesses Guess(Tape& tape, const HeadBatch& batch) const override {
    Guesses guesses;
    Node* hidden = tape.Constant(batch.hidden.data(), batch.rows(), decoder_->width);
    std::vector<Node*> parts;
    for (std::int64_t head = 0; head < depths(); ++head) {
      std::vector<std::int64_t> rows;
      for (std::size_t text = 0; text < batch.lengths.size(); ++text) {
        for (std::int64_t t = 0; t + 2 + head < batch.lengths[text]; ++t) {
          rows.push_back(batch.first_row[text] + t);
          guesses.targets.push_back(batch.tokens[static_cast<std::size_t>(rows.back() + 2 + head)]);
          guesses.depths.push_back(head);
        }
      }
      if (rows.empty()) continue;
      Node* x = Embedding(tape, hidden, rows);
      for (const Block& block : heads_[static_cast<std::size_t>(head)]) {
        Node* inner = Linear(tape, x, tape.Use(block.weight), tape.Use(block.bias));
        x = Add(tape, x, Activate(tape, Pointwise::kSilu, inner));
      }
      parts.push_back(x);
    }
    // One product with the vocabulary for all heads: its weights are laid out once.
    if (!parts.empty()) guesses.logits = decoder_->Logits(tape, JoinRows(tape, parts));
    return guesses;
  }

 private:
  struct Block {
    Parameter* weight;
    Parameter* bias;
  };
  const FrozenDecoder* decoder_;
  std::vector<std::vector<Block>> heads_;
};

}  // namespace

std::unique_ptr<DraftModel> NewMedusaHeads(const FrozenDecoder* decoder, std::int64_t heads,
                                           std::int64_t blocks) {
  return std::make_unique<MedusaHeads>(decoder, heads, blocks);
}

}  // namespace espy::training
