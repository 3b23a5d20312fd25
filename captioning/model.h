// What both uses of a BLIP directory share: its files opened, and memory and threads to run them
// in.
#ifndef ESPY_CAPTIONING_MODEL_H_
#define ESPY_CAPTIONING_MODEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "captioning/config.h"
#include "captioning/vision.h"
#include "encoders/panels/tower_panels.h"
#include "encoders/safetensors.h"
#include "encoders/tokenizers/bert_tokenizer.h"
#include "encoders/weight_cache.h"
#include "encoders/weights.h"
#include "encoders/workspace_shelf.h"
#include "espy/device.h"
#include "espy/precision.h"
#include "espy/status.h"

namespace espy::captioning {

struct ModelOptions {
  // Of the products. kAuto: BF16 where the CPU multiplies it, else FP32; captions in FP32 alone are
  // promised to be transformers' in FP32. kInt8: the layers in 8 bits, what lies before and after
  // them (patches, vocabulary, heads) in BF16.
  Precision precision = Precision::kAuto;
  int threads = 0;  // 0: as many as there are cores
  // Where captions are made (docs/GPU.md); image-text matching is the CPU's.
  Device device = Device::kCpu;
  std::uint64_t vram = 0;  // bytes of the GPU's memory that may be used; 0: what is free
  encoders::WeightCacheOptions weight_cache;
};

// BlipModel::id without opening the model: 256 KiB of the weights are read.
Result<std::string> ModelId(const std::string& directory);

// Any thread, after Open.
class BlipModel {
 public:
  // Configuration, weights, tokenizer and vision tower. `text_tower`: "text_decoder" or
  // "text_encoder", which the model must have; `use` names in messages what it is wanted for.
  static Result<std::unique_ptr<BlipModel>> Open(const std::string& directory,
                                                 const std::string& text_tower,
                                                 const std::string& use,
                                                 const ModelOptions& options);

  const std::string& directory() const { return directory_; }
  const BlipConfig& config() const { return config_; }
  const encoders::BertTokenizer& tokenizer() const { return *tokenizer_; }
  const VisionTower& vision() const { return vision_; }
  // Under the names of blip_names.h.
  const encoders::Safetensors& weights() const { return *weights_; }
  Precision precision() const { return precision_; }
  ThreadPool* pool() const { return &pool_; }
  // Equal ids mean the same model: configuration, tokenizer and weights, as encoders' space_id. 32
  // hex digits.
  const std::string& id() const { return source_.space_id; }

  // What `load` makes of the weights under the options that it is given, its packed matrices from
  // the cache called `part` or on their way to it; valid as long as the model. For the thread that
  // opened the model. Throws what `load` throws.
  template <class Load>
  auto Packed(const std::string& part, const Load& load) const
      -> decltype(load(std::declval<const encoders::TowerOptions&>())) {
    auto panels = std::make_unique<encoders::TowerPanels>(source_, part, products(), cache_);
    auto loaded = load(encoders::TowerOptions(&pool_, products(), panels.get()));
    weights_->Forget();  // what was packed is not needed twice
    if (loaded.ok()) {
      panels->Save();
      panels_.push_back(std::move(panels));
    }
    return loaded;
  }
  // Tensors of a tower for such a load; "" is outside of any.
  encoders::Weights WeightsOf(const std::string& tower,
                              const encoders::TowerOptions& options) const {
    return {weights_.get(), tower, options};
  }

  // Rows of the vision tower, [pictures, tokens, width], in memory that goes back to the model with
  // the object.
  class Seen {
   public:
    const float* rows(std::size_t picture) const { return rows_ + picture * each_; }

   private:
    friend class BlipModel;
    explicit Seen(encoders::WorkspaceShelf* shelf) : loan_(shelf) {}
    encoders::WorkspaceShelf::Loan loan_;
    const float* rows_ = nullptr;
    std::size_t each_ = 0;
  };
  // InvalidArgument for a picture that is not of the model's size.
  Status CheckSizes(std::span<const imaging::PictureView> pictures) const;
  // For pictures of the model's size. CheckSizes' errors; ResourceExhausted.
  Result<std::unique_ptr<Seen>> See(std::span<const imaging::PictureView> pictures) const;

  Status OutOfMemory() const;

 private:
  BlipModel(std::string directory, const ModelOptions& options);
  kernels::Precision products() const;

  const std::string directory_;
  const Precision precision_;  // not kAuto
  const encoders::WeightCacheOptions cache_;
  encoders::PanelSource source_;
  BlipConfig config_;
  std::unique_ptr<encoders::Safetensors> weights_;
  std::unique_ptr<encoders::BertTokenizer> tokenizer_;
  mutable ThreadPool pool_;
  mutable std::vector<std::unique_ptr<encoders::TowerPanels>> panels_;  // what the towers borrow
  VisionTower vision_;
  mutable encoders::WorkspaceShelf workspaces_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_MODEL_H_
