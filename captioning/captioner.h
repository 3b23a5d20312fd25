// Pictures -> captions, from a published BLIP directory: what the rest of Espy uses of this room,
// with matcher.h.
#ifndef ESPY_CAPTIONING_CAPTIONER_H_
#define ESPY_CAPTIONING_CAPTIONER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/device/device_use.h"
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

  // "NVIDIA H100 80GB HBM3 (sm_90), fp16" where captions are made by a GPU; else "".
  std::string device_description() const;

  // The parts, for whoever decodes in another way:
  // Pictures as decoder() sees them, and what the vision tower gave for each.
  class Looked {
   public:
    CrossCache cross;
    // [tokens, vision width]; of a GPU's only where they were asked for.
    const float* rows(std::size_t picture) const {
      return seen_ ? seen_->rows(picture) : rows_.data() + picture * each_;
    }

   private:
    friend class Captioner;
    std::unique_ptr<BlipModel::Seen> seen_;
    std::vector<float> rows_;
    std::size_t each_ = 0;
  };
  Result<Looked> Look(std::span<const imaging::PictureView> pictures, bool with_rows) const;
  // What `work` returns; made again by the CPU when a GPU gave up on it.
  template <class Work>
  auto WithDevice(const Work& work) const -> decltype(work()) {
    const bool by_device = device_.captioner() != nullptr;
    auto done = work();
    if (done.ok() || !by_device || !device_.GiveUp(done.status())) return done;
    return work();
  }
  // What every caption with this prompt begins with: [DEC], then the prompt's tokens.
  std::vector<std::int32_t> Start(const std::string& prompt) const;
  Caption Finish(Generated generated, std::size_t start, const CaptionOptions& options) const;

 private:
  Result<std::vector<Caption>> CaptionSome(std::span<const imaging::PictureView> pictures,
                                           const CaptionOptions& options,
                                           const std::vector<std::int32_t>& start) const;

  std::unique_ptr<BlipModel> model_;
  DeviceUse device_;
  std::unique_ptr<TextDecoder> decoder_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CAPTIONER_H_
