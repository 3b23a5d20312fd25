#include "captioning/matcher.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/norm.h"

namespace espy::captioning {
namespace {

using kernels::Activation;

constexpr std::int64_t kRowsPerPass = 1024;

}  // namespace

Result<std::unique_ptr<Matcher>> Matcher::Load(const std::string& directory,
                                               const MatcherOptions& options) {
  auto matcher = std::make_unique<Matcher>();
  matcher->options_ = options;
  ESPY_ASSIGN_OR_RETURN(matcher->model_,
                        BlipModel::Open(directory, "text_encoder", "match scores", options));
  const BlipModel& model = *matcher->model_;
  const TextConfig& text = model.config().text;
  if (options.max_tokens < 2 || options.max_tokens > text.context) {
    return Status::InvalidArgument(
        "match options: max_tokens is " + std::to_string(options.max_tokens) +
        "; it must be from 2 to the model's " + std::to_string(text.context));
  }
  // BLIP's config.json does not name [ENC]; it follows [DEC].
  if (options.begin_with_enc) {
    if (text.bos_id + 1 >= text.vocabulary) {
      return Status::InvalidArgument(directory +
                                     ": the vocabulary ends with [DEC]; there is no "
                                     "[ENC] to begin texts with");
    }
    matcher->enc_ = text.bos_id + 1;
  }
  try {
    ESPY_ASSIGN_OR_RETURN(matcher->text_,
                          model.Packed("matcher", [&](const encoders::TowerOptions& tower) {
                            return LoadText(model, tower);
                          }));
  } catch (const std::bad_alloc&) {
    return model.OutOfMemory();
  }
  return matcher;
}

Result<Matcher::TextSide> Matcher::LoadText(const BlipModel& model,
                                            const encoders::TowerOptions& options) {
  const TextConfig& text = model.config().text;
  const std::int64_t projection = model.config().projection;
  const encoders::Weights tower = model.WeightsOf("text_encoder", options);
  const encoders::Weights outside = model.WeightsOf("", options);
  TextSide side;
  ESPY_ASSIGN_OR_RETURN(side.embedding, TextEmbedding::Load(tower, "embeddings", text));
  ESPY_ASSIGN_OR_RETURN(side.layers,
                        DecoderLayers::Load(tower, "encoder.layer.", text.layers, text));
  ESPY_ASSIGN_OR_RETURN(side.vision_projection,
                        outside.ReadLinear("vision_proj", projection, text.vision_width));
  ESPY_ASSIGN_OR_RETURN(side.text_projection,
                        outside.ReadLinear("text_proj", projection, text.width));
  ESPY_ASSIGN_OR_RETURN(side.match, outside.ReadLinear("itm_head", 2, text.width));
  return side;
}

std::vector<std::int32_t> Matcher::Tokens(const std::string& text) const {
  std::vector<std::int32_t> ids = model_->tokenizer().Encode(text, options_.max_tokens);
  if (enc_ >= 0 && !ids.empty()) ids[0] = enc_;
  return ids;
}

Status Matcher::CheckTokens(std::span<const std::vector<std::int32_t>> texts) const {
  const TextConfig& config = model_->config().text;
  for (const std::vector<std::int32_t>& ids : texts) {
    const bool fits = !ids.empty() && static_cast<std::int64_t>(ids.size()) <= config.context &&
                      std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) {
                        return id >= 0 && id < config.vocabulary;
                      });
    if (!fits) {
      return Status::InvalidArgument(model_->directory() +
                                     ": a text is empty, too long, or of unknown tokens");
    }
  }
  return Status::Ok();
}

Result<std::vector<SeenPicture>> Matcher::Look(
    std::span<const imaging::PictureView> pictures) const {
  ESPY_ASSIGN_OR_RETURN(const std::unique_ptr<BlipModel::Seen> rows, model_->See(pictures));
  try {
    std::vector<SeenPicture> seen(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const float* image = rows->rows(i);
      seen[i].keys = text_.layers.Look(image, model_->vision().tokens(), model_->pool());
      seen[i].vector.resize(static_cast<std::size_t>(model_->config().projection));
      encoders::Apply(text_.vision_projection, image, 1, Activation::kNone, nullptr,
                      seen[i].vector.data(), model_->pool());
      kernels::L2Normalize(seen[i].vector.data(), 1, model_->config().projection);
    }
    return seen;
  } catch (const std::bad_alloc&) {
    return model_->OutOfMemory();
  }
}

