#include "captioning/captioner.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "base/status_macros.h"

namespace espy::captioning {
namespace {

// Captioned together: as many sequences share one streaming of the weights at every step, and more
// would hold more pictures' keys (21 or 42 MB each in BLIP-base) for little further gain.
constexpr std::size_t kPicturesAtOnce = KeyShelf::kMost;

}  // namespace

Result<std::unique_ptr<Captioner>> Captioner::Load(const std::string& directory,
                                                   const ModelOptions& options) {
  auto captioner = std::make_unique<Captioner>();
  ESPY_ASSIGN_OR_RETURN(captioner->model_,
                        BlipModel::Open(directory, "text_decoder", "captions", options));
  const BlipModel& model = *captioner->model_;
  try {
    ESPY_ASSIGN_OR_RETURN(
        captioner->decoder_, model.Packed("decoder", [&](const encoders::TowerOptions& tower) {
          return TextDecoder::Load(model.WeightsOf("text_decoder", tower), model.config().text);
        }));
  } catch (const std::bad_alloc&) {
    return model.OutOfMemory();
  }
  ESPY_RETURN_IF_ERROR(captioner->device_.Open(
      model.config(), model.weights(), {.precision = options.precision, .vram = options.vram},
      options.device));
  captioner->decoder_->UseDevice(&captioner->device_);
  return captioner;
}

std::string Captioner::device_description() const {
  const DeviceCaptioner* device = device_.captioner();
  return device == nullptr ? "" : device->description();
}

Result<Captioner::Looked> Captioner::Look(std::span<const imaging::PictureView> pictures,
                                          bool with_rows) const {
  Looked looked;
  if (DeviceCaptioner* device = device_.captioner()) {
    ESPY_RETURN_IF_ERROR(model_->CheckSizes(pictures));
    ESPY_ASSIGN_OR_RETURN(auto keys, device->Look(pictures, with_rows ? &looked.rows_ : nullptr));
    for (auto& picture : keys) looked.cross.Add(std::move(picture));
    looked.each_ = static_cast<std::size_t>(model_->vision().tokens() * model_->vision().width());
    return looked;
  }
  ESPY_ASSIGN_OR_RETURN(looked.seen_, model_->See(pictures));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    ESPY_ASSIGN_OR_RETURN(std::shared_ptr<const PictureKeys> keys,
                          decoder_->Look(looked.rows(i), model_->vision().tokens()));
    looked.cross.Add(std::move(keys));
  }
  return looked;
}

std::vector<std::int32_t> Captioner::Start(const std::string& prompt) const {
  std::vector<std::int32_t> start{config().text.bos_id};
  if (prompt.empty()) return start;
  // As transformers' generate() does with a processor's ids: the first becomes [DEC], the last,
  // which is [SEP], goes.
  const std::vector<std::int32_t> ids = tokenizer().Encode(prompt, config().text.context + 1);
  if (ids.size() > 2) start.insert(start.end(), ids.begin() + 1, ids.end() - 1);
  return start;
}

Caption Captioner::Finish(Generated generated, std::size_t start,
                          const CaptionOptions& options) const {
  std::span<const std::int32_t> said(generated.tokens);
  if (options.strip_prompt) said = said.subspan(std::min(start, said.size()));
  Caption caption;
  caption.text = tokenizer().Decode(said);
  caption.tokens = std::move(generated.tokens);
  caption.log_probability = generated.log_probability;
  caption.score = generated.score;
  caption.steps = generated.steps;
  return caption;
}

Result<std::vector<Caption>> Captioner::CaptionPictures(
    std::span<const imaging::PictureView> pictures, const CaptionOptions& options) const {
  const std::vector<std::int32_t> start = Start(options.prompt);
  ESPY_RETURN_IF_ERROR(
      CheckOptions(options, config().text, static_cast<std::int64_t>(start.size())));
  std::vector<Caption> captions;
  for (std::size_t first = 0; first < pictures.size(); first += kPicturesAtOnce) {
    const auto some = pictures.subspan(first, std::min(kPicturesAtOnce, pictures.size() - first));
    CaptionOptions part = options;
    part.first_stream = options.first_stream + first;
    ESPY_ASSIGN_OR_RETURN(std::vector<Caption> said,
                          WithDevice([&] { return CaptionSome(some, part, start); }));
    std::move(said.begin(), said.end(), std::back_inserter(captions));
  }
  return captions;
}

Result<std::vector<Caption>> Captioner::CaptionSome(std::span<const imaging::PictureView> pictures,
                                                    const CaptionOptions& options,
                                                    const std::vector<std::int32_t>& start) const {
  ESPY_ASSIGN_OR_RETURN(Looked looked, Look(pictures, /*with_rows=*/false));
  const std::vector<std::vector<std::int32_t>> starts(pictures.size(), start);
  try {
    ESPY_ASSIGN_OR_RETURN(std::vector<Generated> generated,
                          Generate(*decoder_, &looked.cross, starts, options));
    std::vector<Caption> captions;
    for (Generated& one : generated) {
      captions.push_back(Finish(std::move(one), start.size(), options));
    }
    return captions;
  } catch (const std::bad_alloc&) {
    return model_->OutOfMemory();
  }
}

Result<std::vector<Caption>> Captioner::CaptionPixels(std::span<const imaging::PixelView> pictures,
                                                      const CaptionOptions& options) const {
  std::vector<Caption> captions;
  for (std::size_t first = 0; first < pictures.size(); first += kPicturesAtOnce) {
    const std::size_t n = std::min(kPicturesAtOnce, pictures.size() - first);
    std::vector<imaging::PictureTensor> tensors;
    std::vector<imaging::PictureView> views;
    for (const imaging::PixelView& picture : pictures.subspan(first, n)) {
      tensors.push_back(imaging::Preprocess(*picture.image, preprocess(), picture.full));
      views.push_back(tensors.back().view());
    }
    CaptionOptions part = options;
    part.first_stream = options.first_stream + first;
    ESPY_ASSIGN_OR_RETURN(std::vector<Caption> some, CaptionPictures(views, part));
    std::move(some.begin(), some.end(), std::back_inserter(captions));
  }
  return captions;
}

}  // namespace espy::captioning
