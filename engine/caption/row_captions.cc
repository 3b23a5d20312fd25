#include "engine/caption/row_captions.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/status_macros.h"
#include "encoders/model_store.h"

namespace espy::caption {

float CaptionCosine(OpenSpace* space, const std::string& text,
                    std::span<const std::uint16_t> vector) {
  const Result<std::vector<float>> words = space->EncodeText(text);
  const std::vector<float> picture = UnitFromHalf(vector);
  if (!words.ok() || words->size() != picture.size()) return 0;
  return std::inner_product(words->begin(), words->end(), picture.begin(), 0.0f);
}

Result<std::unique_ptr<RowCaptions>> RowCaptions::Open(Library::Impl* library,
                                                       const CaptionOptions& options) {
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  ESPY_ASSIGN_OR_RETURN(const std::string directory, ResolveCaptioner(options.model));
  auto captions = std::make_unique<RowCaptions>();
  captions->name_ = encoders::ModelName(directory);
  ESPY_ASSIGN_OR_RETURN(captions->id_, captioning::ModelId(directory));
  ESPY_ASSIGN_OR_RETURN(captions->model_, CaptionModel::Load(directory, options, library->options));
  captions->batch_ = BatchOf(options);
  return captions;
}

Status RowCaptions::Caption(OpenSpace* space, std::span<const Wanted> wanted) {
  while (!wanted.empty()) {
    const auto some = wanted.first(std::min(batch_, wanted.size()));
    wanted = wanted.subspan(some.size());
    std::vector<imaging::PictureView> pictures;
    for (const Wanted& one : some) pictures.push_back(one.picture);
    ESPY_ASSIGN_OR_RETURN(std::vector<GeneratedCaption> said, model_->Caption(pictures));
    for (std::size_t i = 0; i < some.size(); ++i) {
      said[i].model = name_;
      said[i].model_id = id_;
      said[i].cosine = CaptionCosine(space, said[i].text, some[i].vector);
      *some[i].caption = std::move(said[i]);
    }
  }
  return Status::Ok();
}

}  // namespace espy::caption
