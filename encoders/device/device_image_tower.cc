#include "encoders/device/device_image_tower.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "encoders/device/device_choice.h"
#include "encoders/device/pixel_fitter.h"
#include "encoders/siglip2/position_grid.h"
#include "kernels/cuda/norm.h"
#include "kernels/cuda/rows.h"

namespace espy::encoders {
namespace {

constexpr std::int64_t kChannels = 3;
// Rows of a pass where memory allows: products of that height fill a large GPU's multiprocessors
// many times over, and more only takes memory.
constexpr std::int64_t kRowsOfPass = 16384;
constexpr std::int64_t kMostPictures = 256;  // of a pass

std::size_t Aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace

Result<std::unique_ptr<DeviceImageTower>> DeviceImageTower::Load(const ModelConfig& config,
                                                                 const Safetensors& file,
                                                                 kernels::ElementType type,
                                                                 cuda::VramBudget* budget) {
  ESPY_RETURN_IF_ERROR(DeviceTakes(config.vision, file.path()));
  if (config.family == Family::kSiglip && !config.vision.attention_pool) {
    return Status::Unsupported(file.path() + ": the model has no pooling head");
  }
  std::unique_ptr<DeviceImageTower> tower(new DeviceImageTower);
  tower->config_ = config.vision;
  tower->clip_ = config.family == Family::kClip;
  tower->naflex_ = config.family == Family::kSiglip2;
  tower->preprocess_ = config.preprocess;
  tower->type_ = type;
  tower->dimension_ = config.projection;
  tower->side_ = config.vision.image_size / config.vision.patch_size;
  tower->most_patches_ = tower->side_ * tower->side_;
  if (tower->naflex_) {
    tower->most_patches_ =
        std::max<std::int64_t>(tower->most_patches_, config.preprocess.max_patches);
  }
  const Weights weights(&file, "vision_model", TowerOptions(nullptr));
  cuda::VramArena counting = cuda::VramArena::Counting();
  DeviceLoader counter(weights, type, &counting, nullptr);
  ESPY_RETURN_IF_ERROR(tower->Read(config, &counter));
  ESPY_ASSIGN_OR_RETURN(tower->weights_, cuda::VramArena::Reserve(budget, counting.peak(),
                                                                  "weights of the image tower"));
  ESPY_ASSIGN_OR_RETURN(Uploader uploader, Uploader::Create());
  DeviceLoader loader(weights, type, &tower->weights_, &uploader);
  ESPY_RETURN_IF_ERROR(tower->Read(config, &loader));

  const std::int64_t rows = tower->most_patches_ + (tower->clip_ ? 1 : 0);
  const std::int64_t most = std::clamp<std::int64_t>(kRowsOfPass / rows, 1, kMostPictures);
  tower->lanes_ = std::make_unique<Lanes>(
      budget, "the image tower", tower->dimension_, most,
      [raw = tower.get()](std::int64_t pictures) { return raw->NeedsFor(pictures); });
  return tower;
}

Status DeviceImageTower::Read(const ModelConfig& config, DeviceLoader* loader) {
  const std::int64_t width = config_.width, patch = config_.patch_size;
  const std::int64_t inputs = kChannels * patch * patch, patches = side_ * side_;
  const Weights& weights = loader->weights();
  std::vector<float> normal;
  for (int channel = 0; channel < kChannels; ++channel) {
    const std::array<float, 256> levels = imaging::NormalLevels(preprocess_, channel);
    normal.insert(normal.end(), levels.begin(), levels.end());
  }
  ESPY_ASSIGN_OR_RETURN(normal_, loader->Floats(normal));
  if (naflex_) {
    ESPY_ASSIGN_OR_RETURN(patch_, loader->ReadLinear("embeddings.patch_embedding", width, inputs));
    ESPY_ASSIGN_OR_RETURN(grid_,
                          weights.Vector("embeddings.position_embedding.weight", {patches, width}));
  } else {
    ESPY_ASSIGN_OR_RETURN(
        const StoredTensor stored,
        weights.Find("embeddings.patch_embedding.weight", {width, kChannels, patch, patch}));
    std::vector<float> bias;
    if (clip_) {
      ESPY_ASSIGN_OR_RETURN(class_, loader->Vector("embeddings.class_embedding", {width}));
    } else {
      ESPY_ASSIGN_OR_RETURN(bias, weights.Vector("embeddings.patch_embedding.bias", {width}));
    }
    ESPY_ASSIGN_OR_RETURN(patch_, loader->Matrix(stored, width, inputs, bias));
    ESPY_ASSIGN_OR_RETURN(positions_, loader->Vector("embeddings.position_embedding.weight",
                                                     {patches + (clip_ ? 1 : 0), width}));
  }
  if (clip_) {
    // The published name has this spelling.
    ESPY_ASSIGN_OR_RETURN(pre_norm_, loader->ReadNorm("pre_layrnorm", width));
  }
  ESPY_ASSIGN_OR_RETURN(transformer_, DeviceTransformer::Load(loader, config_));
  ESPY_ASSIGN_OR_RETURN(post_norm_, loader->ReadNorm("post_layernorm", width));
  if (!clip_) {
    ESPY_ASSIGN_OR_RETURN(head_, DeviceAttentionPool::Load(loader, config_));
    return Status::Ok();
  }
  DeviceLoader outside = loader->Outside();
  ESPY_ASSIGN_OR_RETURN(projection_,
                        outside.ReadLinear("visual_projection", config.projection, width,
                                           /*with_bias=*/false));
  return Status::Ok();
}

std::int64_t DeviceImageTower::PatchesOf(imaging::Size size) const {
  return (size.width / config_.patch_size) * (size.height / config_.patch_size);
}

bool DeviceImageTower::Takes(imaging::Size size) const {
  if (!naflex_) return size.width == config_.image_size && size.height == config_.image_size;
  return size.width > 0 && size.height > 0 && size.width % config_.patch_size == 0 &&
         size.height % config_.patch_size == 0 && PatchesOf(size) <= most_patches_;
}

bool DeviceImageTower::TakesPixels(const imaging::PixelView& picture) const {
  return Takes(imaging::FittedSize(preprocess_, picture.full));
}

DeviceImageTower::Layout DeviceImageTower::LayoutFor(std::int64_t pictures) const {
  const auto n = static_cast<std::size_t>(pictures);
  const auto patches = n * static_cast<std::size_t>(most_patches_);
  const auto of_patch = static_cast<std::size_t>(config_.patch_size * config_.patch_size);
  const auto of_square = static_cast<std::size_t>(config_.image_size * config_.image_size);
  Layout layout;
  layout.offsets = Aligned(n * sizeof(cuda::PicturePlace));
  layout.singles = layout.offsets + Aligned((n + 1) * sizeof(std::int32_t));
  layout.pooled = layout.singles + Aligned((n + 1) * sizeof(std::int32_t));
  layout.positions = layout.pooled + Aligned(n * sizeof(std::int32_t));
  layout.pixels = layout.positions;
  if (naflex_) {
    layout.pixels += Aligned(patches * static_cast<std::size_t>(config_.width) * sizeof(float));
  }
  layout.bytes = layout.pixels + kChannels * sizeof(float) *
                                     std::max(patches * of_patch, naflex_ ? 0 : n * of_square);
  return layout;
}

LaneNeeds DeviceImageTower::NeedsFor(std::int64_t pictures) {
  const std::int64_t patches = pictures * most_patches_;
  const std::int64_t rows = patches + (clip_ ? pictures : 0);
  const auto patch_bytes = static_cast<std::size_t>(patches * patch_.inputs) * 2;
  return {.staged_bytes = LayoutFor(pictures).bytes,
          .take = [this, rows, pictures, patch_bytes](int lane, cuda::VramArena* arena) {
            buffers_[lane] = {
                .pictures = pictures,
                .layers = transformer_.TakeBuffers(arena, rows, pictures, patch_bytes)};
          }};
}

Status DeviceImageTower::Encode(std::span<const imaging::PictureView> pictures,
                                const VectorRows& out) {
  const auto queue = [&](int number, Lane* lane, std::int64_t first,
                         std::int64_t most) -> Result<std::int64_t> {
    Pass pass = Begin(number, lane);
    auto* pixels = reinterpret_cast<float*>(lane->in.data() + pass.layout.pixels);
    std::int64_t values = 0;
    for (const imaging::PictureView& picture :
         pictures.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(most))) {
      const std::int64_t of_picture = kChannels * picture.size.width * picture.size.height;
      std::memcpy(pixels + values, picture.values,
                  static_cast<std::size_t>(of_picture) * sizeof(float));
      Add(picture.size, values, &pass);
      values += of_picture;
    }
    ESPY_RETURN_IF_ERROR(lane->stream.Upload(lane->staged + pass.layout.pixels, pixels,
                                             static_cast<std::size_t>(values) * sizeof(float)));
    return Queue(pass);
  };
  return lanes_->Encode(static_cast<std::int64_t>(pictures.size()), queue, out);
}

Status DeviceImageTower::EncodePixels(std::span<const imaging::PixelView> pictures,
                                      const VectorRows& out) {
  const auto queue = [&](int number, Lane* lane, std::int64_t first,
                         std::int64_t most) -> Result<std::int64_t> {
    Pass pass = Begin(number, lane);
    const std::size_t at = pass.layout.pixels;
    PixelFitter fitter(preprocess_, lane->in.data() + at, lane->staged + at,
                       pass.layout.bytes - at);
    for (const imaging::PixelView& picture :
         pictures.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(most))) {
      const std::optional<PixelFitter::Fitted> fitted = fitter.Add(picture);
      if (!fitted) break;  // the rest is for the next pass
      Add(fitted->size, fitted->first, &pass);
    }
    ESPY_RETURN_IF_ERROR(fitter.Queue(lane->stream));
    pass.normal = normal_;
    return Queue(pass);
  };
  return lanes_->Encode(static_cast<std::int64_t>(pictures.size()), queue, out);
}

