#include "captioning/drafts/drafted_captioner.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <new>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "captioning/drafts/generate_drafted.h"

namespace espy::captioning {

namespace {

constexpr std::size_t kPicturesAtOnce = 16;

kernels::Precision OfProducts(Precision precision) {
  if (precision == Precision::kBfloat16) return kernels::Precision::kBfloat16;
  return precision == Precision::kInt8 ? kernels::Precision::kInt8 : kernels::Precision::kFloat32;
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

Result<DraftModels> DraftModels::Load(const std::string& directory, const TextConfig& config,
                                      const encoders::TowerOptions& options) {
  DraftModels models;
  const std::string medusa = directory + "/" + kMedusaFile;
  if (Exists(medusa)) {
    ESPY_ASSIGN_OR_RETURN(const auto file, encoders::Safetensors::Open(medusa));
    ESPY_ASSIGN_OR_RETURN(models.heads, MedusaHeads::Load(*file, config.width, options));
  }
  const std::string mtp = directory + "/" + kMtpFile;
  if (Exists(mtp)) {
    ESPY_ASSIGN_OR_RETURN(const auto file, encoders::Safetensors::Open(mtp));
    ESPY_ASSIGN_OR_RETURN(models.module, MtpModule::Load(*file, config, options));
  }
  return models;
}

Result<std::unique_ptr<DraftedCaptioner>> DraftedCaptioner::Load(const Captioner* captioner,
                                                                 SpeculationOptions options) {
  std::unique_ptr<DraftedCaptioner> drafted(new DraftedCaptioner(captioner, std::move(options)));
  const BlipModel& model = captioner->model();
  try {
    ESPY_ASSIGN_OR_RETURN(
        drafted->models_,
        DraftModels::Load(model.directory(), model.config().text,
                          encoders::TowerOptions(model.pool(), OfProducts(model.precision()))));
  } catch (const std::bad_alloc&) {
    return model.OutOfMemory();
  }
  return drafted;
}

DraftedCaptioner::Place* DraftedCaptioner::PlaceAt(std::size_t i) {
  while (places_.size() <= i) {
    auto place = std::make_unique<Place>();
    if (has_heads()) {
      place->heads =
          std::make_unique<HeadsDrafter>(&captioner_->decoder(), models_.heads.get(),
                                         models_.module.get(), captioner_->model().pool());
      place->heads_and_neighbours = std::make_unique<CombinedDrafter>(
          std::vector<Drafter*>{place->heads.get(), &place->neighbours});
    }
    places_.push_back(std::move(place));
  }
  return places_[i].get();
}

// A caption as the decoder would have written it after `start`.
std::vector<std::int32_t> DraftedCaptioner::Tokens(const std::string& caption,
                                                   const std::vector<std::int32_t>& start) const {
  const TextConfig& config = captioner_->config().text;
  // [CLS], the words, [SEP].
  const std::vector<std::int32_t> ids = captioner_->tokenizer().Encode(caption, config.context + 1);
  std::vector<std::int32_t> tokens = start;
  if (ids.size() > 2) {
    auto words = ids.begin() + 1;
    const auto prompt = start.begin() + 1;
    if (ids.size() >= start.size() && std::equal(prompt, start.end(), words)) {
      words += start.end() - prompt;  // it has the prompt already
    }
    tokens.insert(tokens.end(), words, ids.end() - 1);
  }
  tokens.push_back(config.sep_id);
  return tokens;
}

Drafter* DraftedCaptioner::DrafterFor(std::size_t i, const std::vector<std::string>& similar,
                                      const std::vector<std::int32_t>& start) {
  Place* place = PlaceAt(i);
  std::vector<DraftText> captions;
  for (std::size_t rank = 0; rank < similar.size() && rank < NeighbourDrafter::kMaxTexts; ++rank) {
    // The nearest counts most, and two that agree more than one nearer.
    captions.push_back({Tokens(similar[rank], start), 1.0 / static_cast<double>(rank + 1)});
  }
  const bool neighbours = !captions.empty();
  place->neighbours.SetCaptions(std::move(captions));
  if (place->heads == nullptr) {
    if (neighbours) return &place->neighbours;
    return &place->lookup;
  }
  if (neighbours) return place->heads_and_neighbours.get();
  return place->heads.get();
}

Result<std::vector<Caption>> DraftedCaptioner::CaptionPictures(
    std::span<const imaging::PictureView> pictures, const CaptionOptions& options,
    std::span<const std::vector<std::string>> similar) {
  ESPY_CHECK(similar.empty() || similar.size() == pictures.size(),
             "captions of similar pictures are given for each picture, or for none");
  const std::vector<std::int32_t> start = captioner_->Start(options.prompt);
  ESPY_RETURN_IF_ERROR(
      CheckOptions(options, captioner_->config().text, static_cast<std::int64_t>(start.size())));
  std::vector<Caption> captions;
  for (std::size_t first = 0; first < pictures.size(); first += kPicturesAtOnce) {
    const std::size_t n = std::min(kPicturesAtOnce, pictures.size() - first);
    CaptionOptions part = options;
    part.first_stream = options.first_stream + first;
    ESPY_ASSIGN_OR_RETURN(std::vector<Caption> said, captioner_->WithDevice([&] {
      return CaptionSome(pictures.subspan(first, n), part, start,
                         similar.empty() ? similar : similar.subspan(first, n));
    }));
    std::move(said.begin(), said.end(), std::back_inserter(captions));
  }
  return captions;
}

Result<std::vector<Caption>> DraftedCaptioner::CaptionSome(
    std::span<const imaging::PictureView> pictures, const CaptionOptions& options,
    const std::vector<std::int32_t>& start, std::span<const std::vector<std::string>> similar) {
  const std::vector<std::string> none;
  try {
    // The MTP module looks at pictures too.
    ESPY_ASSIGN_OR_RETURN(Captioner::Looked looked,
                          captioner_->Look(pictures, models_.module != nullptr));
    std::vector<Drafter*> drafters;
    std::vector<DraftPicture> to_draft;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      to_draft.push_back({looked.rows(i), captioner_->model().vision().tokens()});
      drafters.push_back(DrafterFor(i, similar.empty() ? none : similar[i], start));
    }
    const std::vector<std::vector<std::int32_t>> starts(pictures.size(), start);
    ESPY_ASSIGN_OR_RETURN(std::vector<Generated> generated,
                          GenerateDrafted(captioner_->decoder(), &looked.cross, starts, options,
                                          drafters, to_draft, &speculation_));
    std::vector<Caption> captions;
    for (Generated& one : generated) {
      captions.push_back(captioner_->Finish(std::move(one), start.size(), options));
    }
    return captions;
  } catch (const std::bad_alloc&) {
    return captioner_->model().OutOfMemory();
  }
}

Result<std::vector<Caption>> DraftedCaptioner::CaptionPixels(
    std::span<const imaging::PixelView> pictures, const CaptionOptions& options,
    std::span<const std::vector<std::string>> similar) {
  ESPY_CHECK(similar.empty() || similar.size() == pictures.size(),
             "captions of similar pictures are given for each picture, or for none");
  std::vector<Caption> captions;
  for (std::size_t first = 0; first < pictures.size(); first += kPicturesAtOnce) {
    const std::size_t n = std::min(kPicturesAtOnce, pictures.size() - first);
    std::vector<imaging::PictureTensor> tensors;
    std::vector<imaging::PictureView> views;
    for (const imaging::PixelView& picture : pictures.subspan(first, n)) {
      tensors.push_back(
          imaging::Preprocess(*picture.image, captioner_->preprocess(), picture.full));
      views.push_back(tensors.back().view());
    }
    CaptionOptions part = options;
    part.first_stream = options.first_stream + first;
    ESPY_ASSIGN_OR_RETURN(
        std::vector<Caption> some,
        CaptionPictures(views, part, similar.empty() ? similar : similar.subspan(first, n)));
    std::move(some.begin(), some.end(), std::back_inserter(captions));
  }
  return captions;
}

}  // namespace espy::captioning
