#include "encoders/encoder.h"

#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "encoders/config.h"
#include "encoders/device/device_route.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/panels/tower_panels.h"
#include "encoders/safetensors.h"
#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tower.h"
#include "encoders/workspace_shelf.h"
#include "kernels/norm.h"

namespace espy::encoders {
namespace {

// BF16 is faster only where the CPU multiplies it. INT8 is not as close as kAuto promises.
Precision Chosen(Precision asked) {
  if (asked != Precision::kAuto && asked != Precision::kFloat16) return asked;
  return CpuFeatures().avx512_bf16 ? Precision::kBfloat16 : Precision::kFloat32;
}

kernels::Precision OfProducts(Precision chosen) {
  switch (chosen) {
    case Precision::kBfloat16:
      return kernels::Precision::kBfloat16;
    case Precision::kInt8:
      return kernels::Precision::kInt8;
    default:
      return kernels::Precision::kFloat32;
  }
}

class TowerEncoder : public Encoder {
 public:
  TowerEncoder(EncoderInfo info, ModelConfig config, std::unique_ptr<Safetensors> weights,
               PanelSource source, const EncoderOptions& options)
      : info_(std::move(info)),
        config_(std::move(config)),
        weights_(std::move(weights)),
        source_(std::move(source)),
        weight_cache_(options.weight_cache),
        precision_(Chosen(options.precision)),
        pool_(options.threads > 0 ? options.threads : CoreCount()) {}

  const EncoderInfo& info() const override { return info_; }
  Precision precision() const override {
    return device_.on() ? device_.encoder().precision() : precision_;
  }
  std::string device() const override {
    return device_.on() ? device_.encoder().description() : "cpu";
  }

  // Before any call.
  Status OpenDevice(const EncoderOptions& options) {
    return device_.Open(config_, *weights_, {.precision = options.precision, .vram = options.vram},
                        options.device);
  }

  Status EncodeImages(std::span<const imaging::PictureView> pictures, float* out) const override {
    ESPY_ASSIGN_OR_RETURN(const bool done, device_.TryImages(pictures, out));
    if (done) return Status::Ok();
    ESPY_ASSIGN_OR_RETURN(const ImageTower* tower, Image());
    for (const imaging::PictureView& picture : pictures) {
      if (!tower->Takes(picture.size)) {
        return Status::InvalidArgument(info_.directory + ": the model takes no picture of " +
                                       std::to_string(picture.size.width) + " x " +
                                       std::to_string(picture.size.height) +
                                       " pixels; preprocess it as the model asks");
      }
    }
    return Guarded([&](Workspace* workspace) {
      tower->Encode(pictures, workspace, out, &pool_);
      kernels::L2Normalize(out, static_cast<std::int64_t>(pictures.size()), config_.projection);
      return Status::Ok();
    });
  }

  bool on_device() const override { return device_.on(); }

  Status EncodePixels(std::span<const imaging::PixelView> pictures, float* out) const override {
    ESPY_ASSIGN_OR_RETURN(const bool done, device_.TryPixels(pictures, out));
    return done ? Status::Ok() : Encoder::EncodePixels(pictures, out);
  }

  Result<DeviceVectors> KeepPixels(std::span<const imaging::PixelView> pictures,
                                   std::int64_t stride) const override {
    return device_.KeepPixels(pictures, stride);
  }

  Status EncodeTexts(std::span<const std::string> texts, float* out) const override {
    ESPY_ASSIGN_OR_RETURN(const Tokenizer* tokenizer, Words());
    std::vector<std::vector<std::int32_t>> ids;
    for (const std::string& text : texts) {
      ids.push_back(tokenizer->Encode(text, config_.text.context));
    }
    ESPY_ASSIGN_OR_RETURN(const bool done, device_.TryTexts(ids, PaddingOf(*tokenizer), out));
    if (done) return Status::Ok();
    ESPY_ASSIGN_OR_RETURN(const TextTower* tower, Text());
    return Guarded([&](Workspace* workspace) {
      tower->Encode(ids, workspace, out, &pool_);
      kernels::L2Normalize(out, static_cast<std::int64_t>(texts.size()), config_.projection);
      return Status::Ok();
    });
  }

