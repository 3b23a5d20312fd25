#include "engine/said.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/env.h"
#include "base/status_macros.h"
#include "engine/picture.h"
#include "imaging/image.h"

namespace espy {
namespace {

// As the model takes it; NotFound when no path leads to a picture.
Result<imaging::PictureTensor> ReadAny(const Record& record, const imaging::PreprocessSpec& spec) {
  for (const std::string& path : record.paths) {
    const auto bytes = Env::Default()->ReadFile(path, imaging::ImageLimits{}.max_bytes);
    if (!bytes.ok()) continue;
    auto tensor = ReadTensor(*bytes, spec);
    if (tensor.ok()) return tensor;
  }
  return Status::NotFound("no file of it can be read");
}

// One picture's rows, appended: the caption, then a pass of all its tokens for their hidden states.
Status Append(const captioning::Captioner& captioner, const imaging::PictureView& picture,
              training::HeadData* data) {
  const captioning::TextDecoder& decoder = captioner.decoder();
  ESPY_ASSIGN_OR_RETURN(const auto seen, captioner.model().See({&picture, 1}));
  const float* image = seen->rows(0);
  captioning::CrossCache cross;
  ESPY_ASSIGN_OR_RETURN(auto keys, decoder.Look(image, data->image_tokens));
  cross.Add(std::move(keys));
  const std::vector<std::vector<std::int32_t>> starts = {captioner.Start("")};
  ESPY_ASSIGN_OR_RETURN(const std::vector<captioning::Generated> said,
                        captioning::Generate(decoder, &cross, starts, {}));
  const std::vector<std::int32_t>& tokens = said[0].tokens;
  captioning::KvCache cache = decoder.NewCache();
  cache.Add(0);
  std::vector<std::int32_t> parents;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    parents.push_back(static_cast<std::int32_t>(i) - 1);
  }
  const std::int32_t last = parents.back() + 1;
  captioning::DecoderOutput out;
  ESPY_RETURN_IF_ERROR(decoder.Forward(
      {.tokens = tokens, .parents = parents, .logit_rows = {&last, 1}}, &cache, &cross, &out));
  data->tokens.insert(data->tokens.end(), tokens.begin(), tokens.end());
  data->hidden.insert(data->hidden.end(), out.hidden,
                      out.hidden + static_cast<std::int64_t>(tokens.size()) * data->width);
  data->pictures.push_back(data->texts());
  data->lengths.push_back(static_cast<std::int64_t>(tokens.size()));
  data->images.insert(data->images.end(), image, image + data->image_tokens * data->vision_width);
  return Status::Ok();
}

}  // namespace

Result<training::HeadData> CaptionForTraining(const captioning::Captioner& captioner,
                                              Library* library, std::int64_t pictures,
                                              const ProgressFn& progress,
                                              const std::stop_token& stop) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<Record> records, library->List(""));
  training::HeadData data;
  data.width = captioner.config().text.width;
  data.vision_width = captioner.config().text.vision_width;
  data.image_tokens = captioner.model().vision().tokens();
  const auto wanted = std::min<std::uint64_t>(static_cast<std::uint64_t>(pictures), records.size());
  for (const Record& record : records) {
    if (data.texts() == pictures) break;
    if (stop.stop_requested()) return Status::Cancelled("train heads: stopped before training");
    const auto tensor = ReadAny(record, captioner.preprocess());
    if (!tensor.ok()) continue;
    ESPY_RETURN_IF_ERROR(Append(captioner, tensor->view(), &data));
    if (progress) {
      progress({.what = "pictures captioned",
                .done = static_cast<std::uint64_t>(data.texts()),
                .total = wanted});
    }
  }
  return data;
}

}  // namespace espy
