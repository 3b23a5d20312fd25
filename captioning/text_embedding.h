// The first step of BLIP's text towers: tokens and their positions -> rows.
#ifndef ESPY_CAPTIONING_TEXT_EMBEDDING_H_
#define ESPY_CAPTIONING_TEXT_EMBEDDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "captioning/config.h"
#include "encoders/weights.h"
#include "espy/status.h"

namespace espy::captioning {

// Word embeddings stay in the mapped file, in its own format: a caption needs a few dozen of the
// tens of thousands of rows. Constant after loading: any thread.
class TextEmbedding {
 public:
  // Reads PREFIX.{word_embeddings.weight, position_embeddings.weight, LayerNorm}.
  static Result<TextEmbedding> Load(const encoders::Weights& weights, const std::string& prefix,
                                    const TextConfig& config);

  // out = norm(word[token] + position[at]), [width]. Both within their tables.
  void Row(std::int32_t token, std::int64_t at, float* out) const;
  // word[token], [width].
  void Word(std::int32_t token, float* out) const;
  const encoders::StoredTensor& words() const { return words_; }

 private:
  std::int64_t width_ = 0;
  float norm_eps_ = 0;
  encoders::StoredTensor words_;  // [vocabulary, width]
  std::vector<float> positions_;  // [context, width]
  encoders::Norm norm_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_TEXT_EMBEDDING_H_
