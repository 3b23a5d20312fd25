#include "imaging/decode.h"

#include <new>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "imaging/bmp_decoder.h"
#include "imaging/exif_block.h"
#include "imaging/exif_thumbnail.h"
#include "imaging/header_probe.h"
#include "imaging/image_limits.h"
#include "imaging/jpeg_decoder.h"
#include "imaging/orientation.h"
#include "imaging/raw_decoder.h"
#include "imaging/vips_api.h"
#include "imaging/vips_decoder.h"

namespace espy::imaging {
namespace {

// The formats whose decoders leave turning to whoever reads the tag. HEIF, AVIF and JPEG XL say it
// in their own structures, which their decoders obey; the tag of their EXIF block repeats it.
bool TurnsByExif(Format format) {
  return format == Format::kJpeg || format == Format::kPng || format == Format::kWebp ||
         format == Format::kTiff;
}

Result<Decoded> DecodeKnown(std::string_view bytes, Format format, const DecodeOptions& options) {
  if (format == Format::kRaw) {
    ESPY_ASSIGN_OR_RETURN(RawPicture raw, DecodeRaw(bytes, options));
    return Decoded{std::move(raw.image), format, PixelSource::kPreview, raw.full_width,
                   raw.full_height};
  }
  const int orientation = TurnsByExif(format) ? ReadOrientation(bytes, format).value_or(1) : 1;
  std::int32_t target_width = options.target_width;
  std::int32_t target_height = options.target_height;
  std::int32_t least_width = options.least_width;
  std::int32_t least_height = options.least_height;
  if (SwapsSides(orientation)) {
    std::swap(target_width, target_height);
    std::swap(least_width, least_height);
  }

  Decoded decoded;
  decoded.format = format;
  std::optional<ExifThumbnail> thumbnail;
  if (format == Format::kJpeg && options.embedded_thumbnails) {
    thumbnail = DecodeExifThumbnail(bytes, options.limits, least_width, least_height);
  }
  if (thumbnail) {
    decoded.source = PixelSource::kThumbnail;
    decoded.full_width = thumbnail->full_width;
    decoded.full_height = thumbnail->full_height;
    decoded.image = std::move(thumbnail->image);
  } else if (format == Format::kJpeg) {
    ESPY_ASSIGN_OR_RETURN(JpegPicture jpeg,
                          DecodeJpeg(bytes, options.limits, target_width, target_height));
    decoded.full_width = jpeg.full_width;
    decoded.full_height = jpeg.full_height;
    decoded.image = std::move(jpeg.image);
  } else if (format == Format::kBmp) {
    ESPY_ASSIGN_OR_RETURN(decoded.image, DecodeBmp(bytes, options.limits));
    decoded.full_width = decoded.image.width;
    decoded.full_height = decoded.image.height;
  } else {
    ESPY_RETURN_IF_ERROR(ProbeHeader(bytes, format, options.limits));
    ESPY_ASSIGN_OR_RETURN(VipsPicture picture,
                          DecodeByVips(bytes, format, options.limits, target_width, target_height));
    decoded.full_width = picture.full_width;
    decoded.full_height = picture.full_height;
    decoded.image = std::move(picture.image);
  }
  if (SwapsSides(orientation)) std::swap(decoded.full_width, decoded.full_height);
  decoded.image = TurnUpright(std::move(decoded.image), orientation);
  return decoded;
}

}  // namespace

Result<Decoded> Decode(std::string_view bytes, const DecodeOptions& options) {
  if (bytes.empty()) return Status::InvalidArgument("the file is empty");
  ESPY_RETURN_IF_ERROR(CheckFileSize(bytes.size(), options.limits));
  const Format format = SniffFormat(bytes);
  if (format == Format::kUnknown) {
    return Status::InvalidArgument("not a picture of a known format");
  }
  try {
    return DecodeKnown(bytes, format, options);
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("not enough memory for the pixels of the picture");
  }
}

void InitImaging() { static_cast<void>(GetVips()); }

}  // namespace espy::imaging
