#include "captioning/device/device_captioner.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "captioning/device/device_decoder.h"
#include "captioning/device/device_vision.h"
#include "encoders/device/device_choice.h"

namespace espy::captioning {
namespace {

class CaptionerOnDevice : public DeviceCaptioner {
 public:
  CaptionerOnDevice(std::uint64_t vram, kernels::ElementType type, std::string device)
      : type_(type), device_(std::move(device)), budget_(vram) {}

  Status Load(const BlipConfig& config, const encoders::Safetensors& weights) {
    const encoders::TowerOptions options(nullptr);
    ESPY_ASSIGN_OR_RETURN(vision_, DeviceVision::Load({&weights, "vision_model", options},
                                                      config.vision, type_, &budget_));
    ESPY_ASSIGN_OR_RETURN(decoder_, DeviceDecoder::Load({&weights, "text_decoder", options},
                                                        config.text, type_, &budget_));
    ESPY_ASSIGN_OR_RETURN(stream_, cuda::Stream::Create());
    // Our own products alone: drafts rest on rows whose bits do not depend on the batch.
    queue_ = {.type = type_, .stream = stream_.handle(), .products = cuda::MatmulKernel::kTensor};
    return Status::Ok();
  }

  Result<std::vector<std::shared_ptr<const PictureKeys>>> Look(
      std::span<const imaging::PictureView> pictures, std::vector<float>* rows) override {
    const std::lock_guard lock(mutex_);
    const std::int64_t each = vision_->tokens() * vision_->width();
    std::vector<std::shared_ptr<const PictureKeys>> looked;
    if (rows != nullptr) rows->clear();
    const auto look = [&](std::span<const imaging::PictureView> some) -> Status {
      ESPY_RETURN_IF_ERROR(vision_->Queue(queue_, stream_, some));
      for (std::size_t i = 0; i < some.size(); ++i) {
        const auto* at = static_cast<const std::byte*>(vision_->rows()) +
                         static_cast<std::int64_t>(i) * each * 2;
        auto keys = std::make_shared<PictureKeys>();
        ESPY_ASSIGN_OR_RETURN(keys->on_device, decoder_->Look(queue_, at, vision_->tokens()));
        looked.push_back(std::move(keys));
      }
      if (rows == nullptr) return stream_.Wait();
      return AppendRows(static_cast<std::int64_t>(some.size()) * each, rows);
    };
    const auto most = static_cast<std::size_t>(vision_->most());
    for (std::size_t first = 0; first < pictures.size(); first += most) {
      const Status done = look(pictures.subspan(first, std::min(most, pictures.size() - first)));
      if (!done.ok()) {
        (void)stream_.Wait();  // what is queued must not outlive its memory
        return done;
      }
    }
    return looked;
  }

  KvCache NewCache() const override { return decoder_->NewCache(); }

  Status Forward(const DecoderInput& in, const DecoderRows& rows, const KvCache& cache,
                 const CrossCache& cross, DecoderOutput* out) override {
    const std::lock_guard lock(mutex_);
    const Status done = decoder_->Forward(queue_, stream_, in, rows, cache, cross, out);
    if (!done.ok()) (void)stream_.Wait();
    return done;
  }

  Status Head(const float* hidden, std::int64_t rows, float* logits) override {
    const std::lock_guard lock(mutex_);
    const Status done = decoder_->Head(queue_, stream_, hidden, rows, logits);
    if (!done.ok()) (void)stream_.Wait();
    return done;
  }

  std::string description() const override {
    return device_ + ", " + std::string(PrecisionName(encoders::PrecisionOf(type_)));
  }

 private:
  // The first `n` numbers of what the vision tower gave.
  Status AppendRows(std::int64_t n, std::vector<float>* rows) {
    const auto bytes = static_cast<std::size_t>(n) * 2;
    if (pinned_.bytes() < bytes) {
      ESPY_ASSIGN_OR_RETURN(pinned_, cuda::PinnedBuffer::Allocate(bytes));
    }
    ESPY_RETURN_IF_ERROR(stream_.Download(pinned_.data(), vision_->rows(), bytes));
    ESPY_RETURN_IF_ERROR(stream_.Wait());
    const std::size_t before = rows->size();
    rows->resize(before + static_cast<std::size_t>(n));
    kernels::ToFloat(pinned_.data(), type_, n, rows->data() + before);
    return Status::Ok();
  }

  // Constant after loading.
  const kernels::ElementType type_;
  const std::string device_;
  cuda::VramBudget budget_;  // has its own lock; outlives the towers
  encoders::DeviceQueue queue_;

  std::mutex mutex_;
  cuda::Stream stream_;                     // guarded by mutex_
  cuda::PinnedBuffer pinned_;               // guarded by mutex_
  std::unique_ptr<DeviceVision> vision_;    // guarded by mutex_
  std::unique_ptr<DeviceDecoder> decoder_;  // guarded by mutex_, but NewCache
};

}  // namespace

Result<std::shared_ptr<DeviceCaptioner>> OpenDeviceCaptioner(
    const BlipConfig& config, const encoders::Safetensors& weights,
    const DeviceCaptionerOptions& options) {
  ESPY_ASSIGN_OR_RETURN(const cuda::DeviceInfo device, encoders::UsableDevice());
  ESPY_ASSIGN_OR_RETURN(const kernels::ElementType type,
                        encoders::DeviceType(options.precision, weights));
  ESPY_RETURN_IF_ERROR(encoders::DeviceTakes(config.vision, weights.path()));
  ESPY_RETURN_IF_ERROR(encoders::DeviceTakes(config.text, weights.path()));
  try {
    auto captioner =
        std::make_shared<CaptionerOnDevice>(options.vram, type, encoders::Describe(device));
    ESPY_RETURN_IF_ERROR(captioner->Load(config, weights));
    return std::shared_ptr<DeviceCaptioner>(std::move(captioner));
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted(
        weights.path() +
        ": not enough memory to bring the model to the GPU; close other programs "
        "or use a smaller model");
  }
}

}  // namespace espy::captioning
