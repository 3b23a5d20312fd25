// Captions for pictures that are at hand while they are taken in, before they are items.
#ifndef ESPY_ENGINE_CAPTION_ROW_CAPTIONS_H_
#define ESPY_ENGINE_CAPTION_ROW_CAPTIONS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/caption/caption_model.h"
#include "engine/library_impl.h"

namespace espy::caption {

// The cosine of a caption and its picture's vector in `space`; 0 where the text cannot be embedded.
float CaptionCosine(OpenSpace* space, const std::string& text,
                    std::span<const std::uint16_t> vector);

// One thread at a time.
class RowCaptions {
 public:
  // Loads the model that the options name.
  static Result<std::unique_ptr<RowCaptions>> Open(Library::Impl* library,
                                                   const CaptionOptions& options);

  const imaging::PreprocessSpec& preprocess() const { return model_->preprocess(); }

  struct Wanted {
    imaging::PictureView picture;
    std::span<const std::uint16_t> vector;  // in the space that Caption is told
    std::optional<GeneratedCaption>* caption = nullptr;
  };
  // Fills each caption, with what Library::Caption would store.
  Status Caption(OpenSpace* space, std::span<const Wanted> wanted);

 private:
  std::unique_ptr<CaptionModel> model_;
  std::string name_, id_;
  std::size_t batch_ = 0;
};

}  // namespace espy::caption

#endif  // ESPY_ENGINE_CAPTION_ROW_CAPTIONS_H_
