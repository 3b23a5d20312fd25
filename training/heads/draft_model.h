// What is trained to guess a frozen decoder's next tokens: Medusa heads, or an MTP module.
#ifndef ESPY_TRAINING_HEADS_DRAFT_MODEL_H_
#define ESPY_TRAINING_HEADS_DRAFT_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "espy/status.h"
#include "training/heads/frozen_decoder.h"
#include "training/heads/head_data.h"
#include "training/parameter.h"
#include "training/tape.h"

namespace espy::training {

// A batch's guesses, of all depths one after the other. Depth i (from 0) at row t guesses
// x_{t+2+i}.
struct Guesses {
  Node* logits = nullptr;             // [guesses, vocabulary]
  std::vector<std::int64_t> targets;  // [guesses]
  std::vector<std::int64_t> depths;   // [guesses]
};

class DraftModel {
 public:
  virtual ~DraftModel() = default;

  ParameterSet& parameters() { return parameters_; }
  virtual std::int64_t depths() const = 0;
  // Only the rows whose target lies in their text. The batch must outlive the tape. Null logits
  // when there is none.
  virtual Guesses Guess(Tape& tape, const HeadBatch& batch) const = 0;
  // What depth i's cross-entropy, the mean over its guesses, counts in the loss.
  virtual float LossWeight(std::int64_t depth) const = 0;
  virtual std::string file_name() const = 0;  // beside model.safetensors

  // One number.
  Node* Loss(Tape& tape, const HeadBatch& batch) const;
  // The parameters in FP16 under their names, and `acceptance` [depths, ranks] when it is not
  // empty.
  Status Write(Env* env, const std::string& directory,
               const std::vector<std::vector<float>>& acceptance) const;

 protected:
  ParameterSet parameters_;
};

// Medusa-1 (Cai et al., 2024): head i is `blocks` residual blocks x + silu(W x + b), W and b 0 at
// first, so that it starts as the decoder's own head; loss weights 0.8^(i+1). `decoder` must
// outlive it.
std::unique_ptr<DraftModel> NewMedusaHeads(const FrozenDecoder* decoder, std::int64_t heads,
                                           std::int64_t blocks);

// DeepSeek-V3's MTP (section 2.2), one module chained `depths` times:
//   u_t = eh_proj [RMSNorm(h_t) ; RMSNorm(E[x_{t+1}])],  g_t = layer(u_t),  x_{t+2} ~ head(g_t)
// and g_t stands for h_{t+1} at the next depth. A chained row sees what it sees when it drafts: the
// first depth's rows up to its own text's t, and the rows that it is chained to. The loss is the
// mean over depths. `layer` is a decoder layer (self-attention, cross-attention, MLP, post-norms);
// matrices start at N(0, 0.02) from `seed`, as BERT's do, except that eh_proj starts as the
// identity of the hidden state's half.
std::unique_ptr<DraftModel> NewMtpModule(const FrozenDecoder* decoder, std::int64_t image_tokens,
                                         std::int64_t depths, std::uint64_t seed);

}  // namespace espy::training

#endif  // ESPY_TRAINING_HEADS_DRAFT_MODEL_H_
