#include "imaging/color.h"

#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "base/sha256.h"

namespace espy::imaging {
namespace {

enum class Kind { kGray, kRgb, kCmyk };

struct Transform {
  cmsHTRANSFORM handle = nullptr;  // none: the profile is of no use
  bool identity = false;           // RGB only: the profile is sRGB, or as good as
  ~Transform() {
    if (handle != nullptr) cmsDeleteTransform(handle);
  }
};

// Whether the transform moves no colour of a coarse grid by more than one level.
bool IsIdentity(cmsHTRANSFORM transform) {
  constexpr int kSteps = 9;
  std::array<std::uint8_t, kSteps * kSteps * kSteps * 3> in{};
  std::array<std::uint8_t, kSteps * kSteps * kSteps * 3> out{};
  for (int i = 0; i < kSteps * kSteps * kSteps; ++i) {
    const int parts[3] = {i % kSteps, i / kSteps % kSteps, i / (kSteps * kSteps)};
    for (int c = 0; c < 3; ++c) {
      in[static_cast<std::size_t>(i) * 3 + c] =
          static_cast<std::uint8_t>(parts[c] * 255 / (kSteps - 1));
    }
  }
  cmsDoTransform(transform, in.data(), out.data(), kSteps * kSteps * kSteps);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (std::abs(in[i] - out[i]) > 1) return false;
  }
  return true;
}

std::shared_ptr<const Transform> MakeTransform(Kind kind, std::string_view profile) {
  auto made = std::make_shared<Transform>();
  cmsHPROFILE from =
      cmsOpenProfileFromMem(profile.data(), static_cast<cmsUInt32Number>(profile.size()));
  if (from == nullptr) return made;
  const cmsColorSpaceSignature wanted = kind == Kind::kGray  ? cmsSigGrayData
                                        : kind == Kind::kRgb ? cmsSigRgbData
                                                             : cmsSigCmykData;
  const cmsUInt32Number layout = kind == Kind::kGray  ? TYPE_GRAY_8
                                 : kind == Kind::kRgb ? TYPE_RGB_8
                                                      : TYPE_CMYK_8;
  if (cmsGetColorSpace(from) == wanted) {
    if (cmsHPROFILE srgb = cmsCreate_sRGBProfile(); srgb != nullptr) {
      // Without its one-pixel cache a transform may be used by several threads at once.
      made->handle =
          cmsCreateTransform(from, layout, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE);
      cmsCloseProfile(srgb);
    }
  }
  cmsCloseProfile(from);
  if (made->handle != nullptr && kind == Kind::kRgb) made->identity = IsIdentity(made->handle);
  return made;
}

// The pictures of one camera carry one profile, and making a transform costs more than using it:
// keep the last few.
std::shared_ptr<const Transform> FindTransform(Kind kind, std::string_view profile) {
  struct Entry {
    Kind kind;
    Sha256Digest digest;
    std::shared_ptr<const Transform> transform;
  };
  static std::mutex mutex;
  static std::list<Entry> entries;  // guarded by mutex; last used first
  constexpr std::size_t kMaxEntries = 8;

  const Sha256Digest digest = Sha256(profile);
  const auto is_it = [&](const Entry& e) { return e.kind == kind && e.digest == digest; };
  {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(entries.begin(), entries.end(), is_it);
    if (found != entries.end()) {
      entries.splice(entries.begin(), entries, found);
      return entries.front().transform;
    }
  }
  auto transform = MakeTransform(kind, profile);
  const std::lock_guard lock(mutex);
  if (std::none_of(entries.begin(), entries.end(), is_it)) {
    entries.push_front({kind, digest, transform});
    if (entries.size() > kMaxEntries) entries.pop_back();
  }
  return transform;
}

// a * b / 255, rounded, without dividing.
std::uint8_t MultiplyBytes(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<std::uint8_t>(((product >> 8) + product) >> 8);
}

// Pixels in one call of Little CMS; its counts are 32 bits, its strides too.
constexpr std::size_t kChunk = 1u << 20;

void Apply(const Transform& transform, const std::uint8_t* in, std::size_t in_channels,
           std::uint8_t* out, std::size_t pixels) {
  for (std::size_t at = 0; at < pixels; at += kChunk) {
    const std::size_t count = std::min(kChunk, pixels - at);
    cmsDoTransform(transform.handle, in + at * in_channels, out + at * 3,
                   static_cast<cmsUInt32Number>(count));
  }
}

}  // namespace

void RgbToSrgb(std::uint8_t* rgb, std::size_t pixels, std::string_view profile) {
  if (profile.empty()) return;
  const auto transform = FindTransform(Kind::kRgb, profile);
  if (transform->handle == nullptr || transform->identity) return;
  Apply(*transform, rgb, 3, rgb, pixels);
}

std::vector<std::uint8_t> GrayToSrgb(const std::uint8_t* gray, std::size_t pixels,
                                     std::string_view profile) {
  std::vector<std::uint8_t> rgb(pixels * 3);
  if (!profile.empty()) {
    const auto transform = FindTransform(Kind::kGray, profile);
    if (transform->handle != nullptr) {
      Apply(*transform, gray, 1, rgb.data(), pixels);
      return rgb;
    }
  }
  for (std::size_t i = 0; i < pixels; ++i) rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = gray[i];
  return rgb;
}

std::vector<std::uint8_t> CmykToSrgb(const std::uint8_t* cmyk, std::size_t pixels,
                                     std::string_view profile) {
  std::vector<std::uint8_t> rgb(pixels * 3);
  if (!profile.empty()) {
    const auto transform = FindTransform(Kind::kCmyk, profile);
    if (transform->handle != nullptr) {
      Apply(*transform, cmyk, 4, rgb.data(), pixels);
      return rgb;
    }
  }
  for (std::size_t i = 0; i < pixels; ++i) {
    const unsigned light = 255u - cmyk[i * 4 + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = static_cast<int>(light) - MultiplyBytes(cmyk[i * 4 + c], light);
      rgb[i * 3 + c] = static_cast<std::uint8_t>(std::max(value, 0));
    }
  }
  return rgb;
}

void FlattenOverWhite(std::uint8_t* rgb, const std::uint8_t* alpha, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const unsigned a = alpha[i];
    if (a == 255) continue;
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[i * 3 + c] =
          static_cast<std::uint8_t>((rgb[i * 3 + c] * a + 255u * (255u - a) + 127u) / 255u);
    }
  }
}

}  // namespace espy::imaging
