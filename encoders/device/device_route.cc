#include "encoders/device/device_route.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/status_macros.h"

namespace espy::encoders {

Status DeviceRoute::Open(const ModelConfig& config, const Safetensors& weights,
                         const DeviceOptions& options, Device device) {
  required_ = device == Device::kCuda;
  if (device != Device::kCpu) {
    Result<std::unique_ptr<DeviceEncoder>> opened = OpenDeviceEncoder(config, weights, options);
    if (opened.ok()) {
      encoder_ = std::move(opened).value();
      on_ = true;
      return Status::Ok();
    }
    if (opened.status().code() == StatusCode::kNotFound && required_) {
      return Status::NotFound(opened.status().message() + "; use --device cpu, or auto");
    }
    if (required_) return opened.status();
  }
  if (options.precision == Precision::kFloat16) {
    return Status::InvalidArgument(
        "fp16 is multiplied by a GPU alone, and none is used; ask for bf16 or fp32");
  }
  return Status::Ok();
}

template <class Work>
Result<bool> DeviceRoute::Try(const Work& work) const {
  if (!on_) return false;
  Result<bool> done = work();
  if (done.ok()) return done;
  const StatusCode code = done.status().code();
  const bool lost = code == StatusCode::kUnavailable;
  const bool cannot = code == StatusCode::kResourceExhausted || code == StatusCode::kUnsupported;
  if (!lost && (!cannot || required_)) return done;
  if (on_.exchange(false)) {
    Log(LogLevel::kWarning, done.status().message() + "; going on with the CPU");
  }
  return false;
}

Result<bool> DeviceRoute::TryLoadImage() const {
  return Try([&]() -> Result<bool> {
    ESPY_RETURN_IF_ERROR(encoder_->LoadImage());
    return true;
  });
}

Result<bool> DeviceRoute::TryLoadText(Padding padding) const {
  return Try([&]() -> Result<bool> {
    ESPY_RETURN_IF_ERROR(encoder_->LoadText(padding));
    return true;
  });
}

Result<bool> DeviceRoute::TryImages(std::span<const imaging::PictureView> pictures,
                                    float* out) const {
  return Try([&]() -> Result<bool> {
    ESPY_RETURN_IF_ERROR(encoder_->LoadImage());
    for (const imaging::PictureView& picture : pictures) {
      if (!encoder_->Takes(picture.size)) return false;
    }
    ESPY_RETURN_IF_ERROR(encoder_->EncodeImages(pictures, out));
    return true;
  });
}

Result<bool> DeviceRoute::TryPixels(std::span<const imaging::PixelView> pictures,
                                    float* out) const {
  return Try([&]() -> Result<bool> {
    ESPY_RETURN_IF_ERROR(encoder_->LoadImage());
    for (const imaging::PixelView& picture : pictures) {
      if (!encoder_->TakesPixels(picture)) return false;
    }
    ESPY_RETURN_IF_ERROR(encoder_->EncodePixels(pictures, out));
    return true;
  });
}

Result<bool> DeviceRoute::TryTexts(std::span<const std::vector<std::int32_t>> texts,
                                   Padding padding, float* out) const {
  return Try([&]() -> Result<bool> {
    ESPY_RETURN_IF_ERROR(encoder_->LoadText(padding));
    ESPY_RETURN_IF_ERROR(encoder_->EncodeTexts(texts, out));
    return true;
  });
}

Result<DeviceVectors> DeviceRoute::KeepPixels(std::span<const imaging::PixelView> pictures,
                                              std::int64_t stride) const {
  DeviceVectors kept;
  ESPY_ASSIGN_OR_RETURN(
      const bool done, Try([&]() -> Result<bool> {
        ESPY_RETURN_IF_ERROR(encoder_->LoadImage());
        if (!std::all_of(pictures.begin(), pictures.end(),
                         [&](const auto& picture) { return encoder_->TakesPixels(picture); })) {
          return false;
        }
        ESPY_ASSIGN_OR_RETURN(kept, encoder_->KeepPixels(pictures, stride));
        return true;
      }));
  if (!done) return Status::Unavailable("the pictures were not encoded on a GPU");
  return kept;
}

}  // namespace espy::encoders
