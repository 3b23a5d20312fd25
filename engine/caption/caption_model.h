// A captioner as the library uses it: captions with how sure they are.
#ifndef ESPY_ENGINE_CAPTION_CAPTION_MODEL_H_
#define ESPY_ENGINE_CAPTION_CAPTION_MODEL_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "captioning/captioner.h"
#include "captioning/confidence.h"
#include "captioning/drafts/drafted_captioner.h"
#include "captioning/matcher.h"
#include "espy/caption.h"
#include "espy/options.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy::caption {

// Where the model named in CaptionOptions::model lies; "" is espy-mini-caption, where that is
// installed.
Result<std::string> ResolveCaptioner(const std::string& name);

// What no model could do.
Status CheckOptions(const CaptionOptions& options);

// Pictures at once.
std::size_t BatchOf(const CaptionOptions& options);

class CaptionModel {
 public:
  // The matcher too, where the directory holds one.
  static Result<std::unique_ptr<CaptionModel>> Load(const std::string& directory,
                                                    const CaptionOptions& options,
                                                    const OpenOptions& library);

  const imaging::PreprocessSpec& preprocess() const { return captioner_->preprocess(); }

  // One a picture, with text, confidence and searched; neither model nor cosine. `similar` as in
  // DraftedCaptioner. One thread at a time.
  Result<std::vector<GeneratedCaption>> Caption(
      std::span<const imaging::PictureView> pictures,
      std::span<const std::vector<std::string>> similar = {});

 private:
  // By the matcher, which there is.
  Result<float> ConfidenceOf(const std::string& text, const captioning::SeenPicture& picture) const;

  std::unique_ptr<captioning::Captioner> captioner_;
  std::unique_ptr<captioning::DraftedCaptioner> drafted_;
  std::unique_ptr<captioning::Matcher> matcher_;  // null: the model has none
  captioning::CaptionOptions options_;
  captioning::Confidence confidence_;
  float min_confidence_ = 0;
};

}  // namespace espy::caption

#endif  // ESPY_ENGINE_CAPTION_CAPTION_MODEL_H_
