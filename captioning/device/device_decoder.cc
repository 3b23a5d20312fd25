#include "captioning/device/device_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "encoders/device/device_choice.h"
#include "encoders/transformer.h"
#include "kernels/cuda/path_attention.h"
#include "kernels/cuda/picture_attention.h"
#include "kernels/cuda/rows.h"

namespace espy::captioning {
namespace {

using encoders::DeviceQueue;
using kernels::Activation;

// Rows of one part of a pass: four pictures' trees of 64 drafts. More would not stream the weights
// any faster, and 256 rows of BLIP's logits are 31 MB.
constexpr std::int64_t kRows = 256;
// Rows of text that are held at once, where memory allows: 300 MB in BLIP-base's shapes, 16
// pictures with 20 beams of 25 tokens.
constexpr std::int32_t kMostSlots = 8192, kLeastSlots = 1024;

std::size_t Aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

const std::byte* Columns(const void* rows, std::int64_t first) {
  return static_cast<const std::byte*>(rows) + first * 2;
}

float ScaleOf(std::int64_t head_dim) { return 1.0f / std::sqrt(static_cast<float>(head_dim)); }

}  // namespace

Result<std::unique_ptr<DeviceDecoder>> DeviceDecoder::Load(const encoders::Weights& weights,
                                                           const TextConfig& config,
                                                           kernels::ElementType type,
                                                           cuda::VramBudget* budget) {
  std::unique_ptr<DeviceDecoder> decoder(new DeviceDecoder);
  decoder->config_ = config;
  decoder->type_ = type;
  decoder->budget_ = budget;
  cuda::VramArena counting = cuda::VramArena::Counting();
  encoders::DeviceLoader counter(weights, type, &counting, nullptr);
  ESPY_RETURN_IF_ERROR(decoder->Read(&counter));
  ESPY_ASSIGN_OR_RETURN(decoder->weights_, cuda::VramArena::Reserve(budget, counting.peak(),
                                                                    "weights of the decoder"));
  ESPY_ASSIGN_OR_RETURN(encoders::Uploader uploader, encoders::Uploader::Create());
  encoders::DeviceLoader loader(weights, type, &decoder->weights_, &uploader);
  ESPY_RETURN_IF_ERROR(decoder->Read(&loader));
  for (std::int32_t slots = kMostSlots;; slots /= 2) {
    const Status reserved = decoder->Reserve(slots, budget);
    if (reserved.ok()) return decoder;
    if (reserved.code() != StatusCode::kResourceExhausted || slots == kLeastSlots) return reserved;
  }
}

Status DeviceDecoder::Read(encoders::DeviceLoader* loader) {
  const std::int64_t width = config_.width, inter = encoders::PaddedToEight(config_.inter);
  const encoders::Weights& weights = loader->weights();
  const std::string embeddings = "bert.embeddings.", head = "cls.predictions.";
  ESPY_ASSIGN_OR_RETURN(
      const encoders::StoredTensor words,
      weights.Find(embeddings + "word_embeddings.weight", {config_.vocabulary, width}));
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> bias,
                        weights.Vector(head + "bias", {config_.vocabulary}));
  ESPY_ASSIGN_OR_RETURN(vocabulary_, loader->Matrix(words, config_.vocabulary, width, bias));
  ESPY_ASSIGN_OR_RETURN(positions_, loader->Vector(embeddings + "position_embeddings.weight",
                                                   {config_.context, width}));
  ESPY_ASSIGN_OR_RETURN(embedding_norm_, loader->ReadNorm(embeddings + "LayerNorm", width));
  ESPY_ASSIGN_OR_RETURN(transform_, loader->ReadLinear(head + "transform.dense", width, width));
  ESPY_ASSIGN_OR_RETURN(transform_norm_, loader->ReadNorm(head + "transform.LayerNorm", width));
  layers_.clear();
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    const std::string at = "bert.encoder.layer." + std::to_string(i) + ".";
    const std::string self = at + "attention.", cross = at + "crossattention.";
    Layer layer;
    ESPY_ASSIGN_OR_RETURN(
        layer.qkv, loader->ReadFused({self + "self.query", self + "self.key", self + "self.value"},
                                     width, width));
    ESPY_ASSIGN_OR_RETURN(layer.self_out, loader->ReadLinear(self + "output.dense", width, width));
    ESPY_ASSIGN_OR_RETURN(layer.self_norm, loader->ReadNorm(self + "output.LayerNorm", width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_q, loader->ReadLinear(cross + "self.query", width, width));
    ESPY_ASSIGN_OR_RETURN(
        layer.cross_kv,
        loader->ReadFused({cross + "self.key", cross + "self.value"}, width, config_.vision_width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_out,
                          loader->ReadLinear(cross + "output.dense", width, width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_norm, loader->ReadNorm(cross + "output.LayerNorm", width));
    // What the padding's outputs give is 0: fc2 reads them.
    ESPY_ASSIGN_OR_RETURN(layer.fc1, loader->ReadLinear(at + "intermediate.dense", config_.inter,
                                                        width, /*with_bias=*/true, inter));
    ESPY_ASSIGN_OR_RETURN(layer.fc2, loader->ReadLinear(at + "output.dense", width, config_.inter));
    ESPY_ASSIGN_OR_RETURN(layer.mlp_norm, loader->ReadNorm(at + "output.LayerNorm", width));
    layers_.push_back(layer);
  }
  return Status::Ok();
}

Status DeviceDecoder::Reserve(std::int32_t slots, cuda::VramBudget* budget) {
  const std::int64_t width = config_.width;
  constexpr std::size_t kInts = kRows * sizeof(std::int32_t);
  layout_.positions = Aligned(kInts);
  layout_.slots = layout_.positions + Aligned(kInts);
  layout_.chosen = layout_.slots + Aligned(kInts);
  layout_.pictures = layout_.chosen + Aligned(kInts);
  layout_.paths = layout_.pictures + Aligned(kRows * sizeof(cuda::PictureRows));
  layout_.lists = layout_.paths + Aligned(kRows * sizeof(cuda::AttentionPath));
  layout_.bytes = std::max(layout_.lists + kInts * static_cast<std::size_t>(config_.context),
                           static_cast<std::size_t>(kRows * width) * 2);  // as Head stages its rows
  const auto take = [&](cuda::VramArena* arena) {
    staged_ = arena->Take<std::byte>(static_cast<std::int64_t>(layout_.bytes));
    cache_ = reinterpret_cast<std::byte*>(
        arena->Take<std::uint16_t>(config_.layers * slots * 2 * width));
    x_ = arena->Take<float>(kRows * width);
    normed_ = arena->Take<std::uint16_t>(kRows * width);
    qkv_ = arena->Take<std::uint16_t>(kRows * 3 * width);
    mixed_ = arena->Take<std::uint16_t>(kRows * width);
    hidden_ = arena->Take<std::uint16_t>(kRows * encoders::PaddedToEight(config_.inter));
    head_x_ = arena->Take<float>(kRows * width);
    logits_ = arena->Take<float>(kRows * config_.vocabulary);
  };
  cuda::VramArena counting = cuda::VramArena::Counting();
  take(&counting);
  ESPY_ASSIGN_OR_RETURN(
      arena_, cuda::VramArena::Reserve(budget, counting.peak(),
                                       "the decoder for " + std::to_string(slots) + " tokens"));
  take(&arena_);
  ESPY_ASSIGN_OR_RETURN(in_, cuda::PinnedBuffer::Allocate(layout_.bytes));
  ESPY_ASSIGN_OR_RETURN(
      out_, cuda::PinnedBuffer::Allocate(
                static_cast<std::size_t>(kRows * (width + config_.vocabulary)) * sizeof(float)));
  slots_ = std::make_shared<SlotPool>(slots);
  return Status::Ok();
}

Result<std::shared_ptr<const DevicePicture>> DeviceDecoder::Look(const DeviceQueue& queue,
                                                                 const void* rows,
                                                                 std::int64_t tokens) {
  auto picture = std::make_shared<DevicePicture>();
  const std::int64_t of_layer = tokens * 2 * config_.width;
  const std::size_t bytes = Aligned(static_cast<std::size_t>(config_.layers * of_layer) * 2);
  ESPY_ASSIGN_OR_RETURN(picture->memory, cuda::VramArena::Reserve(budget_, bytes, "a picture"));
  picture->rows = picture->memory.Take(bytes);
  picture->tokens = static_cast<std::int32_t>(tokens);
  auto* to = static_cast<std::byte*>(picture->rows);
  for (const Layer& layer : layers_) {
    ESPY_RETURN_IF_ERROR(
        Apply(queue, layer.cross_kv, rows, picture->tokens, Activation::kNone, to));
    to += of_layer * 2;
  }
  return std::shared_ptr<const DevicePicture>(std::move(picture));
}

DeviceDecoder::Part DeviceDecoder::Stage(const DecoderInput& in, const DecoderRows& rows,
                                         const KvCache& cache, const CrossCache& cross,
                                         std::span<const std::int32_t> wanted, std::int64_t first) {
  Part part{.first = first, .rows = std::min(kRows, rows.size() - first), .logits = {}};
  const auto at = [&]<class T>(std::size_t where, T) {
    return reinterpret_cast<T*>(in_.data() + where);
  };
  auto* ids = at(0, std::int32_t{});
  auto* positions = at(layout_.positions, std::int32_t{});
  auto* slots = at(layout_.slots, std::int32_t{});
  auto* chosen = at(layout_.chosen, std::int32_t{});
  auto* pictures = at(layout_.pictures, cuda::PictureRows{});
  auto* paths = at(layout_.paths, cuda::AttentionPath{});
  auto* lists = at(layout_.lists, std::int32_t{});
  std::int32_t listed = 0;
  for (std::int64_t r = 0; r < part.rows; ++r) {
    const auto number = static_cast<std::size_t>(first + r);
    const DecoderRows::Row& row = rows.rows()[number];
    const std::vector<std::int32_t>& places = cache.places(row.sequence);
    ids[r] = in.tokens[number];
    positions[r] = static_cast<std::int32_t>(row.position);
    slots[r] = places[static_cast<std::size_t>(row.slot)];
    const DevicePicture& picture = *cross.Picture(cache.picture(row.sequence))->on_device;
    pictures[r] = {picture.rows, picture.tokens};
    paths[r] = {.first = 0,
                .kept = 0,
                .path = listed,
                .path_length = static_cast<std::int32_t>(row.kept + row.path_length)};
    for (std::int64_t i = 0; i < row.kept; ++i) {
      lists[listed++] = places[static_cast<std::size_t>(i)];
    }
    for (std::int64_t i = 0; i < row.path_length; ++i) {
      const std::int64_t slot = rows.paths()[static_cast<std::size_t>(row.path + i)];
      lists[listed++] = places[static_cast<std::size_t>(slot)];
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::int64_t row = wanted[i] - first;
    if (row < 0 || row >= part.rows) continue;
    chosen[part.logits.size()] = static_cast<std::int32_t>(row);
    part.logits.push_back(i);
  }
  part.bytes = layout_.lists + static_cast<std::size_t>(listed) * sizeof(std::int32_t);
  return part;
}

Status DeviceDecoder::Forward(const DeviceQueue& queue, const cuda::Stream& stream,
                              const DecoderInput& in, const DecoderRows& rows, const KvCache& cache,
                              const CrossCache& cross, DecoderOutput* out) {
  const std::int64_t width = config_.width, vocabulary = config_.vocabulary;
  std::vector<std::int32_t> wanted(in.logit_rows.begin(), in.logit_rows.end());
  if (wanted.empty()) {
    wanted.resize(static_cast<std::size_t>(rows.size()));
    std::iota(wanted.begin(), wanted.end(), 0);
  }
  out->workspace.tokens.Reserve(rows.size() * width);
  out->logit_memory.Reserve(std::ssize(wanted) * vocabulary);
  float* hidden = out->workspace.tokens.data();
  auto* rows_down = reinterpret_cast<float*>(out_.data());
  float* logits_down = rows_down + kRows * width;
  for (std::int64_t first = 0; first < rows.size(); first += kRows) {
    // A row whose logits are wanted twice over is counted twice: no more than a part's rows.
    Part part = Stage(in, rows, cache, cross, wanted, first);
    const auto count = static_cast<std::int32_t>(part.rows);
    const auto logits = static_cast<std::int32_t>(part.logits.size());
    ESPY_CHECK(logits <= kRows, "logits are asked for once a row");
    ESPY_RETURN_IF_ERROR(stream.Upload(staged_, in_.data(), part.bytes));
    ESPY_RETURN_IF_ERROR(recorded_.Run(std::int64_t{count} * (kRows + 1) + logits, stream,
                                       [&] { return QueueRows(queue, count, logits); }));
    const std::size_t row_bytes = static_cast<std::size_t>(width) * sizeof(float);
    ESPY_RETURN_IF_ERROR(
        stream.Download(rows_down, x_, static_cast<std::size_t>(count) * row_bytes));
    const std::size_t logit_bytes = static_cast<std::size_t>(vocabulary) * sizeof(float);
    if (logits > 0) {
      ESPY_RETURN_IF_ERROR(
          stream.Download(logits_down, logits_, static_cast<std::size_t>(logits) * logit_bytes));
    }
    ESPY_RETURN_IF_ERROR(stream.Wait());
    if (!std::all_of(rows_down, rows_down + part.rows * width,
                     [](float value) { return std::isfinite(value); })) {
      return encoders::BeyondDeviceNumbers("captions", type_);
    }
    std::copy_n(rows_down, part.rows * width, hidden + first * width);
    for (std::size_t i = 0; i < part.logits.size(); ++i) {
      std::copy_n(
          logits_down + static_cast<std::int64_t>(i) * vocabulary, vocabulary,
          out->logit_memory.data() + static_cast<std::int64_t>(part.logits[i]) * vocabulary);
    }
  }
  out->hidden = hidden;
  out->logits = out->logit_memory.data();
  return Status::Ok();
}

Status DeviceDecoder::PostNorm(const DeviceQueue& queue, const encoders::DeviceNorm& norm,
                               const void* added, std::int32_t rows) const {
  return AddAndNorm(queue, norm, config_.norm_eps, x_, added, rows, normed_, /*post=*/true);
}

Status DeviceDecoder::QueueRows(const DeviceQueue& queue, std::int32_t rows,
                                std::int32_t logits) const {
  ESPY_RETURN_IF_ERROR(cuda::EmbedTokens({.type = type_,
                                          .rows = rows,
                                          .width = static_cast<std::int32_t>(config_.width),
                                          .table = vocabulary_.weight,
                                          .positions = positions_,
                                          .ids = Staged<const std::int32_t>(0),
                                          .places = Staged<const std::int32_t>(layout_.positions),
                                          .x = x_},
                                         queue.stream));
  ESPY_RETURN_IF_ERROR(PostNorm(queue, embedding_norm_, nullptr, rows));
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    ESPY_RETURN_IF_ERROR(QueueLayer(queue, l, rows));
  }
  if (logits == 0) return Status::Ok();
  ESPY_RETURN_IF_ERROR(cuda::GatherRows({.type = type_,
                                         .count = logits,
                                         .width = static_cast<std::int32_t>(config_.width),
                                         .from = normed_,
                                         .rows = Staged<const std::int32_t>(layout_.chosen),
                                         .out = mixed_},
                                        queue.stream));
  return QueueHead(queue, logits);
}

Status DeviceDecoder::QueueLayer(const DeviceQueue& queue, std::size_t number,
                                 std::int32_t rows) const {
  const Layer& layer = layers_[number];
  const std::int64_t width = config_.width;
  const auto head_dim = static_cast<std::int32_t>(width / config_.heads);
  std::byte* cache = cache_ + static_cast<std::int64_t>(number) * slots_->size() * 2 * width * 2;
  ESPY_RETURN_IF_ERROR(Apply(queue, layer.qkv, normed_, rows, Activation::kNone, qkv_));
  ESPY_RETURN_IF_ERROR(cuda::ScatterRows({.type = type_,
                                          .count = rows,
                                          .width = static_cast<std::int32_t>(2 * width),
                                          .from = Columns(qkv_, width),
                                          .from_stride = 3 * width,
                                          .rows = Staged<const std::int32_t>(layout_.slots),
                                          .out = cache},
                                         queue.stream));
  ESPY_RETURN_IF_ERROR(
      cuda::PathAttention({.type = type_,
                           .rows = rows,
                           .heads = static_cast<std::int32_t>(config_.heads),
                           .head_dim = head_dim,
                           .scale = ScaleOf(head_dim),
                           .paths = Staged<const cuda::AttentionPath>(layout_.paths),
                           .slots = Staged<const std::int32_t>(layout_.lists),
                           .q = {qkv_, 3 * width},
                           .k = {cache, 2 * width},
                           .v = {Columns(cache, width), 2 * width},
                           .out = mixed_,
                           .out_stride = width},
                          queue.stream));
  ESPY_RETURN_IF_ERROR(Apply(queue, layer.self_out, mixed_, rows, Activation::kNone, qkv_));
  ESPY_RETURN_IF_ERROR(PostNorm(queue, layer.self_norm, qkv_, rows));

  ESPY_RETURN_IF_ERROR(Apply(queue, layer.cross_q, normed_, rows, Activation::kNone, qkv_));
  ESPY_RETURN_IF_ERROR(
      cuda::PictureAttention({.type = type_,
                              .rows = rows,
                              .heads = static_cast<std::int32_t>(config_.heads),
                              .head_dim = head_dim,
                              .scale = ScaleOf(head_dim),
                              .pictures = Staged<const cuda::PictureRows>(layout_.pictures),
                              .layer = static_cast<std::int64_t>(number),
                              .q = {qkv_, width},
                              .out = mixed_,
                              .out_stride = width},
                             queue.stream));
  ESPY_RETURN_IF_ERROR(Apply(queue, layer.cross_out, mixed_, rows, Activation::kNone, qkv_));
  ESPY_RETURN_IF_ERROR(PostNorm(queue, layer.cross_norm, qkv_, rows));

  ESPY_RETURN_IF_ERROR(Apply(queue, layer.fc1, normed_, rows,
                             encoders::KernelActivation(config_.activation), hidden_));
  ESPY_RETURN_IF_ERROR(Apply(queue, layer.fc2, hidden_, rows, Activation::kNone, qkv_));
  return PostNorm(queue, layer.mlp_norm, qkv_, rows);
}

// mixed_ -> logits_
Status DeviceDecoder::QueueHead(const DeviceQueue& queue, std::int32_t rows) const {
  ESPY_RETURN_IF_ERROR(ApplyToFloats(queue, transform_, mixed_, rows, nullptr, head_x_,
                                     encoders::KernelActivation(config_.activation)));
  ESPY_RETURN_IF_ERROR(
      AddAndNorm(queue, transform_norm_, config_.norm_eps, head_x_, nullptr, rows, mixed_));
  return ApplyToFloats(queue, vocabulary_, mixed_, rows, nullptr, logits_);
}

Status DeviceDecoder::Head(const DeviceQueue& queue, const cuda::Stream& stream,
                           const float* hidden, std::int64_t rows, float* logits) {
  const std::int64_t width = config_.width, vocabulary = config_.vocabulary;
  for (std::int64_t first = 0; first < rows; first += kRows) {
    const std::int64_t n = std::min(kRows, rows - first);
    const auto values = static_cast<std::size_t>(n * width);
    ESPY_RETURN_IF_ERROR(encoders::ToSixteenBits(hidden + first * width, values, type_, "captions",
                                                 reinterpret_cast<std::uint16_t*>(in_.data())));
    ESPY_RETURN_IF_ERROR(stream.Upload(mixed_, in_.data(), values * 2));
    ESPY_RETURN_IF_ERROR(QueueHead(queue, static_cast<std::int32_t>(n)));
    const std::size_t bytes = static_cast<std::size_t>(n * vocabulary) * sizeof(float);
    ESPY_RETURN_IF_ERROR(stream.Download(out_.data(), logits_, bytes));
    ESPY_RETURN_IF_ERROR(stream.Wait());
    std::memcpy(logits + first * vocabulary, out_.data(), bytes);
  }
  return Status::Ok();
}

}  // namespace espy::captioning