  // Towers run about 1024 rows at once (ItemsPerPass); eight pictures come close to that for most
  // of them, and a wider batch only makes the caller wait longer.
  std::int64_t preferred_batch() const override {
    return device_.on() ? device_.encoder().preferred_batch() : 8;
  }

  // Loads what will be used, on the device or here.
  Status PrepareImage() const {
    ESPY_ASSIGN_OR_RETURN(const bool done, device_.TryLoadImage());
    return done ? Status::Ok() : Image().status();
  }
  Status PrepareWords() const {
    ESPY_ASSIGN_OR_RETURN(const Tokenizer* tokenizer, Words());
    ESPY_ASSIGN_OR_RETURN(const bool done, device_.TryLoadText(PaddingOf(*tokenizer)));
    return done ? Status::Ok() : Text().status();
  }

  // Loading, once; a failure is told again to each later caller, unless another attempt may
  // succeed.
  static bool IsLasting(const Status& failed) {
    return failed.code() != StatusCode::kResourceExhausted;
  }
  Result<const ImageTower*> Image() const {
    std::lock_guard lock(image_mutex_);
    if (image_ == nullptr && image_error_.ok()) {
      Result<std::unique_ptr<ImageTower>> loaded = Caught([&] { return LoadImage(); });
      if (loaded.ok()) {
        image_ = std::move(loaded).value();
      } else if (Status failed = loaded.status(); IsLasting(failed)) {
        image_error_ = std::move(failed);
      } else {
        return failed;
      }
    }
    if (image_ == nullptr) return image_error_;
    return static_cast<const ImageTower*>(image_.get());
  }

  Result<const Tokenizer*> Words() const {
    std::lock_guard lock(text_mutex_);
    if (tokenizer_ == nullptr && text_error_.ok()) {
      Result<std::unique_ptr<Tokenizer>> loaded = Caught([&] { return LoadWordsOfModel(); });
      if (loaded.ok()) {
        tokenizer_ = std::move(loaded).value();
      } else if (Status failed = loaded.status(); IsLasting(failed)) {
        text_error_ = std::move(failed);
      } else {
        return failed;
      }
    }
    if (tokenizer_ == nullptr) return text_error_;
    return static_cast<const Tokenizer*>(tokenizer_.get());
  }

  Result<const TextTower*> Text() const {
    ESPY_ASSIGN_OR_RETURN(const Tokenizer* tokenizer, Words());
    std::lock_guard lock(text_mutex_);
    if (text_ == nullptr && text_error_.ok()) {
      Result<std::unique_ptr<TextTower>> loaded = Caught([&] { return LoadText(*tokenizer); });
      if (loaded.ok()) {
        text_ = std::move(loaded).value();
      } else if (Status failed = loaded.status(); IsLasting(failed)) {
        text_error_ = std::move(failed);
      } else {
        return failed;
      }
    }
    if (text_ == nullptr) return text_error_;
    return static_cast<const TextTower*>(text_.get());
  }

 private:
  // The tower that `load` gives, its packed weights in the cache or on their way to it.
  template <class Load>
  auto Packed(const char* tower, std::unique_ptr<TowerPanels>* panels, const Load& load) const {
    const kernels::Precision products = OfProducts(precision_);
    *panels = std::make_unique<TowerPanels>(source_, tower, products, weight_cache_);
    auto loaded = load(TowerOptions(&pool_, products, panels->get()));
    // What was packed is not needed twice.
    weights_->Forget();
    if (loaded.ok()) {
      (*panels)->Save();
    } else {
      panels->reset();
    }
    return loaded;
  }

  Result<std::unique_ptr<ImageTower>> LoadImage() const {
    return Packed("image", &image_panels_, [&](const TowerOptions& options) {
      return LoadImageTower(config_, *weights_, options);
    });
  }

  Result<std::unique_ptr<TextTower>> LoadText(const Tokenizer& tokenizer) const {
    return Packed("text", &text_panels_, [&](const TowerOptions& options) {
      return LoadTextTower(config_, *weights_, PaddingOf(tokenizer), options);
    });
  }

  static Padding PaddingOf(const Tokenizer& tokenizer) {
    return {.id = tokenizer.pad_id(), .left = tokenizer.pads_left()};
  }

