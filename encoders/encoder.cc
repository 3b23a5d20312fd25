#include "encoders/encoder.h"

#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "encoders/config.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"
#include "encoders/panels/tower_panels.h"
#include "encoders/safetensors.h"
#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tower.h"
#include "kernels/norm.h"

namespace espy::encoders {
namespace {

// Workspaces that calls borrow: as many as there have been calls at once.
class WorkspaceShelf {
 public:
  class Loan {
   public:
    explicit Loan(WorkspaceShelf* shelf) : shelf_(shelf), workspace_(shelf->Take()) {}
    ~Loan() { shelf_->PutBack(std::move(workspace_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Workspace* get() { return workspace_.get(); }

   private:
    WorkspaceShelf* shelf_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  std::unique_ptr<Workspace> Take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }
  void PutBack(std::unique_ptr<Workspace> workspace) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(workspace));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;  // guarded by mutex_
};

// BF16 is faster only where the CPU multiplies it. INT8 is not as close as kAuto promises.
Precision Chosen(Precision asked) {
  if (asked != Precision::kAuto) return asked;
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

struct TextSide {
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<TextTower> tower;
};

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
  Precision precision() const override { return precision_; }

  Status EncodeImages(std::span<const imaging::PictureView> pictures, float* out) const override {
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

  Status EncodeTexts(std::span<const std::string> texts, float* out) const override {
    ESPY_ASSIGN_OR_RETURN(const TextSide* side, Text());
    return Guarded([&](Workspace* workspace) {
      std::vector<std::vector<std::int32_t>> ids;
      for (const std::string& text : texts) {
        ids.push_back(side->tokenizer->Encode(text, config_.text.context));
      }
      side->tower->Encode(ids, workspace, out, &pool_);
      kernels::L2Normalize(out, static_cast<std::int64_t>(texts.size()), config_.projection);
      return Status::Ok();
    });
  }

  // Towers run about 1024 rows at once (ItemsPerPass); eight pictures come close to that for most
  // of them, and a wider batch only makes the caller wait longer.
  std::int64_t preferred_batch() const override { return 8; }

  // Loading, once; a failure is told again to each later caller.
  Result<const ImageTower*> Image() const {
    std::lock_guard lock(image_mutex_);
    if (image_ == nullptr && image_error_.ok()) {
      Result<std::unique_ptr<ImageTower>> loaded = Caught([&] { return LoadImage(); });
      if (loaded.ok()) {
        image_ = std::move(loaded).value();
      } else {
        image_error_ = loaded.status();
      }
    }
    if (image_ == nullptr) return image_error_;
    return static_cast<const ImageTower*>(image_.get());
  }

  Result<const TextSide*> Text() const {
    std::lock_guard lock(text_mutex_);
    if (text_ == nullptr && text_error_.ok()) {
      Result<std::unique_ptr<TextSide>> loaded = Caught([&] { return LoadText(); });
      if (loaded.ok()) {
        text_ = std::move(loaded).value();
      } else {
        text_error_ = loaded.status();
      }
    }
    if (text_ == nullptr) return text_error_;
    return static_cast<const TextSide*>(text_.get());
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

  Result<std::unique_ptr<TextSide>> LoadText() const {
    auto side = std::make_unique<TextSide>();
    ESPY_ASSIGN_OR_RETURN(side->tokenizer, LoadTokenizer(info_.directory, config_.tokenizer));
    // Checked once here, so that no id can fall outside of the embedding table later.
    if (side->tokenizer->vocabulary() > config_.text.vocabulary) {
      return Status::Corruption(
          info_.directory + ": the tokenizer knows " +
          std::to_string(side->tokenizer->vocabulary()) + " ids, config.json's vocab_size is " +
          std::to_string(config_.text.vocabulary) + "; check that the files are of the same model");
    }
    const Padding padding{.id = side->tokenizer->pad_id(), .left = side->tokenizer->pads_left()};
    ESPY_ASSIGN_OR_RETURN(side->tower,
                          Packed("text", &text_panels_, [&](const TowerOptions& options) {
                            return LoadTextTower(config_, *weights_, padding, options);
                          }));
    return side;
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
  mutable std::unique_ptr<TextSide> text_;            // guarded by text_mutex_; constant once set
  mutable Status text_error_;                         // guarded by text_mutex_
};

}  // namespace

Status Encoder::EncodeImages(const float* pixels, std::int64_t batch, float* out) const {
  const imaging::Size size{info().preprocess.width, info().preprocess.height};
  const std::int64_t values = std::int64_t{3} * size.width * size.height;
  std::vector<imaging::PictureView> pictures;
  for (std::int64_t i = 0; i < batch; ++i) pictures.push_back({pixels + i * values, size});
  return EncodeImages(pictures, out);
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
  if (options.load_image) ESPY_RETURN_IF_ERROR(encoder->Image().status());
  if (options.load_text) ESPY_RETURN_IF_ERROR(encoder->Text().status());
  return std::unique_ptr<Encoder>(std::move(encoder));
}

}  // namespace espy::encoders
