#include "encoders/device/device_encoder.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "encoders/device/device_choice.h"
#include "encoders/device/device_image_tower.h"
#include "encoders/device/device_text_tower.h"
#include "kernels/cuda/device_buffer.h"

namespace espy::encoders {
namespace {

class TowersOnDevice : public DeviceEncoder {
 public:
  TowersOnDevice(const ModelConfig& config, const Safetensors& weights, std::uint64_t vram,
                 kernels::ElementType type, std::string device)
      : config_(config), file_(weights), type_(type), device_(std::move(device)), budget_(vram) {}

  Status LoadImage() override {
    const std::lock_guard lock(image_mutex_);
    if (image_ != nullptr || !image_error_.ok()) return image_error_;
    Result<std::unique_ptr<DeviceImageTower>> loaded =
        Caught([&] { return DeviceImageTower::Load(config_, file_, type_, &budget_); });
    image_error_ = loaded.status();
    if (loaded.ok()) image_ = std::move(loaded).value();
    return image_error_;
  }

  Status LoadText(Padding padding) override {
    const std::lock_guard lock(text_mutex_);
    if (text_ != nullptr || !text_error_.ok()) return text_error_;
    Result<std::unique_ptr<DeviceTextTower>> loaded =
        Caught([&] { return DeviceTextTower::Load(config_, file_, padding, type_, &budget_); });
    text_error_ = loaded.status();
    if (loaded.ok()) text_ = std::move(loaded).value();
    return text_error_;
  }

  bool Takes(imaging::Size size) const override { return image_ != nullptr && image_->Takes(size); }

  Status EncodeImages(std::span<const imaging::PictureView> pictures, float* out) override {
    ESPY_RETURN_IF_ERROR(LoadImage());
    return Checked(image_->Encode(pictures, OnHost(out)), pictures.size(), out);
  }

  bool TakesPixels(const imaging::PixelView& picture) const override {
    return image_ != nullptr && image_->TakesPixels(picture);
  }

  Status EncodePixels(std::span<const imaging::PixelView> pictures, float* out) override {
    ESPY_RETURN_IF_ERROR(LoadImage());
    return Checked(image_->EncodePixels(pictures, OnHost(out)), pictures.size(), out);
  }

  Result<DeviceVectors> KeepPixels(std::span<const imaging::PixelView> pictures,
                                   std::int64_t stride) override {
    ESPY_RETURN_IF_ERROR(LoadImage());
    const std::int64_t floats = std::ssize(pictures) * stride;
    ESPY_ASSIGN_OR_RETURN(cuda::DeviceBuffer allocated,
                          cuda::DeviceBuffer::Allocate(static_cast<std::size_t>(floats) * 4));
    const auto buffer = std::make_shared<cuda::DeviceBuffer>(std::move(allocated));
    ESPY_RETURN_IF_ERROR(buffer->Clear());
    auto* rows = static_cast<float*>(buffer->data());
    ESPY_RETURN_IF_ERROR(image_->EncodePixels(pictures, {rows, stride, /*on_device=*/true}));
    return DeviceVectors{.data = std::shared_ptr<const float>(buffer, rows),
                         .count = std::ssize(pictures),
                         .dimension = config_.projection,
                         .stride = stride};
  }

  Status EncodeTensors(const float* tensors_on_device, std::int64_t count, float* out) override {
    ESPY_RETURN_IF_ERROR(LoadImage());
    return Checked(image_->EncodeTensors(tensors_on_device, count, OnHost(out)),
                   static_cast<std::size_t>(count), out);
  }

  Status EncodeTexts(std::span<const std::vector<std::int32_t>> texts, float* out) override {
    if (text_ == nullptr) return Status::InvalidArgument("the text tower is not loaded");
    return Checked(text_->Encode(texts, OnHost(out)), texts.size(), out);
  }

  // Both lanes full.
  std::int64_t preferred_batch() const override {
    const std::lock_guard lock(image_mutex_);
    return image_ == nullptr ? 64 : 2 * image_->pictures_of_pass();
  }

  Precision precision() const override { return PrecisionOf(type_); }

  std::string description() const override {
    return device_ + ", " + std::string(PrecisionName(precision()));
  }

 private:
  VectorRows OnHost(float* out) const { return {out, config_.projection}; }

  // A sum beyond FP16 is infinite, and what follows from it is not a number.
  Status Checked(Status status, std::size_t rows, const float* out) const {
    if (!status.ok()) return status;
    const auto n = static_cast<std::ptrdiff_t>(rows) * config_.projection;
    if (std::all_of(out, out + n, [](float x) { return std::isfinite(x); })) return status;
    return BeyondDeviceNumbers(file_.path(), type_);
  }

  template <class Load>
  static auto Caught(const Load& load) -> decltype(load()) {
    try {
      return load();
    } catch (const std::bad_alloc&) {
      return Status::ResourceExhausted(
          "not enough memory to bring the model to the GPU; close other programs or use a smaller "
          "model");
    }
  }

  // Constant after construction.
  const ModelConfig& config_;
  const Safetensors& file_;
  const kernels::ElementType type_;
  const std::string device_;

  cuda::VramBudget budget_;  // has its own lock; outlives the towers

  mutable std::mutex image_mutex_;
  std::unique_ptr<DeviceImageTower> image_;  // guarded by image_mutex_; stays once set
  Status image_error_;                       // guarded by image_mutex_

  mutable std::mutex text_mutex_;
  std::unique_ptr<DeviceTextTower> text_;  // guarded by text_mutex_; stays once set
  Status text_error_;                      // guarded by text_mutex_
};

}  // namespace

Result<std::unique_ptr<DeviceEncoder>> OpenDeviceEncoder(const ModelConfig& config,
                                                         const Safetensors& weights,
                                                         const DeviceOptions& options) {
  ESPY_ASSIGN_OR_RETURN(const cuda::DeviceInfo device, UsableDevice());
  ESPY_ASSIGN_OR_RETURN(const kernels::ElementType type, DeviceType(options.precision, weights));
  return std::unique_ptr<DeviceEncoder>(
      std::make_unique<TowersOnDevice>(config, weights, options.vram, type, Describe(device)));
}

Result<std::string> DescribeDevice() {
  ESPY_ASSIGN_OR_RETURN(const cuda::DeviceInfo device, UsableDevice());
  return Describe(device);
}

}  // namespace espy::encoders