  Result<std::unique_ptr<Tokenizer>> LoadWordsOfModel() const {
    ESPY_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer,
                          LoadTokenizer(info_.directory, config_.tokenizer));
    // Checked once here, so that no id can fall outside of the embedding table later.
    if (tokenizer->vocabulary() > config_.text.vocabulary) {
      return Status::Corruption(
          info_.directory + ": the tokenizer knows " + std::to_string(tokenizer->vocabulary()) +
          " ids, config.json's vocab_size is " + std::to_string(config_.text.vocabulary) +
          "; check that the files are of the same model");
    }
    return tokenizer;
  }

  Status OutOfMemory() const {
    return Status::ResourceExhausted(info_.directory +
                                     ": not enough memory for the model; close other programs or "
                                     "use a smaller model");
  }

  template <class Load>
  auto Caught(const Load& load) const -> decltype(load()) {
    try {
      return load();
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    }
  }

  template <class Body>
  Status Guarded(const Body& body) const {
    try {
      WorkspaceShelf::Loan loan(&workspaces_);
      return body(loan.get());
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    }
  }

  // Constant after construction.
  const EncoderInfo info_;
  const ModelConfig config_;
  const std::unique_ptr<Safetensors> weights_;
  const PanelSource source_;
  const WeightCacheOptions weight_cache_;
  const Precision precision_;  // not kAuto
  // Have their own locks.
  mutable ThreadPool pool_;
  mutable WorkspaceShelf workspaces_;

  mutable std::mutex image_mutex_;
  mutable std::unique_ptr<TowerPanels> image_panels_;  // guarded by image_mutex_
  mutable std::unique_ptr<ImageTower> image_;          // guarded by image_mutex_; constant once set
  mutable Status image_error_;                         // guarded by image_mutex_

  mutable std::mutex text_mutex_;
  mutable std::unique_ptr<TowerPanels> text_panels_;  // guarded by text_mutex_
  mutable std::unique_ptr<Tokenizer> tokenizer_;      // guarded by text_mutex_; constant once set
  mutable std::unique_ptr<TextTower> text_;           // guarded by text_mutex_; constant once set
  mutable Status text_error_;                         // guarded by text_mutex_

  DeviceRoute device_;  // open before the first call; has its own locks
};

}  // namespace

Status Encoder::EncodeImages(const float* pixels, std::int64_t batch, float* out) const {
  const imaging::Size size{info().preprocess.width, info().preprocess.height};
  const std::int64_t values = std::int64_t{3} * size.width * size.height;
  std::vector<imaging::PictureView> pictures;
  for (std::int64_t i = 0; i < batch; ++i) pictures.push_back({pixels + i * values, size});
  return EncodeImages(pictures, out);
}

Status Encoder::EncodePixels(std::span<const imaging::PixelView> pictures, float* out) const {
  std::vector<imaging::PictureTensor> tensors;
  std::vector<imaging::PictureView> views;
  for (const imaging::PixelView& picture : pictures) {
    tensors.push_back(imaging::Preprocess(*picture.image, info().preprocess, picture.full));
    views.push_back(tensors.back().view());
  }
  return EncodeImages(views, out);
}

Result<std::unique_ptr<Encoder>> Encoder::Load(const std::string& directory,
                                               const EncoderOptions& options) {
  ESPY_ASSIGN_OR_RETURN(EncoderInfo info, DescribeEncoder(directory));
  ESPY_ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(directory));
  ESPY_ASSIGN_OR_RETURN(std::unique_ptr<Safetensors> weights, OpenWeights(directory));
  ESPY_ASSIGN_OR_RETURN(PanelSource source,
                        DescribePanelSource(directory, info.space_id, options.weight_cache.env));
  auto encoder = std::make_unique<TowerEncoder>(std::move(info), std::move(config),
                                                std::move(weights), std::move(source), options);
  ESPY_RETURN_IF_ERROR(encoder->OpenDevice(options));
  if (options.load_image) ESPY_RETURN_IF_ERROR(encoder->PrepareImage());
  if (options.load_text) ESPY_RETURN_IF_ERROR(encoder->PrepareWords());
  return std::unique_ptr<Encoder>(std::move(encoder));
}

}  // namespace espy::encoders
