#include "imaging/raw_decoder.h"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "imaging/exif_block.h"
#include "imaging/image_limits.h"
#include "imaging/jpeg_decoder.h"
#include "imaging/orientation.h"
#include "imaging/raw_stream.h"

namespace espy::imaging {
namespace {

// LibRaw prints what it finds wrong without these; 0.21 knows one of them no more.
#if LIBRAW_COMPILE_CHECK_VERSION_NOTLESS(0, 21)
constexpr unsigned kSilent = LIBRAW_OPTIONS_NO_DATAERR_CALLBACK;
#else
constexpr unsigned kSilent = LIBRAW_OPIONS_NO_MEMERR_CALLBACK | LIBRAW_OPIONS_NO_DATAERR_CALLBACK;
#endif

std::string Sides(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + " x " + std::to_string(height) + " pixels";
}

Status Failure(int error, const std::string& what) {
  const std::string message = "the raw file " + what + " (LibRaw " + LibRaw::version() +
                              " says: " + LibRaw::strerror(error) + ")";
  switch (error) {
    case LIBRAW_FILE_UNSUPPORTED:
    case LIBRAW_NOT_IMPLEMENTED:
      return Status::Unsupported(message + "; a newer LibRaw may know the camera");
    case LIBRAW_NO_THUMBNAIL:
    case LIBRAW_UNSUPPORTED_THUMBNAIL:
      return Status::Unsupported(message + "; make a JPEG of it");
    case LIBRAW_UNSUFFICIENT_MEMORY:
    case LIBRAW_TOO_BIG:
    case LIBRAW_MEMPOOL_OVERFLOW:
      return Status::ResourceExhausted(message);
    default:
      return Status::Corruption(message);
  }
}

// LibRaw's word for how the picture is turned, as EXIF's.
int Orientation(int flip) {
  constexpr int kOrientations[8] = {1, 2, 4, 3, 5, 8, 6, 7};
  return flip >= 0 && flip < 8 ? kOrientations[flip] : 1;
}

struct Sensor {
  std::int32_t width = 0;  // as stored
  std::int32_t height = 0;
  int orientation = 1;
};

// A preview in the file's own bytes or LibRaw's memory.
struct Preview {
  std::string_view bytes;
  bool is_jpeg = false;  // else 8-bit RGB
  JpegSize size;         // as stored
  int orientation = 1;
};

// A JPEG in the file is turned as its own tag says, which many previews lack, else as the raw
// picture is. A preview whose shape is that of the upright picture, where the raw one lies on its
// side, was turned by the camera.
int PreviewOrientation(std::string_view jpeg, JpegSize size, const Sensor& sensor) {
  if (const auto own = ReadOrientation(jpeg, Format::kJpeg)) return *own;
  const bool turned = SwapsSides(sensor.orientation) && sensor.width != sensor.height &&
                      (size.width < size.height) != (sensor.width < sensor.height);
  return turned ? 1 : sensor.orientation;
}

Result<Preview> FindPreview(LibRaw* raw, const Sensor& sensor, const ImageLimits& limits) {
  // By these, memory is taken for a preview that is no JPEG; for a JPEG they may be unknown, 0.
  const libraw_thumbnail_t& thumbnail = raw->imgdata.thumbnail;
  if (thumbnail.twidth != 0 && thumbnail.theight != 0) {
    ESPY_RETURN_IF_ERROR(CheckDimensions(thumbnail.twidth, thumbnail.theight, limits));
  }
  const int error = raw->unpack_thumb();
  if (error != LIBRAW_SUCCESS) return Failure(error, "has no preview that can be read");
  Preview preview;
  preview.bytes = {thumbnail.thumb, thumbnail.tlength};
  if (thumbnail.tformat == LIBRAW_THUMBNAIL_JPEG) {
    preview.is_jpeg = true;
    ESPY_ASSIGN_OR_RETURN(preview.size, ReadJpegSize(preview.bytes, limits));
    preview.orientation = PreviewOrientation(preview.bytes, preview.size, sensor);
    return preview;
  }
  preview.size = {thumbnail.twidth, thumbnail.theight};
  preview.orientation = sensor.orientation;
  const std::size_t needed = std::size_t{thumbnail.twidth} * thumbnail.theight * 3;
  if (thumbnail.tformat != LIBRAW_THUMBNAIL_BITMAP || thumbnail.tcolors != 3 || needed == 0 ||
      preview.bytes.size() < needed) {
    return Failure(LIBRAW_UNSUPPORTED_THUMBNAIL, "has a preview of a kind that is not read");
  }
  return preview;
}

Result<Image> Pixels(const Preview& preview, const DecodeOptions& options) {
  if (preview.is_jpeg) {
    std::int32_t width = options.target_width, height = options.target_height;
    if (SwapsSides(preview.orientation)) std::swap(width, height);
    ESPY_ASSIGN_OR_RETURN(JpegPicture jpeg,
                          DecodeJpeg(preview.bytes, options.limits, width, height));
    return std::move(jpeg.image);
  }
  Image image{preview.size.width, preview.size.height, {}};
  const std::size_t size = static_cast<std::size_t>(image.width) * image.height * 3;
  image.pixels.assign(preview.bytes.begin(),
                      preview.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  return image;
}

// To a twentieth: sensors have some rows and columns more than pictures. Where the camera was set
// to another shape (16:9 of a 3:2 sensor), or the sensor's rows run askew (Fujifilm's Super CCD),
// the preview is what was shot.
bool SameShape(std::int64_t width, std::int64_t height, JpegSize preview) {
  const std::int64_t difference = width * preview.height - height * preview.width;
  return std::abs(difference) * 20 <= width * preview.height && width > 0 && height > 0;
}

Result<RawPicture> DecodeOpened(std::string_view bytes, const DecodeOptions& options) {
  RawStream stream(bytes);  // outlives what reads it
  const auto raw = std::make_unique<LibRaw>(kSilent);
  const int error = raw->open_datastream(&stream);
  if (error != LIBRAW_SUCCESS) return Failure(error, "cannot be read");
  const libraw_image_sizes_t& sizes = raw->imgdata.sizes;
  const Sensor sensor{sizes.width, sizes.height, Orientation(sizes.flip)};
  ESPY_ASSIGN_OR_RETURN(const Preview preview, FindPreview(raw.get(), sensor, options.limits));
  JpegSize upright = preview.size;
  if (SwapsSides(preview.orientation)) std::swap(upright.width, upright.height);
  if (upright.width < options.least_width || upright.height < options.least_height) {
    return Status::Unsupported("the raw file's preview has " +
                               Sides(upright.width, upright.height) + ", and the model looks at " +
                               Sides(options.least_width, options.least_height) +
                               "; make a JPEG of it, or a DNG with a larger preview");
  }
  RawPicture picture;
  picture.full_width = sensor.width;
  picture.full_height = sensor.height;
  if (SwapsSides(sensor.orientation)) std::swap(picture.full_width, picture.full_height);
  if (!SameShape(picture.full_width, picture.full_height, upright)) {
    picture.full_width = upright.width;
    picture.full_height = upright.height;
  }
  ESPY_ASSIGN_OR_RETURN(Image image, Pixels(preview, options));
  picture.image = TurnUpright(std::move(image), preview.orientation);
  return picture;
}

}  // namespace

Result<RawPicture> DecodeRaw(std::string_view bytes, const DecodeOptions& options) {
  try {
    return DecodeOpened(bytes, options);
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("not enough memory for the raw file");
  } catch (...) {  // LibRaw throws inside itself, and does not catch everything
    return Status::Corruption("the raw file is damaged");
  }
}

}  // namespace espy::imaging
