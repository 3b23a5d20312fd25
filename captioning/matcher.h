// How well texts fit pictures, from a published BLIP directory for image-text matching
// (transformers' BlipForImageTextRetrieval).
#ifndef ESPY_CAPTIONING_MATCHER_H_
#define ESPY_CAPTIONING_MATCHER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "captioning/cross_cache.h"
#include "captioning/decoder_layers.h"
#include "captioning/model.h"
#include "captioning/text_embedding.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::captioning {

struct Match {
  // The matching head's: the text is read while looking at the picture.
  float logit = 0;        // of "fits"; BLIP's own reranking adds the cosine to it
  float probability = 0;  // softmax of "fits" over "does not"
};

// What the matcher knows of a picture; made once, for any number of texts.
struct SeenPicture {
  std::shared_ptr<const PictureKeys> keys;
  std::vector<float> vector;  // [projection], unit length: the picture's side of the cosine
};

struct MatcherOptions : ModelOptions {
  // Texts longer than this many tokens are cut, as BLIP's own code cuts them; at most the model's
  // context.
  std::int64_t max_tokens = 35;
  // Texts begin with [ENC], as in BLIP's own reranking, instead of [CLS], as transformers leaves
  // it.
  bool begin_with_enc = false;
};

// Any number of threads may match at once.
class Matcher {
 public:
  static Result<std::unique_ptr<Matcher>> Load(const std::string& directory,
                                               const MatcherOptions& options = {});

  const BlipConfig& config() const { return model_->config(); }
  const imaging::PreprocessSpec& preprocess() const { return model_->config().preprocess; }
  Precision precision() const { return model_->precision(); }

  // pictures: as imaging::Preprocess makes them by preprocess().
  Result<std::vector<SeenPicture>> Look(std::span<const imaging::PictureView> pictures) const;

  // Every text with every picture: [texts, pictures]. O(texts * pictures) passes of the text
  // tower. A score has the same bits whatever is scored beside it.
  Result<std::vector<Match>> MatchAll(std::span<const std::string> texts,
                                      std::span<const SeenPicture> pictures) const;
  // The texts' side of the cosine, [texts, projection], unit length; the cosine with a picture is
  // the product with its vector. O(texts).
  Result<std::vector<float>> TextVectors(std::span<const std::string> texts) const;

  // The same for ids as Tokens gives them.
  std::vector<std::int32_t> Tokens(const std::string& text) const;
  Result<std::vector<Match>> MatchAllTokens(std::span<const std::vector<std::int32_t>> texts,
                                            std::span<const SeenPicture> pictures) const;
  Result<std::vector<float>> TokenVectors(std::span<const std::vector<std::int32_t>> texts) const;

 private:
  struct TextSide {
    TextEmbedding embedding;
    DecoderLayers layers;
    encoders::Linear vision_projection, text_projection;
    encoders::Linear match;  // [2, width]: does not fit, fits
  };
  static Result<TextSide> LoadText(const BlipModel& model, const encoders::TowerOptions& options);

  // The first row of each text after the layers, [texts, width]. `pictures`: what each looks at.
  std::vector<float> Read(std::span<const std::vector<std::int32_t>> texts,
                          std::span<const std::int32_t> pictures, const CrossCache* cross) const;
  Status CheckTokens(std::span<const std::vector<std::int32_t>> texts) const;

  std::unique_ptr<BlipModel> model_;
  MatcherOptions options_;
  std::int32_t enc_ = -1;  // [ENC]; -1: texts keep their [CLS]
  TextSide text_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_MATCHER_H_
