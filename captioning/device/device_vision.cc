#include "captioning/device/device_vision.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "kernels/cuda/patches.h"
#include "kernels/cuda/rows.h"

namespace espy::captioning {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kMostPictures =
    16;  // where memory allows; as many as are captioned together

// Of what is staged, in bytes.
constexpr std::size_t kOffsetsAt = (kMostPictures * sizeof(cuda::PicturePlace) + 255) / 256 * 256;
constexpr std::size_t kPixelsAt = kOffsetsAt + 256;
static_assert((kMostPictures + 1) * sizeof(std::int32_t) <= 256);

}  // namespace

Result<std::unique_ptr<DeviceVision>> DeviceVision::Load(const encoders::Weights& weights,
                                                         const encoders::VisionConfig& config,
                                                         kernels::ElementType type,
                                                         cuda::VramBudget* budget) {
  std::unique_ptr<DeviceVision> tower(new DeviceVision);
  tower->config_ = config;
  tower->type_ = type;
  const std::int64_t side = config.image_size / config.patch_size;
  tower->patches_ = side * side;
  cuda::VramArena counting = cuda::VramArena::Counting();
  encoders::DeviceLoader counter(weights, type, &counting, nullptr);
  ESPY_RETURN_IF_ERROR(tower->Read(&counter));
  ESPY_ASSIGN_OR_RETURN(tower->weights_, cuda::VramArena::Reserve(budget, counting.peak(),
                                                                  "weights of the vision tower"));
  ESPY_ASSIGN_OR_RETURN(encoders::Uploader uploader, encoders::Uploader::Create());
  encoders::DeviceLoader loader(weights, type, &tower->weights_, &uploader);
  ESPY_RETURN_IF_ERROR(tower->Read(&loader));
  for (std::int64_t pictures = kMostPictures;; pictures /= 2) {
    const Status reserved = tower->Reserve(pictures, budget);
    if (reserved.ok()) return tower;
    if (reserved.code() != StatusCode::kResourceExhausted || pictures == 1) return reserved;
  }
}

Status DeviceVision::Read(encoders::DeviceLoader* loader) {
  const std::int64_t width = config_.width, patch = config_.patch_size;
  const encoders::Weights& weights = loader->weights();
  ESPY_ASSIGN_OR_RETURN(
      const encoders::StoredTensor stored,
      weights.Find("embeddings.patch_embedding.weight", {width, kChannels, patch, patch}));
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> bias,
                        weights.Vector("embeddings.patch_embedding.bias", {width}));
  ESPY_ASSIGN_OR_RETURN(patch_, loader->Matrix(stored, width, kChannels * patch * patch, bias));
  ESPY_ASSIGN_OR_RETURN(class_, loader->Vector("embeddings.class_embedding", {width}));
  ESPY_ASSIGN_OR_RETURN(positions_,
                        loader->Vector("embeddings.position_embedding.weight", {tokens(), width}));
  ESPY_ASSIGN_OR_RETURN(transformer_, encoders::DeviceTransformer::Load(loader, config_));
  ESPY_ASSIGN_OR_RETURN(post_norm_, loader->ReadNorm("post_layernorm", width));
  return Status::Ok();
}

Status DeviceVision::Reserve(std::int64_t pictures, cuda::VramBudget* budget) {
  const auto side = static_cast<std::size_t>(config_.image_size);
  const std::size_t bytes =
      kPixelsAt + static_cast<std::size_t>(pictures * kChannels) * side * side * sizeof(float);
  const auto patch_bytes = static_cast<std::size_t>(pictures * patches_ * patch_.inputs) * 2;
  const auto take = [&](cuda::VramArena* arena) {
    staged_ = arena->Take<std::byte>(static_cast<std::int64_t>(bytes));
    buffers_ = transformer_.TakeBuffers(arena, pictures * tokens(), pictures, patch_bytes);
  };
  cuda::VramArena counting = cuda::VramArena::Counting();
  take(&counting);
  ESPY_ASSIGN_OR_RETURN(
      arena_, cuda::VramArena::Reserve(
                  budget, counting.peak(),
                  "the vision tower for " + std::to_string(pictures) + " pictures at a time"));
  take(&arena_);
  ESPY_ASSIGN_OR_RETURN(pinned_, cuda::PinnedBuffer::Allocate(bytes));
  most_ = pictures;
  return Status::Ok();
}

