// A module that says one token more, and in a chain more than one: DeepSeek-V3's multi-token
// prediction on a decoder with cross-attention. README.md has the mathematics and the file.
#ifndef ESPY_CAPTIONING_DRAFTS_MTP_MODULE_H_
#define ESPY_CAPTIONING_DRAFTS_MTP_MODULE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "captioning/config.h"
#include "captioning/decoder_layers.h"
#include "captioning/drafts/medusa_heads.h"
#include "encoders/safetensors.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "kernels/aligned_buffer.h"

namespace espy::captioning {

inline constexpr char kMtpFile[] = "mtp.safetensors";

// What the module has read of one text. One thread at a time.
struct MtpState {
  explicit MtpState(const TextConfig& config) : cache(1, config.width) {}
  KvCache cache;  // one sequence: a row for every token that the decoder has read
  CrossCache cross;
  DecoderWorkspace workspace;
  kernels::AlignedBuffer joined;  // [rows, 2 * width]
  kernels::AlignedBuffer rows;    // [rows, width]
};

// Constant once loaded: shared by any threads.
class MtpModule {
 public:
  static constexpr int kMaxDepths = 16;

  // Reads the module of a decoder of this configuration; the file may be closed afterwards. Errors
  // as of MedusaHeads::Load.
  static Result<std::unique_ptr<MtpModule>> Load(const encoders::Safetensors& file,
                                                 const TextConfig& config,
                                                 const encoders::TowerOptions& options);

  const DraftAcceptance& acceptance() const { return acceptance_; }

  // A new text about a picture, [tokens, vision_width] of the vision tower.
  // ResourceExhausted when there is no memory, here and below.
  Status Begin(const float* image, std::int64_t tokens, MtpState* state) const;

  // The pass of rows (hidden[i], embeddings[i]), [n, width] each; row i follows row parents[i] of
  // the call, -1 the last row that the state has kept. *out: [n, width], the states that the
  // vocabulary head reads, valid until the next call. Nothing is kept.
  Status Run(const float* hidden, const float* embeddings, std::span<const std::int32_t> parents,
             MtpState* state, const float** out) const;
  // Keeps the rows of the last pass, which was a chain.
  void KeepAll(std::int64_t rows, MtpState* state) const;

 private:
  TextConfig config_;
  ThreadPool* pool_ = nullptr;
  std::vector<float> hidden_norm_;     // [width]
  std::vector<float> embedding_norm_;  // [width]
  encoders::Linear join_;              // [width, 2 * width]
  DecoderLayers layer_;
  DraftAcceptance acceptance_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_MTP_MODULE_H_
