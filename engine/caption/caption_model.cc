#include "engine/caption/caption_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/status_macros.h"
#include "encoders/model_store.h"

namespace espy::caption {
namespace {

constexpr std::size_t kBatch = 8;
constexpr char kDefaultCaptioner[] = "espy-mini-caption";

// The geometric mean of the probabilities of the tokens that the model chose.
float MeanProbability(const captioning::Caption& caption, std::size_t start) {
  const std::size_t chosen = caption.tokens.size() - std::min(start, caption.tokens.size());
  if (chosen == 0) return 0;
  return static_cast<float>(std::exp(caption.log_probability / static_cast<double>(chosen)));
}

}  // namespace

Result<std::string> ResolveCaptioner(const std::string& name) {
  const std::string wanted = name.empty() ? kDefaultCaptioner : name;
  auto directory = encoders::ResolveModel(wanted);
  if (directory.ok() || directory.status().code() != StatusCode::kNotFound) return directory;
  return Status::NotFound(wanted + ": no model of that name or directory is here; give a BLIP " +
                          "directory, such as one of Salesforce/blip-image-captioning-base");
}

Status CheckOptions(const CaptionOptions& options) {
  const double least = options.min_confidence.value_or(0);
  if (!(least >= 0 && least <= 1)) {
    return Status::InvalidArgument("caption: the least confidence is from 0 to 1");
  }
  if (options.batch_size < 0 || options.batch_size > 256) {
    return Status::InvalidArgument("caption: a batch is 1 to 256 pictures, or 0 for the usual");
  }
  return Status::Ok();
}

std::size_t BatchOf(const CaptionOptions& options) {
  return options.batch_size > 0 ? static_cast<std::size_t>(options.batch_size) : kBatch;
}

Result<std::unique_ptr<CaptionModel>> CaptionModel::Load(const std::string& directory,
                                                         const CaptionOptions& options,
                                                         const OpenOptions& library) {
  auto model = std::make_unique<CaptionModel>();
  captioning::MatcherOptions load;
  load.precision = library.precision;
  load.threads = library.threads;
  load.device = library.device;
  load.vram = library.vram / 4;
  ESPY_ASSIGN_OR_RETURN(model->captioner_, captioning::Captioner::Load(directory, load));
  ESPY_ASSIGN_OR_RETURN(model->drafted_,
                        captioning::DraftedCaptioner::Load(model->captioner_.get()));
  auto matcher = captioning::Matcher::Load(directory, load);
  if (matcher.ok()) {
    model->matcher_ = std::move(*matcher);
  } else if (matcher.status().code() != StatusCode::kUnsupported) {
    return matcher.status();
  }
  model->options_.prompt = options.prompt;
  model->options_.beams = options.beams;
  model->options_.max_length = options.max_length;
  ESPY_ASSIGN_OR_RETURN(model->confidence_, captioning::ReadConfidence(directory));
  model->min_confidence_ =
      static_cast<float>(options.min_confidence.value_or(model->confidence_.threshold));
  const auto start = static_cast<std::int64_t>(model->captioner_->Start(options.prompt).size());
  ESPY_RETURN_IF_ERROR(
      captioning::CheckOptions(model->options_, model->captioner_->config().text, start));
  return model;
}

Result<float> CaptionModel::ConfidenceOf(const std::string& text,
                                         const captioning::SeenPicture& picture) const {
  ESPY_ASSIGN_OR_RETURN(const std::vector<captioning::Match> match,
                        matcher_->MatchAll({&text, 1}, {&picture, 1}));
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> words, matcher_->TextVectors({&text, 1}));
  const double cosine = std::inner_product(words.begin(), words.end(), picture.vector.begin(), 0.0);
  return static_cast<float>(confidence_.Of(match[0].probability, cosine));
}

Result<std::vector<GeneratedCaption>> CaptionModel::Caption(
    std::span<const imaging::PictureView> pictures,
    std::span<const std::vector<std::string>> similar) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<captioning::Caption> said,
                        drafted_->CaptionPictures(pictures, options_, similar));
  const std::size_t start = captioner_->Start(options_.prompt).size();
  std::vector<captioning::SeenPicture> seen;
  if (matcher_) {
    ESPY_ASSIGN_OR_RETURN(seen, matcher_->Look(pictures));
  }
  std::vector<GeneratedCaption> captions(said.size());
  for (std::size_t i = 0; i < said.size(); ++i) {
    captions[i].text = said[i].text;
    captions[i].confidence = MeanProbability(said[i], start);
    if (matcher_ && !said[i].text.empty()) {
      ESPY_ASSIGN_OR_RETURN(captions[i].confidence, ConfidenceOf(said[i].text, seen[i]));
    }
    captions[i].searched = !captions[i].text.empty() && captions[i].confidence >= min_confidence_;
  }
  return captions;
}

}  // namespace espy::caption