Status DeviceVision::Queue(const encoders::DeviceQueue& queue, const cuda::Stream& stream,
                           std::span<const imaging::PictureView> pictures) {
  ESPY_CHECK(!pictures.empty() && std::ssize(pictures) <= most_,
             "as many pictures as there may be");
  std::byte* host = pinned_.data();
  auto* places = reinterpret_cast<cuda::PicturePlace*>(host);
  auto* offsets = reinterpret_cast<std::int32_t*>(host + kOffsetsAt);
  const auto side = static_cast<std::int32_t>(config_.image_size);
  const std::int64_t of_picture = kChannels * side * side;
  offsets[0] = 0;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    std::memcpy(host + kPixelsAt + i * static_cast<std::size_t>(of_picture) * sizeof(float),
                pictures[i].values, static_cast<std::size_t>(of_picture) * sizeof(float));
    places[i] = {.first = at * of_picture,
                 .width = side,
                 .height = side,
                 .first_row = static_cast<std::int32_t>(at * patches_)};
    offsets[i + 1] = static_cast<std::int32_t>((at + 1) * tokens());
  }
  const std::size_t bytes =
      kPixelsAt + pictures.size() * static_cast<std::size_t>(of_picture) * sizeof(float);
  ESPY_RETURN_IF_ERROR(stream.Upload(staged_, host, bytes));
  const auto count = static_cast<std::int32_t>(pictures.size());
  return recorded_.Run(count, stream, [&] { return QueueTower(queue, count); });
}

Status DeviceVision::QueueTower(const encoders::DeviceQueue& queue, std::int32_t pictures) const {
  const auto patches = static_cast<std::int32_t>(pictures * patches_);
  const auto rows = static_cast<std::int32_t>(pictures * tokens());
  ESPY_RETURN_IF_ERROR(
      cuda::ExtractPatches({.type = type_,
                            .pixels = staged_ + kPixelsAt,
                            .pictures = reinterpret_cast<const cuda::PicturePlace*>(staged_),
                            .count = pictures,
                            .rows = patches,
                            .patch = static_cast<std::int32_t>(config_.patch_size),
                            .out = buffers_.hidden,
                            .out_stride = patch_.inputs},
                           queue.stream));
  auto* embedded = static_cast<float*>(buffers_.qkv);  // [patches, width]
  ESPY_RETURN_IF_ERROR(ApplyToFloats(queue, patch_, buffers_.hidden, patches, nullptr, embedded));
  ESPY_RETURN_IF_ERROR(cuda::AssembleTokens({.pictures = pictures,
                                             .tokens = static_cast<std::int32_t>(tokens()),
                                             .width = static_cast<std::int32_t>(config_.width),
                                             .embedded = embedded,
                                             .class_token = class_,
                                             .positions = positions_,
                                             .x = buffers_.x},
                                            queue.stream));
  const encoders::DeviceSequences sequences{
      .count = pictures,
      .rows = rows,
      .longest = static_cast<std::int32_t>(tokens()),
      .offsets = reinterpret_cast<const std::int32_t*>(staged_ + kOffsetsAt)};
  ESPY_RETURN_IF_ERROR(transformer_.Run(queue, sequences, /*causal=*/false, buffers_));
  return AddAndNorm(queue, post_norm_, config_.norm_eps, buffers_.x, buffers_.qkv, rows,
                    buffers_.normed);
}

}  // namespace espy::captioning
