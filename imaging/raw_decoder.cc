#include "imaging/raw_decoder.h"

#include <libraw/libraw.h>
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "imaging/exif_block.h"
#include "imaging/image_limits.h"
#include "imaging/jpeg_decoder.h"
#include "imaging/orientation.h"

namespace espy::imaging {
namespace {

// LibRaw develops with OpenMP; a caller that decodes on every core has no use for more threads.
class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

// What changed its name or place in LibRaw 0.21. Without these flags it prints what it finds wrong.
#if LIBRAW_COMPILE_CHECK_VERSION_NOTLESS(0, 21)
constexpr unsigned kSilent = LIBRAW_OPTIONS_NO_DATAERR_CALLBACK;
unsigned& MemoryLimitMb(libraw_data_t* raw) { return raw->rawparams.max_raw_memory_mb; }
#else
constexpr unsigned kSilent = LIBRAW_OPIONS_NO_MEMERR_CALLBACK | LIBRAW_OPIONS_NO_DATAERR_CALLBACK;
unsigned& MemoryLimitMb(libraw_data_t* raw) { return raw->params.max_raw_memory_mb; }
#endif

struct Closer {
  void operator()(libraw_data_t* raw) const { libraw_close(raw); }
  void operator()(libraw_processed_image_t* image) const { libraw_dcraw_clear_mem(image); }
};
using RawFile = std::unique_ptr<libraw_data_t, Closer>;

Status Failure(int error, const std::string& what) {
  const std::string message =
      "the raw file " + what + " by LibRaw " + libraw_version() + ": " + libraw_strerror(error);
  switch (error) {
    case LIBRAW_FILE_UNSUPPORTED:
    case LIBRAW_NOT_IMPLEMENTED:
    case LIBRAW_REQUEST_FOR_NONEXISTENT_IMAGE:
      return Status::Unsupported(message + "; a newer LibRaw may know the camera");
    case LIBRAW_UNSUFFICIENT_MEMORY:
    case LIBRAW_TOO_BIG:
    case LIBRAW_MEMPOOL_OVERFLOW:
      return Status::ResourceExhausted(message);
    default:
      return Status::Corruption(message);
  }
}

Result<RawFile> Open(std::string_view bytes) {
  RawFile raw(libraw_init(kSilent));
  if (raw == nullptr) return Status::ResourceExhausted("not enough memory for the raw file");
  // It reads the buffer and never writes to it.
  void* buffer = const_cast<char*>(bytes.data());
  const int error = libraw_open_buffer(raw.get(), buffer, bytes.size());
  if (error != LIBRAW_SUCCESS) return Failure(error, "cannot be read");
  return raw;
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

struct Preview {
  Image image;                  // as stored
  std::int32_t full_width = 0;  // before scaling
  std::int32_t full_height = 0;
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

Result<Preview> DecodePreview(libraw_data_t* raw, const Sensor& sensor, const ImageLimits& limits,
                              std::int32_t target_width, std::int32_t target_height) {
  // For a preview that is no JPEG memory is taken by these; for a JPEG they may be unknown, 0.
  const libraw_thumbnail_t& thumbnail = raw->thumbnail;
  if (thumbnail.twidth != 0 && thumbnail.theight != 0) {
    ESPY_RETURN_IF_ERROR(CheckDimensions(thumbnail.twidth, thumbnail.theight, limits));
  }
  const int error = libraw_unpack_thumb(raw);
  if (error == LIBRAW_NO_THUMBNAIL || error == LIBRAW_UNSUPPORTED_THUMBNAIL) {
    return Status::NotFound("no preview");
  }
  if (error != LIBRAW_SUCCESS) return Failure(error, "has a preview that cannot be read");
  const std::string_view bytes(thumbnail.thumb, thumbnail.tlength);
  Preview preview;
  preview.orientation = sensor.orientation;
  if (thumbnail.tformat == LIBRAW_THUMBNAIL_JPEG) {
    ESPY_ASSIGN_OR_RETURN(const JpegSize size, ReadJpegSize(bytes, limits));
    preview.orientation = PreviewOrientation(bytes, size, sensor);
    if (SwapsSides(preview.orientation)) std::swap(target_width, target_height);
    ESPY_ASSIGN_OR_RETURN(JpegPicture jpeg, DecodeJpeg(bytes, limits, target_width, target_height));
    preview.image = std::move(jpeg.image);
    preview.full_width = jpeg.full_width;
    preview.full_height = jpeg.full_height;
    return preview;
  }
  const std::size_t pixels = std::size_t{thumbnail.twidth} * thumbnail.theight;
  if (thumbnail.tformat != LIBRAW_THUMBNAIL_BITMAP || thumbnail.tcolors != 3 ||
      bytes.size() < pixels * 3 || pixels == 0) {
    return Status::NotFound("no preview of a known kind");
  }
  preview.image.width = preview.full_width = thumbnail.twidth;
  preview.image.height = preview.full_height = thumbnail.theight;
  preview.image.pixels.assign(bytes.begin(),
                              bytes.begin() + static_cast<std::ptrdiff_t>(pixels * 3));
  return preview;
}

// Half the sensor's sides: each pixel from one group of its filters. As stored.
Result<Image> Develop(std::string_view bytes, const ImageLimits& limits) {
  // Opened again: LibRaw lets go of a file in which it found something wrong.
  ESPY_ASSIGN_OR_RETURN(const RawFile raw, Open(bytes));
  ESPY_RETURN_IF_ERROR(CheckDimensions(raw->sizes.raw_width, raw->sizes.raw_height, limits));
  // Four samples of two bytes a pixel: what the largest picture allowed may need at once.
  MemoryLimitMb(raw.get()) = static_cast<unsigned>(limits.max_pixels * 8 / (1 << 20) + 1);
  raw->params.half_size = 1;
  raw->params.use_camera_wb = 1;
  raw->params.output_color = 1;  // sRGB
  raw->params.output_bps = 8;
  raw->params.user_flip = 0;  // turned by us
  bool damaged = false;
  libraw_set_dataerror_handler(
      raw.get(), [](void* flag, const char*, auto) { *static_cast<bool*>(flag) = true; }, &damaged);
  const OneOpenMpThread one_thread;
  int error = libraw_unpack(raw.get());
  if (error == LIBRAW_SUCCESS && damaged) error = LIBRAW_IO_ERROR;
  if (error == LIBRAW_SUCCESS) error = libraw_dcraw_process(raw.get());
  if (error != LIBRAW_SUCCESS) return Failure(error, "cannot be developed");
  const std::unique_ptr<libraw_processed_image_t, Closer> developed(
      libraw_dcraw_make_mem_image(raw.get(), &error));
  if (developed == nullptr) return Failure(error, "cannot be developed");
  const std::size_t pixels = std::size_t{developed->width} * developed->height;
  if (developed->type != LIBRAW_IMAGE_BITMAP || developed->bits != 8 || pixels == 0 ||
      (developed->colors != 1 && developed->colors != 3) ||
      developed->data_size < pixels * developed->colors) {
    return Status::Unsupported("the raw file has colours that are not read");
  }
  Image image;
  image.width = developed->width;
  image.height = developed->height;
  image.pixels.resize(pixels * 3);
  const std::size_t step = developed->colors == 3 ? 1 : 0;  // grey stands for all three
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      image.pixels[i * 3 + c] = developed->data[i * developed->colors + c * step];
    }
  }
  return image;
}

// Whether an upright side of the preview is as long as is asked for, or as developing would make
// it.
bool Serves(std::int32_t side, std::int32_t target, std::int32_t sensor_side) {
  const std::int32_t developed = (sensor_side + 1) / 2;
  return side >= (target > 0 ? std::min(target, developed) : developed);
}

Result<RawPicture> DecodeOpened(std::string_view bytes, const ImageLimits& limits,
                                std::int32_t target_width, std::int32_t target_height) {
  ESPY_ASSIGN_OR_RETURN(const RawFile raw, Open(bytes));
  const Sensor sensor{raw->sizes.width, raw->sizes.height, Orientation(raw->sizes.flip)};
  RawPicture picture;
  picture.full_width = sensor.width;
  picture.full_height = sensor.height;
  if (SwapsSides(sensor.orientation)) std::swap(picture.full_width, picture.full_height);

  auto preview = DecodePreview(raw.get(), sensor, limits, target_width, target_height);
  std::int32_t width = 0, height = 0;  // of the preview, upright
  if (preview.ok()) {
    width = preview->full_width;
    height = preview->full_height;
    if (SwapsSides(preview->orientation)) std::swap(width, height);
  }
  if (preview.ok() && Serves(width, target_width, picture.full_width) &&
      Serves(height, target_height, picture.full_height)) {
    if (picture.full_width == 0 || picture.full_height == 0) {
      picture.full_width = width;
      picture.full_height = height;
    }
    picture.image = TurnUpright(std::move(preview->image), preview->orientation);
    return picture;
  }
  auto developed = Develop(bytes, limits);
  if (!developed.ok()) {
    const std::string why =
        preview.ok() ? "its preview of " + std::to_string(width) + " x " + std::to_string(height) +
                           " pixels is too small"
                     : "it has no preview that can be read (" + preview.status().message() + ")";
    return Status(developed.status().code(), developed.status().message() + "; " + why);
  }
  picture.source = PixelSource::kPicture;
  picture.image = TurnUpright(std::move(*developed), sensor.orientation);
  return picture;
}

}  // namespace

Result<RawPicture> DecodeRaw(std::string_view bytes, const ImageLimits& limits,
                             std::int32_t target_width, std::int32_t target_height) {
  try {
    return DecodeOpened(bytes, limits, target_width, target_height);
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("not enough memory for the pixels of the raw file");
  } catch (...) {  // LibRaw throws inside itself, and its C functions do not all catch
    return Status::Corruption("the raw file is damaged");
  }
}

}  // namespace espy::imaging