Status DeviceImageTower::EncodeTensors(const float* tensors, std::int64_t count,
                                       const VectorRows& out) {
  if (naflex_) {
    return Status::InvalidArgument(
        "pictures of a NaFlex model have sizes of their own and come one by one, not as a tensor");
  }
  const auto side = static_cast<std::int32_t>(config_.image_size);
  const std::int64_t of_picture = kChannels * side * side;
  const auto queue = [&](int number, Lane* lane, std::int64_t first,
                         std::int64_t most) -> Result<std::int64_t> {
    Pass pass = Begin(number, lane);
    pass.pixels = tensors;
    for (std::int64_t i = first; i < first + most; ++i) Add({side, side}, i * of_picture, &pass);
    return Queue(pass);
  };
  return lanes_->Encode(count, queue, out);
}

DeviceImageTower::Pass DeviceImageTower::Begin(int number, Lane* lane) {
  Pass pass{.lane = lane, .buffers = &buffers_[number], .layout = {}, .sizes = {}};
  pass.layout = LayoutFor(pass.buffers->pictures);
  pass.pixels = lane->staged + pass.layout.pixels;
  return pass;
}

void DeviceImageTower::Add(imaging::Size size, std::int64_t first, Pass* pass) const {
  std::byte* host = pass->lane->in.data();
  auto* places = reinterpret_cast<cuda::PicturePlace*>(host);
  auto* offsets = reinterpret_cast<std::int32_t*>(host + pass->layout.offsets);
  auto* singles = reinterpret_cast<std::int32_t*>(host + pass->layout.singles);
  auto* pooled = reinterpret_cast<std::int32_t*>(host + pass->layout.pooled);
  const std::size_t i = pass->sizes.size();
  if (i == 0) offsets[0] = singles[0] = 0;
  places[i] = {.first = first,
               .width = size.width,
               .height = size.height,
               .first_row = static_cast<std::int32_t>(pass->patches)};
  pooled[i] = offsets[i];
  offsets[i + 1] = offsets[i] + static_cast<std::int32_t>(TokensOf(size));
  singles[i + 1] = static_cast<std::int32_t>(i + 1);
  pass->sizes.push_back(size);
  pass->patches += PatchesOf(size);
  pass->longest = std::max(pass->longest, TokensOf(size));
}