std::vector<float> Matcher::Read(std::span<const std::vector<std::int32_t>> texts,
                                 std::span<const std::int32_t> pictures,
                                 const CrossCache* cross) const {
  const std::int64_t width = model_->config().text.width;
  std::vector<float> firsts(texts.size() * static_cast<std::size_t>(width));
  DecoderWorkspace workspace;
  for (std::size_t first = 0; first < texts.size();) {
    std::vector<std::int64_t> offsets{0};
    std::size_t end = first;
    while (end < texts.size()) {
      const std::int64_t with = offsets.back() + static_cast<std::int64_t>(texts[end].size());
      if (end > first && with > kRowsPerPass) break;
      offsets.push_back(with);
      ++end;
    }
    workspace.tokens.Reserve(offsets.back() * width);
    float* x = workspace.tokens.data();
    float* row = x;
    for (std::size_t t = first; t < end; ++t) {
      for (std::size_t i = 0; i < texts[t].size(); ++i, row += width) {
        text_.embedding.Row(texts[t][i], static_cast<std::int64_t>(i), row);
      }
    }
    text_.layers.RunTexts(offsets,
                          pictures.empty() ? pictures : pictures.subspan(first, end - first), cross,
                          x, &workspace, model_->pool());
    for (std::size_t t = first; t < end; ++t) {
      const float* from = x + offsets[t - first] * width;
      std::copy(from, from + width, firsts.data() + static_cast<std::int64_t>(t) * width);
    }
    first = end;
  }
  return firsts;
}

Result<std::vector<Match>> Matcher::MatchAllTokens(std::span<const std::vector<std::int32_t>> texts,
                                                   std::span<const SeenPicture> pictures) const {
  ESPY_RETURN_IF_ERROR(CheckTokens(texts));
  try {
    CrossCache cross;
    std::vector<std::vector<std::int32_t>> pairs;
    std::vector<std::int32_t> looked_at;
    for (const SeenPicture& picture : pictures) cross.Add(picture.keys);
    for (const std::vector<std::int32_t>& text : texts) {
      for (std::size_t p = 0; p < pictures.size(); ++p) {
        pairs.push_back(text);
        looked_at.push_back(static_cast<std::int32_t>(p));
      }
    }
    const std::vector<float> read = Read(pairs, looked_at, &cross);
    std::vector<float> scores(pairs.size() * 2);
    encoders::Apply(text_.match, read.data(), static_cast<std::int64_t>(pairs.size()),
                    Activation::kNone, nullptr, scores.data(), model_->pool());
    std::vector<Match> matches;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const float against = scores[2 * i], fits = scores[2 * i + 1];
      matches.push_back({.logit = fits, .probability = 1 / (1 + std::exp(against - fits))});
    }
    return matches;
  } catch (const std::bad_alloc&) {
    return model_->OutOfMemory();
  }
}

Result<std::vector<float>> Matcher::TokenVectors(
    std::span<const std::vector<std::int32_t>> texts) const {
  ESPY_RETURN_IF_ERROR(CheckTokens(texts));
  try {
    const std::int64_t projection = model_->config().projection;
    const auto n = static_cast<std::int64_t>(texts.size());
    const std::vector<float> read = Read(texts, {}, nullptr);
    std::vector<float> vectors(texts.size() * static_cast<std::size_t>(projection));
    encoders::Apply(text_.text_projection, read.data(), n, Activation::kNone, nullptr,
                    vectors.data(), model_->pool());
    kernels::L2Normalize(vectors.data(), n, projection);
    return vectors;
  } catch (const std::bad_alloc&) {
    return model_->OutOfMemory();
  }
}

Result<std::vector<Match>> Matcher::MatchAll(std::span<const std::string> texts,
                                             std::span<const SeenPicture> pictures) const {
  std::vector<std::vector<std::int32_t>> ids;
  for (const std::string& text : texts) ids.push_back(Tokens(text));
  return MatchAllTokens(ids, pictures);
}

Result<std::vector<float>> Matcher::TextVectors(std::span<const std::string> texts) const {
  std::vector<std::vector<std::int32_t>> ids;
  for (const std::string& text : texts) ids.push_back(Tokens(text));
  return TokenVectors(ids);
}

}  // namespace espy::captioning
