#include "imaging/vips_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "imaging/color.h"
#include "imaging/image_limits.h"
#include "imaging/vips_api.h"

namespace espy::imaging {
namespace {

// A reference to one of libvips' objects.
template <class T>
class Ref {
 public:
  explicit Ref(const VipsApi* vips, T* object = nullptr) : vips_(vips), object_(object) {}
  ~Ref() { Reset(nullptr); }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;

  T* get() const { return object_; }
  void Reset(T* object) {
    if (object_ != nullptr) vips_->g_object_unref(object_);
    object_ = object;
  }

 private:
  const VipsApi* vips_;
  T* object_;
};

// libvips keeps buffers for each thread that it runs on, until told that the thread ends.
struct ThreadFarewell {
  const VipsApi* vips;
  ~ThreadFarewell() { vips->vips_thread_shutdown(); }
};

// The last line of what libvips has to say. Its buffer is one for all threads: when two pictures
// fail at the same moment one may get the other's words, so the code never depends on them alone.
std::string TakeError(const VipsApi* vips) {
  char* buffer = vips->vips_error_buffer_copy();
  std::string text = buffer != nullptr ? buffer : "";
  vips->g_free(buffer);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const std::size_t line = text.rfind('\n');
  if (line != std::string::npos) text.erase(0, line + 1);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return text.empty() ? "no reason given" : text.substr(0, 200);
}

Status Failure(const VipsApi* vips, Format format) {
  const std::string why = TakeError(vips);
  std::string name(FormatName(format));
  // libheif tells of codecs that it was built without.
  if (why.find("Unsupported") != std::string::npos ||
      why.find("not supported") != std::string::npos) {
    return Status::Unsupported("this kind of " + name + " cannot be decoded here: " + why);
  }
  return Status::Corruption("the " + name + " data is damaged or cut short: " + why);
}

// The loader's first look: reads the header, and nothing more until pixels are asked for.
int Load(const VipsApi* vips, std::string_view bytes, Format format, double scale,
         VipsImage** out) {
  void* data = const_cast<char*>(bytes.data());
  const std::size_t size = bytes.size();
  const int access = VIPS_ACCESS_SEQUENTIAL;
  const int fail_on = VIPS_FAIL_ON_ERROR;  // which takes truncation as an error too
  void* const end = nullptr;
  switch (format) {
    case Format::kPng:
      return vips->vips_pngload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kWebp:
      return vips->vips_webpload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kGif:
      return vips->vips_gifload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kTiff:
      return vips->vips_tiffload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kHeif:
    case Format::kAvif:
      return vips->vips_heifload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kJxl:
      return vips->vips_jxlload_buffer(data, size, out, "access", access, "fail_on", fail_on, end);
    case Format::kSvg:
      return vips->vips_svgload_buffer(data, size, out, "access", access, "fail_on", fail_on,
                                       "scale", scale, end);
    default:
      return -1;
  }
}

// How much an SVG of that size is enlarged or reduced so that it covers twice the target and stays
// within the limits.
double SvgScale(std::int64_t width, std::int64_t height, std::int32_t target_width,
                std::int32_t target_height, const ImageLimits& limits) {
  if (target_width <= 0 || target_height <= 0) return 1.0;
  const double w = static_cast<double>(width);
  const double h = static_cast<double>(height);
  const double wanted = std::max(2.0 * target_width / w, 2.0 * target_height / h);
  const double allowed =
      std::min((limits.max_side - 1) / std::max(w, h),
               std::sqrt(static_cast<double>(limits.max_pixels) / (w * h)) * 0.999);
  // Beyond this a drawing gains nothing and only costs time: a sliver of 1 x 10,000 would need 4.5
  // million rows.
  constexpr double kMaxRenderedPixels = 16e6;
  const double sensible = std::max(1.0, std::sqrt(kMaxRenderedPixels / (w * h)));
  return std::min({wanted, allowed, sensible});
}

// Brings samples to 8 bits, and Lab, XYZ and linear light to sRGB.
Status ReduceTo8Bits(const VipsApi* vips, Format format, Ref<VipsImage>* image) {
  VipsImage* out = nullptr;
  const VipsInterpretation kind = vips->vips_image_get_interpretation(image->get());
  switch (kind) {
    case VIPS_INTERPRETATION_LAB:
    case VIPS_INTERPRETATION_LABS:
    case VIPS_INTERPRETATION_LABQ:
    case VIPS_INTERPRETATION_XYZ:
    case VIPS_INTERPRETATION_scRGB:
      if (vips->vips_colourspace(image->get(), &out, VIPS_INTERPRETATION_sRGB,
                                 static_cast<void*>(nullptr)) != 0) {
        return Failure(vips, format);
      }
      image->Reset(out);
      break;
    default:
      break;
  }
  const VipsBandFormat samples = vips->vips_image_get_format(image->get());
  if (samples == VIPS_FORMAT_UCHAR) return Status::Ok();
  if (samples != VIPS_FORMAT_USHORT) {
    return Status::Unsupported("this kind of " + std::string(FormatName(format)) +
                               " cannot be decoded: its samples are not 8 or 16 bits");
  }
  // The upper byte, as Pillow and libpng take it.
  if (vips->vips_cast(image->get(), &out, VIPS_FORMAT_UCHAR, "shift", TRUE,
                      static_cast<void*>(nullptr)) != 0) {
    return Failure(vips, format);
  }
  image->Reset(out);
  return Status::Ok();
}

struct Planes {
  std::vector<std::uint8_t> colour;  // [pixels, channels]
  std::vector<std::uint8_t> alpha;   // [pixels], or none
};

// Pulls the pixels through in strips, so that no second copy of the whole picture is held.
Status ReadPlanes(const VipsApi* vips, Format format, VipsImage* image, int channels,
                  bool has_alpha, Planes* planes) {
  constexpr int kStripRows = 64;
  const int width = vips->vips_image_get_width(image);
  const int height = vips->vips_image_get_height(image);
  const auto bands = static_cast<std::size_t>(vips->vips_image_get_bands(image));
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  const auto n = static_cast<std::size_t>(channels);

  Ref<VipsRegion> region(vips, vips->vips_region_new(image));
  if (region.get() == nullptr) return Failure(vips, format);
  for (int top = 0; top < height; top += kStripRows) {
    const VipsRect strip = {0, top, width, std::min(kStripRows, height - top)};
    if (vips->vips_region_prepare(region.get(), &strip) != 0) return Failure(vips, format);
    // Only now, with the first pixels decoded, is the memory for all of them taken.
    if (planes->colour.empty()) {
      planes->colour.resize(pixels * n);
      planes->alpha.resize(has_alpha ? pixels : 0);
    }
    for (int y = top; y < top + strip.height; ++y) {
      // The region may hold more than was asked for, from valid.left and valid.top on.
      const VipsRegion* held = region.get();
      const VipsPel* in = held->data +
                          static_cast<std::ptrdiff_t>(y - held->valid.top) * held->bpl -
                          static_cast<std::ptrdiff_t>(held->valid.left) * static_cast<int>(bands);
      const std::size_t at = static_cast<std::size_t>(y) * width;
      std::uint8_t* out = &planes->colour[at * n];
      if (bands == n) {
        std::memcpy(out, in, static_cast<std::size_t>(width) * n);
        continue;
      }
      for (int x = 0; x < width; ++x, in += bands, out += n) {
        for (std::size_t c = 0; c < n; ++c) out[c] = in[c];
        if (has_alpha) planes->alpha[at + x] = in[n];
      }
    }
  }
  return Status::Ok();
}

std::string EmbeddedProfile(const VipsApi* vips, const VipsImage* image) {
  constexpr std::size_t kMaxProfileBytes = 8u << 20;
  const void* data = nullptr;
  std::size_t size = 0;
  if (vips->vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0) return "";
  if (vips->vips_image_get_blob(image, VIPS_META_ICC_NAME, &data, &size) != 0) {
    vips->vips_error_clear();
    return "";
  }
  if (data == nullptr || size > kMaxProfileBytes) return "";
  return std::string(static_cast<const char*>(data), size);
}

}  // namespace

Result<VipsPicture> DecodeByVips(std::string_view bytes, Format format, const ImageLimits& limits,
                                 std::int32_t target_width, std::int32_t target_height) {
  ESPY_ASSIGN_OR_RETURN(const VipsApi* vips, GetVips());
  static thread_local const ThreadFarewell farewell{vips};

  Ref<VipsImage> image(vips);
  VipsImage* loaded = nullptr;
  if (Load(vips, bytes, format, 1.0, &loaded) != 0) return Failure(vips, format);
  image.Reset(loaded);
  VipsPicture picture;
  picture.full_width = vips->vips_image_get_width(image.get());
  picture.full_height = vips->vips_image_get_height(image.get());
  ESPY_RETURN_IF_ERROR(CheckDimensions(picture.full_width, picture.full_height, limits));
  if (format == Format::kSvg) {
    const double scale =
        SvgScale(picture.full_width, picture.full_height, target_width, target_height, limits);
    if (scale != 1.0) {
      if (Load(vips, bytes, format, scale, &loaded) != 0) return Failure(vips, format);
      image.Reset(loaded);
    }
  }
  const std::string profile = EmbeddedProfile(vips, image.get());
  ESPY_RETURN_IF_ERROR(ReduceTo8Bits(vips, format, &image));

  // What the bands mean: grey, colour or ink, then alpha, then what nobody knows.
  const int bands = vips->vips_image_get_bands(image.get());
  const bool ink = vips->vips_image_get_interpretation(image.get()) == VIPS_INTERPRETATION_CMYK;
  const int channels = ink && bands >= 4 ? 4 : bands >= 3 ? 3 : 1;
  const bool has_alpha = bands > channels;
  Planes planes;
  try {
    picture.image.width = vips->vips_image_get_width(image.get());
    picture.image.height = vips->vips_image_get_height(image.get());
    ESPY_RETURN_IF_ERROR(CheckDimensions(picture.image.width, picture.image.height, limits));
    ESPY_RETURN_IF_ERROR(ReadPlanes(vips, format, image.get(), channels, has_alpha, &planes));
    const std::size_t pixels = static_cast<std::size_t>(picture.image.width) * picture.image.height;
    if (channels == 4) {
      picture.image.pixels = CmykToSrgb(planes.colour.data(), pixels, profile);
    } else if (channels == 1) {
      picture.image.pixels = GrayToSrgb(planes.colour.data(), pixels, profile);
    } else {
      picture.image.pixels = std::move(planes.colour);
      RgbToSrgb(picture.image.pixels.data(), pixels, profile);
    }
    if (has_alpha) FlattenOverWhite(picture.image.pixels.data(), planes.alpha.data(), pixels);
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("not enough memory for the pixels of the picture");
  }
  return picture;
}

}  // namespace espy::imaging
