// The layers of BLIP's text tower (Li et al. 2022; transformers' BlipTextLayer): self-attention,
// cross-attention to a picture, MLP, each followed by its residual and a norm (post-norm, as BERT).
#ifndef ESPY_CAPTIONING_DECODER_LAYERS_H_
#define ESPY_CAPTIONING_DECODER_LAYERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "captioning/config.h"
#include "captioning/cross_cache.h"
#include "captioning/decoder_rows.h"
#include "captioning/kv_cache.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "kernels/aligned_buffer.h"

namespace espy::captioning {

// Memory of one pass, kept between calls; one thread at a time.
struct DecoderWorkspace {
  kernels::AlignedBuffer tokens;  // [rows, width]
  kernels::AlignedBuffer qkv;     // [rows, 3 * width]
  kernels::AlignedBuffer mixed;   // [rows, width]
  kernels::AlignedBuffer sorted;  // [rows, width] twice: by picture
  kernels::AlignedBuffer hidden;  // [rows, inter]
};

// Constant after loading: any thread, each with its own workspace. A row's bits depend on its own
// tokens and picture alone.
class DecoderLayers {
 public:
  // Tensors PREFIX0.*, PREFIX1.*, ... of `weights`: "bert.encoder.layer." in a published model.
  // `count` of them; a module of one layer is one with a prefix of its own.
  static Result<DecoderLayers> Load(const encoders::Weights& weights, const std::string& prefix,
                                    std::int64_t count, const TextConfig& config);

  std::int64_t count() const { return static_cast<std::int64_t>(layers_.size()); }

  // image: [tokens, vision width], what the vision tower gives for one picture. Throws
  // std::bad_alloc.
  std::shared_ptr<const PictureKeys> Look(const float* image, std::int64_t tokens,
                                          ThreadPool* pool) const;

  // x: [rows.size(), width], replaced by the last layer's output. The cache gets the rows' keys and
  // values in their slots; it must have this many layers and this width.
  void Run(const DecoderRows& rows, float* x, KvCache* cache, const CrossCache& cross,
           DecoderWorkspace* workspace, ThreadPool* pool) const;

  // The same for whole texts that see themselves in both directions (the text encoder of image-text
  // matching): text t is the rows [offsets[t], offsets[t + 1]) of x and looks at
  // cross.At(pictures[t], layer); with no cross cache the cross-attention is left out, as
  // transformers leaves it out when it encodes a text alone.
  void RunTexts(std::span<const std::int64_t> offsets, std::span<const std::int32_t> pictures,
                const CrossCache* cross, float* x, DecoderWorkspace* workspace,
                ThreadPool* pool) const;

 private:
  struct Layer {
    encoders::Linear qkv;  // [3 * width, width]: queries, keys, values
    encoders::Linear self_out;
    encoders::Norm self_norm;
    encoders::Linear cross_q;
    encoders::Linear cross_kv;  // [2 * width, vision width]
    encoders::Linear cross_out;
    encoders::Norm cross_norm;
    encoders::Linear fc1;
    encoders::Linear fc2;
    encoders::Norm mlp_norm;
  };

  void Reserve(std::int64_t rows, DecoderWorkspace* workspace) const;
  // x = norm(x + out(mixed))
  void AddMixed(const encoders::Linear& out, const encoders::Norm& norm, std::int64_t rows,
                float* x, DecoderWorkspace* workspace, ThreadPool* pool) const;
  void RunMlp(const Layer& layer, std::int64_t rows, float* x, DecoderWorkspace* workspace,
              ThreadPool* pool) const;

  TextConfig config_;
  std::vector<Layer> layers_;
  std::shared_ptr<KeyShelf> shelf_;  // has its own lock
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DECODER_LAYERS_H_
