#include "encoders/device/device_text_tower.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "encoders/clip/clip.h"
#include "encoders/device/device_choice.h"
#include "kernels/cuda/rows.h"

namespace espy::encoders {
namespace {

constexpr std::int64_t kRowsOfPass = 16384;  // where memory allows
constexpr std::int64_t kMostTexts = 256;     // of a pass

std::size_t Aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace

Result<std::unique_ptr<DeviceTextTower>> DeviceTextTower::Load(const ModelConfig& config,
                                                               const Safetensors& file,
                                                               Padding padding,
                                                               kernels::ElementType type,
                                                               cuda::VramBudget* budget) {
  ESPY_RETURN_IF_ERROR(DeviceTakes(config.text, file.path()));
  std::unique_ptr<DeviceTextTower> tower(new DeviceTextTower);
  tower->config_ = config.text;
  tower->clip_ = config.family == Family::kClip;
  tower->padding_ = padding;
  tower->type_ = type;
  tower->dimension_ = config.projection;
  if (!tower->clip_ && (padding.id < 0 || padding.id >= config.text.vocabulary)) {
    return Status::Corruption(file.path() + ": the tokenizer's padding id " +
                              std::to_string(padding.id) + " is outside of the vocabulary of " +
                              std::to_string(config.text.vocabulary) +
                              "; check that tokenizer and weights are of the same model");
  }
  const Weights weights(&file, "text_model", TowerOptions(nullptr));
  cuda::VramArena counting = cuda::VramArena::Counting();
  DeviceLoader counter(weights, type, &counting, nullptr);
  ESPY_RETURN_IF_ERROR(tower->Read(config, &counter));
  ESPY_ASSIGN_OR_RETURN(tower->weights_, cuda::VramArena::Reserve(budget, counting.peak(),
                                                                  "weights of the text tower"));
  ESPY_ASSIGN_OR_RETURN(Uploader uploader, Uploader::Create());
  DeviceLoader loader(weights, type, &tower->weights_, &uploader);
  ESPY_RETURN_IF_ERROR(tower->Read(config, &loader));

  const std::int64_t most =
      std::clamp<std::int64_t>(kRowsOfPass / config.text.context, 1, kMostTexts);
  tower->lanes_ = std::make_unique<Lanes>(
      budget, "the text tower", tower->dimension_, most,
      [raw = tower.get()](std::int64_t texts) { return raw->NeedsFor(texts); });
  return tower;
}

Status DeviceTextTower::Read(const ModelConfig& config, DeviceLoader* loader) {
  const std::int64_t width = config_.width;
  ESPY_ASSIGN_OR_RETURN(
      const StoredTensor tokens,
      loader->weights().Find("embeddings.token_embedding.weight", {config_.vocabulary, width}));
  ESPY_ASSIGN_OR_RETURN(table_, loader->Table(tokens, config_.vocabulary, width));
  ESPY_ASSIGN_OR_RETURN(
      positions_, loader->Vector("embeddings.position_embedding.weight", {config_.context, width}));
  ESPY_ASSIGN_OR_RETURN(transformer_, DeviceTransformer::Load(loader, config_));
  ESPY_ASSIGN_OR_RETURN(final_norm_, loader->ReadNorm("final_layer_norm", width));
  if (!clip_) {
    ESPY_ASSIGN_OR_RETURN(projection_, loader->ReadLinear("head", config.projection, width));
    return Status::Ok();
  }
  DeviceLoader outside = loader->Outside();
  ESPY_ASSIGN_OR_RETURN(projection_, outside.ReadLinear("text_projection", config.projection, width,
                                                        /*with_bias=*/false));
  return Status::Ok();
}

DeviceTextTower::Layout DeviceTextTower::LayoutFor(std::int64_t texts) const {
  const auto n = static_cast<std::size_t>(texts);
  const std::size_t rows = n * static_cast<std::size_t>(config_.context);
  constexpr std::size_t kBytes = sizeof(std::int32_t);
  Layout layout;
  layout.places = Aligned(rows * kBytes);
  layout.offsets = layout.places + Aligned(rows * kBytes);
  layout.singles = layout.offsets + Aligned((n + 1) * kBytes);
  layout.pooled = layout.singles + Aligned((n + 1) * kBytes);
  layout.bytes = layout.pooled + Aligned(n * kBytes);
  return layout;
}

LaneNeeds DeviceTextTower::NeedsFor(std::int64_t texts) {
  return {.staged_bytes = LayoutFor(texts).bytes,
          .take = [this, texts](int lane, cuda::VramArena* arena) {
            buffers_[lane] = {
                .texts = texts,
                .layers = transformer_.TakeBuffers(arena, texts * config_.context, texts, 0)};
          }};
}

Status DeviceTextTower::Encode(std::span<const std::vector<std::int32_t>> texts,
                               const VectorRows& out) {
  const auto queue = [&](int number, Lane* lane, std::int64_t first, std::int64_t most) {
    return QueuePass(
        buffers_[number], lane,
        texts.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(most)));
  };
  return lanes_->Encode(static_cast<std::int64_t>(texts.size()), queue, out);
}

Result<std::int64_t> DeviceTextTower::QueuePass(const Buffers& buffers, Lane* lane,
                                                std::span<const std::vector<std::int32_t>> texts) {
  const Layout layout = LayoutFor(buffers.texts);
  const auto count = static_cast<std::int64_t>(texts.size());
  const auto ints = [&](std::byte* base, std::size_t first) {
    return reinterpret_cast<std::int32_t*>(base + first);
  };
  std::byte* host = lane->in.data();
  std::int32_t* ids = ints(host, 0);
  std::int32_t* places = ints(host, layout.places);
  std::int32_t* offsets = ints(host, layout.offsets);
  std::int32_t* singles = ints(host, layout.singles);
  std::int32_t* pooled = ints(host, layout.pooled);
  std::int32_t rows = 0, longest = 0;
  offsets[0] = singles[0] = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::int32_t>& text = texts[static_cast<std::size_t>(i)];
    ESPY_CHECK(!text.empty(), "a text has its end-of-text token at least");
    const auto given = static_cast<std::int64_t>(text.size());
    // What follows CLIP's end-of-text token cannot reach it under the causal mask; SigLIP's padding
    // is part of what it reads.
    const std::int64_t length =
        clip_ ? ClipPooledPosition(text, config_.eos_id) + 1 : config_.context;
    const std::int64_t before = !clip_ && padding_.left ? length - given : 0;
    for (std::int64_t t = 0; t < length; ++t) {
      const std::int64_t at = t - before;
      ids[rows] = at >= 0 && at < given ? text[static_cast<std::size_t>(at)] : padding_.id;
      places[rows++] = static_cast<std::int32_t>(t);
    }
    offsets[i + 1] = rows;
    singles[i + 1] = static_cast<std::int32_t>(i + 1);
    pooled[i] = rows - 1;
    longest = std::max(longest, static_cast<std::int32_t>(length));
  }
  ESPY_RETURN_IF_ERROR(lane->stream.Upload(lane->staged, host, layout.bytes));
  const DeviceQueue queue{.type = type_,
                          .stream = lane->stream.handle(),
                          .workspace = lane->workspace,
                          .workspace_bytes = Lanes::kWorkspaceBytes};
  const DeviceSequences sequences{.count = static_cast<std::int32_t>(count),
                                  .rows = rows,
                                  .longest = longest,
                                  .offsets = ints(lane->staged, layout.offsets),
                                  .singles = ints(lane->staged, layout.singles),
                                  .pooled = ints(lane->staged, layout.pooled)};
  const auto work = [&] {
    return QueueTower(queue, sequences, ints(lane->staged, 0), ints(lane->staged, layout.places),
                      buffers.layers, lane->result);
  };
  // CLIP's texts have lengths of their own and seldom come in the same way twice.
  ESPY_RETURN_IF_ERROR(clip_ ? work() : lane->recorded.Run(count, lane->stream, work));
  return count;
}

Status DeviceTextTower::QueueTower(const DeviceQueue& queue, const DeviceSequences& sequences,
                                   const std::int32_t* ids, const std::int32_t* places,
                                   const DeviceTransformer::Buffers& at, float* result) const {
  ESPY_RETURN_IF_ERROR(cuda::EmbedTokens({.type = type_,
                                          .rows = sequences.rows,
                                          .width = static_cast<std::int32_t>(config_.width),
                                          .table = table_,
                                          .positions = positions_,
                                          .ids = ids,
                                          .places = places,
                                          .x = at.x},
                                         queue.stream));
  ESPY_RETURN_IF_ERROR(transformer_.RunPooled(queue, sequences, /*causal=*/clip_, at));
  ESPY_RETURN_IF_ERROR(AddAndNorm(queue, final_norm_, config_.norm_eps, at.pooled_x,
                                  at.pooled_query, sequences.count, at.pooled_mixed));
  ESPY_RETURN_IF_ERROR(
      ApplyToFloats(queue, projection_, at.pooled_mixed, sequences.count, nullptr, result));
  return cuda::L2Normalize(result, sequences.count, static_cast<std::int32_t>(dimension_),
                           queue.stream);
}

}  // namespace espy::encoders