Result<std::int64_t> DeviceImageTower::Queue(const Pass& pass) const {
  const Layout& layout = pass.layout;
  Lane* lane = pass.lane;
  std::byte* host = lane->in.data();
  const auto upload = [&](std::size_t first, std::size_t bytes) {
    return lane->stream.Upload(lane->staged + first, host + first, bytes);
  };
  ESPY_RETURN_IF_ERROR(upload(0, layout.positions));
  if (naflex_) {
    FillPositions(pass);
    ESPY_RETURN_IF_ERROR(upload(
        layout.positions, static_cast<std::size_t>(pass.patches * config_.width) * sizeof(float)));
  }
  const auto staged = [&]<class T>(std::size_t first, T) {
    return reinterpret_cast<const T*>(lane->staged + first);
  };
  const auto count = static_cast<std::int64_t>(pass.sizes.size());
  const auto rows = static_cast<std::int32_t>(pass.patches);
  ESPY_RETURN_IF_ERROR(cuda::ExtractPatches({.type = type_,
                                             .pixels = pass.pixels,
                                             .normal = pass.normal,
                                             .pictures = staged(0, cuda::PicturePlace{}),
                                             .count = static_cast<std::int32_t>(count),
                                             .rows = rows,
                                             .patch = static_cast<std::int32_t>(config_.patch_size),
                                             .channels_last = naflex_,
                                             .out = pass.buffers->layers.hidden,
                                             .out_stride = patch_.inputs},
                                            lane->stream.handle()));
  const DeviceQueue queue{.type = type_,
                          .stream = lane->stream.handle(),
                          .workspace = lane->workspace,
                          .workspace_bytes = Lanes::kWorkspaceBytes};
  const DeviceSequences sequences{
      .count = static_cast<std::int32_t>(count),
      .rows = reinterpret_cast<const std::int32_t*>(host + layout.offsets)[count],
      .longest = static_cast<std::int32_t>(pass.longest),
      .offsets = staged(layout.offsets, std::int32_t{}),
      .singles = staged(layout.singles, std::int32_t{}),
      .pooled = staged(layout.pooled, std::int32_t{})};
  const float* positions = naflex_ ? staged(layout.positions, float{}) : positions_;
  const auto work = [&] {
    return QueueTower(queue, sequences, rows, positions, pass.buffers->layers, lane->result);
  };
  // Pictures of their own sizes seldom come in the same way twice.
  ESPY_RETURN_IF_ERROR(naflex_ ? work() : lane->recorded.Run(count, lane->stream, work));
  return count;
}

