// Pictures -> captions, from a published BLIP directory: what the rest of Espy uses of this room,
// with matcher.h.
#ifndef ESPY_CAPTIONING_CAPTIONER_H_
#define ESPY_CAPTIONING_CAPTIONER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/generate.h"
#include "captioning/model.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::captioning {

struct CaptionOptions : GenerateOptions {
  // UTF-8; the caption goes on from it ("a picture of"). Empty: none.
  std::string prompt;
  // Leaves the prompt out of Caption::text, as BLIP's own code does; transformers keeps it.
  bool strip_prompt = false;
};

struct Caption {
  std::string text;  // without special tokens
  // As in Generated.
  std::vector<std::int32_t> tokens;
  double log_probability = 0;
  float score = 0;
  std::int64_t steps = 0;
};

// Any number of threads may caption at once.
class Captioner {
 public:
  // The directory as its publisher ships it: config.json, model.safetensors (one or several),
  // preprocessor_config.json, tokenizer.json or vocab.txt. Errors name the file and what to do.
  static Result<std::unique_ptr<Captioner>> Load(const std::string& directory,
                                                 const ModelOptions& options = {});

  const BlipConfig& config() const { return model_->config(); }
  // How a picture is to be fitted.
  const imaging::PreprocessSpec& preprocess() const { return model_->config().preprocess; }
  Precision precision() const { return model_->precision(); }
  const encoders::BertTokenizer& tokenizer() const { return model_->tokenizer(); }
  const TextDecoder& decoder() const { return *decoder_; }
  const BlipModel& model() const { return *model_; }

  // pictures: as imaging::Preprocess makes them by preprocess(). A caption does not depend on the
  // others of the call, but that sampling draws from a stream for each place in it. InvalidArgument
  // for options outside of their limits, a prompt that is too long, or a picture of another size.
  Result<std::vector<Caption>> CaptionPictures(std::span<const imaging::PictureView> pictures,
                                               const CaptionOptions& options = {}) const;
  // Decoded pictures, fitted here, one after another.
  Result<std::vector<Caption>> CaptionPixels(std::span<const imaging::PixelView> pictures,
                                             const CaptionOptions& options = {}) const;

  // The parts, for whoever decodes in another way:
  // What every caption with this prompt begins with: [DEC], then the prompt's tokens.
  std::vector<std::int32_t> Start(const std::string& prompt) const;
  Caption Finish(Generated generated, std::size_t start, const CaptionOptions& options) const;

 private:
  std::unique_ptr<BlipModel> model_;
  std::unique_ptr<TextDecoder> decoder_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CAPTIONER_H_
