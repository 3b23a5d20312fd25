// Medusa's heads (Cai et al. 2024): from the hidden state that says the next token, the states that
// say the tokens after it. README.md has the mathematics and the file.
#ifndef ESPY_CAPTIONING_DRAFTS_MEDUSA_HEADS_H_
#define ESPY_CAPTIONING_DRAFTS_MEDUSA_HEADS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "captioning/drafts/acceptance_table.h"
#include "encoders/safetensors.h"
#include "encoders/weights.h"
#include "espy/status.h"

namespace espy::captioning {

inline constexpr char kMedusaFile[] = "medusa_heads.safetensors";

// A file's tensor `acceptance` [depths, ranks]: how often rank r was right at depth d + 1 on
// held-out texts. Empty where the file has none; Corruption for one of other dimensions than depths
// by 1 to 16, and for a number outside of [0, 1].
struct DraftAcceptance {
  std::int64_t ranks = 0;
  std::vector<float> chances;
  // Into the table, for the depths of [first, last] that it has.
  void SetPriors(int first, int last, AcceptanceTable* table) const;
};
Result<DraftAcceptance> ReadAcceptance(const encoders::Safetensors& file,
                                       const encoders::Weights& weights, std::int64_t least_depths,
                                       std::int64_t most_depths);

// Constant once loaded: shared by any threads.
class MedusaHeads {
 public:
  static constexpr int kMaxHeads = 16;
  static constexpr int kMaxBlocks = 4;

  // Reads the heads of a decoder of this width; the file may be closed afterwards. Corruption,
  // naming file and tensor, for what is absent or of another shape; Unsupported for heads with a
  // vocabulary projection of their own, more heads or blocks than the limits, and any tensor that
  // is not one of a head's.
  static Result<std::unique_ptr<MedusaHeads>> Load(const encoders::Safetensors& file,
                                                   std::int64_t width,
                                                   const encoders::TowerOptions& options);

  int count() const { return static_cast<int>(heads_.size()); }
  const DraftAcceptance& acceptance() const { return acceptance_; }

  // hidden: [width]; out: [heads, width], the states that the vocabulary head reads, of the first
  // `heads` heads.
  void Run(const float* hidden, int heads, float* out, ThreadPool* pool) const;

 private:
  std::int64_t width_ = 0;
  std::vector<std::vector<encoders::Linear>> heads_;  // blocks of each head
  DraftAcceptance acceptance_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_MEDUSA_HEADS_H_