void DeviceImageTower::FillPositions(const Pass& pass) const {
  auto* positions = reinterpret_cast<float*>(pass.lane->in.data() + pass.layout.positions);
  for (const imaging::Size size : pass.sizes) {
    const std::int64_t values = PatchesOf(size) * config_.width;
    std::fill(positions, positions + values, 0.0f);
    AddResizedGrid(grid_.data(), side_, config_.width, size.height / config_.patch_size,
                   size.width / config_.patch_size, positions);
    positions += values;
  }
}

Status DeviceImageTower::QueueTower(const DeviceQueue& queue, const DeviceSequences& sequences,
                                    std::int32_t patches, const float* positions,
                                    const DeviceTransformer::Buffers& at, float* result) const {
  const float eps = config_.norm_eps;
  auto* embedded = static_cast<float*>(at.qkv);  // [patches, width]
  ESPY_RETURN_IF_ERROR(ApplyToFloats(queue, patch_, at.hidden, patches, nullptr, embedded));
  // Pictures of their own sizes have a row of positions each, as one picture has.
  const std::int32_t pictures = naflex_ ? 1 : sequences.count;
  ESPY_RETURN_IF_ERROR(cuda::AssembleTokens({.pictures = pictures,
                                             .tokens = sequences.rows / pictures,
                                             .width = static_cast<std::int32_t>(config_.width),
                                             .embedded = embedded,
                                             .class_token = class_,
                                             .positions = positions,
                                             .x = at.x},
                                            queue.stream));
  if (clip_) {
    DeviceQueue floats = queue;
    floats.type = kernels::ElementType::kFloat32;
    ESPY_RETURN_IF_ERROR(AddAndNorm(floats, pre_norm_, eps, at.x, nullptr, sequences.rows, at.x));
    ESPY_RETURN_IF_ERROR(transformer_.RunPooled(queue, sequences, /*causal=*/false, at));
    ESPY_RETURN_IF_ERROR(AddAndNorm(queue, post_norm_, eps, at.pooled_x, at.pooled_query,
                                    sequences.count, at.pooled_mixed));
    ESPY_RETURN_IF_ERROR(
        ApplyToFloats(queue, projection_, at.pooled_mixed, sequences.count, nullptr, result));
  } else {
    ESPY_RETURN_IF_ERROR(transformer_.Run(queue, sequences, /*causal=*/false, at));
    ESPY_RETURN_IF_ERROR(
        AddAndNorm(queue, post_norm_, eps, at.x, at.qkv, sequences.rows, at.normed));
    ESPY_RETURN_IF_ERROR(head_.Run(queue, sequences, at, result));
  }
  return cuda::L2Normalize(result, sequences.count, static_cast<std::int32_t>(dimension_),
                           queue.stream);
}

}  // namespace espy::encoders
