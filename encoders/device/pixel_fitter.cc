#include "encoders/device/pixel_fitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "imaging/resize_passes.h"
#include "kernels/cuda/resize.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kAlignment = 16;

std::size_t Aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t PixelBytes(std::int32_t width, std::int32_t height) {
  return std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

std::size_t TapBytes(const imaging::Taps& taps) {
  return Aligned(taps.spans.size() * sizeof(cuda::ResizeSpan)) +
         Aligned(taps.coefficients.size() * sizeof(std::int32_t));
}

}  // namespace

bool PixelFitter::Fits(std::size_t up, std::size_t down, std::size_t middle) const {
  return up_ + up + down_ + down + std::max(middle_, middle) <= bytes_;
}

std::size_t PixelFitter::PutBytes(const void* data, std::size_t bytes) {
  const std::size_t at = up_;
  std::memcpy(host_ + at, data, bytes);
  up_ += Aligned(bytes);
  return at;
}

std::optional<PixelFitter::Fitted> PixelFitter::Add(const imaging::PixelView& picture) {
  const imaging::Image& image = *picture.image;
  const imaging::Size stored{image.width, image.height};
  const imaging::FitPlan fit = imaging::PlanFit(spec_, stored, picture.full);
  const bool padded = fit.part.width != fit.out.width || fit.part.height != fit.out.height;
  if (padded) return AddFittedHere(picture);
  const std::size_t in_bytes = Aligned(image.pixels.size());
  if (fit.resized == stored && fit.out == stored) {  // as it is
    if (!Fits(in_bytes, 0, 0)) return std::nullopt;
    return Fitted{stored,
                  static_cast<std::int64_t>(PutBytes(image.pixels.data(), image.pixels.size()))};
  }

  const std::size_t out_bytes = Aligned(PixelBytes(fit.out.width, fit.out.height));
  const Key key{stored.width, stored.height, picture.full.width, picture.full.height};
  auto found = plans_.find(key);
  if (found != plans_.end()) {
    if (!Fits(in_bytes, out_bytes, found->second.middle_bytes)) return std::nullopt;
  } else {
    const std::vector<imaging::PlannedPass> passes = imaging::PlanResize(
        stored.width, stored.height, fit.resized.width, fit.resized.height, fit.part, spec_.filter);
    std::size_t tap_bytes = 0;
    for (const imaging::PlannedPass& pass : passes) tap_bytes += TapBytes(pass.taps);
    StagedPlan plan;
    if (passes.size() == 2) {
      plan.middle_bytes = Aligned(PixelBytes(passes[0].width, passes[0].height));
    }
    if (!Fits(in_bytes + tap_bytes, out_bytes, plan.middle_bytes)) {
      if (up_ + down_ > 0) return std::nullopt;
      return AddFittedHere(picture);
    }
    for (const imaging::PlannedPass& pass : passes) {
      std::vector<cuda::ResizeSpan> spans;
      for (const imaging::Taps::Span& span : pass.taps.spans) {
        spans.push_back({span.first, span.count});
      }
      plan.passes.push_back(
          {.horizontal = pass.horizontal,
           .first_byte = std::int64_t{3} * pass.first_row * pass.in_width,
           .in_width = pass.in_width,
           .width = pass.width,
           .height = pass.height,
           .stride = pass.taps.stride,
           .spans = PutBytes(spans.data(), spans.size() * sizeof(cuda::ResizeSpan)),
           .coefficients = PutBytes(pass.taps.coefficients.data(),
                                    pass.taps.coefficients.size() * sizeof(std::int32_t))});
    }
    found = plans_.emplace(key, std::move(plan)).first;
  }
  const std::size_t in = PutBytes(image.pixels.data(), image.pixels.size());
  down_ += out_bytes;
  middle_ = std::max(middle_, found->second.middle_bytes);
  const std::size_t out = bytes_ / kAlignment * kAlignment - down_;
  jobs_.push_back({.in = in, .out = out, .plan = &found->second});
  return Fitted{fit.out, static_cast<std::int64_t>(out)};
}

std::optional<PixelFitter::Fitted> PixelFitter::AddFittedHere(const imaging::PixelView& picture) {
  const imaging::Size fitted = imaging::FittedSize(spec_, picture.full);
  if (!Fits(Aligned(PixelBytes(fitted.width, fitted.height)), 0, 0)) {
    ESPY_CHECK(up_ + down_ > 0, "a lane has room for one fitted picture");
    return std::nullopt;
  }
  const imaging::Image image = imaging::FitForModel(*picture.image, spec_, picture.full);
  return Fitted{{image.width, image.height},
                static_cast<std::int64_t>(PutBytes(image.pixels.data(), image.pixels.size()))};
}

Status PixelFitter::Queue(const cuda::Stream& stream) const {
  ESPY_RETURN_IF_ERROR(stream.Upload(device_, host_, up_));
  auto* bytes = reinterpret_cast<std::uint8_t*>(device_);
  for (const Job& job : jobs_) {
    const std::uint8_t* from = bytes + job.in;
    for (const StagedPass& pass : job.plan->passes) {
      const bool last = &pass == &job.plan->passes.back();
      std::uint8_t* to = bytes + (last ? job.out : up_);
      const cuda::ResizeArgs args{
          .in = from + pass.first_byte,
          .spans = reinterpret_cast<const cuda::ResizeSpan*>(bytes + pass.spans),
          .coefficients = reinterpret_cast<const std::int32_t*>(bytes + pass.coefficients),
          .stride = pass.stride,
          .outputs = pass.horizontal ? pass.width : pass.height,
          .out = to,
          .out_stride = std::int64_t{3} * pass.width};
      ESPY_RETURN_IF_ERROR(
          pass.horizontal
              ? cuda::ResizeHorizontally(args, pass.height, pass.in_width, stream.handle())
              : cuda::ResizeVertically(args, 3 * pass.in_width, stream.handle()));
      from = to;
    }
  }
  return Status::Ok();
}

}  // namespace espy::encoders
