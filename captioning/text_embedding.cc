#include "captioning/text_embedding.h"

#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/element.h"

namespace espy::captioning {

Result<TextEmbedding> TextEmbedding::Load(const encoders::Weights& weights,
                                          const std::string& prefix, const TextConfig& config) {
  TextEmbedding embedding;
  embedding.width_ = config.width;
  embedding.norm_eps_ = config.norm_eps;
  ESPY_ASSIGN_OR_RETURN(embedding.words_, weights.Find(prefix + ".word_embeddings.weight",
                                                       {config.vocabulary, config.width}));
  ESPY_ASSIGN_OR_RETURN(embedding.positions_, weights.Vector(prefix + ".position_embeddings.weight",
                                                             {config.context, config.width}));
  ESPY_ASSIGN_OR_RETURN(embedding.norm_, weights.ReadNorm(prefix + ".LayerNorm", config.width));
  return embedding;
}

void TextEmbedding::Word(std::int32_t token, float* out) const {
  const std::size_t row_bytes =
      static_cast<std::size_t>(width_) * kernels::ElementBytes(words_.type);
  kernels::ToFloat(words_.data + static_cast<std::size_t>(token) * row_bytes, words_.type, width_,
                   out);
}

void TextEmbedding::Row(std::int32_t token, std::int64_t at, float* out) const {
  Word(token, out);
  const float* position = positions_.data() + at * width_;
  for (std::int64_t i = 0; i < width_; ++i) out[i] += position[i];
  encoders::Apply(norm_, norm_eps_, out, 1, out, nullptr);
}

}  // namespace espy::captioning
