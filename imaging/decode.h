// File bytes -> upright 8-bit sRGB pixels. The gate for hostile input.
#ifndef ESPY_IMAGING_DECODE_H_
#define ESPY_IMAGING_DECODE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "espy/record.h"
#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

enum class Format {
  kUnknown,
  kJpeg,
  kPng,
  kWebp,
  kGif,
  kTiff,
  kBmp,
  kHeif,
  kAvif,
  kJxl,
  kSvg,
  kRaw
};
std::string_view FormatName(Format format);  // "jpeg", ...

// Which format the bytes claim to be, by their signature (never by a file's name).
Format SniffFormat(std::string_view bytes);

// Whether a file's name has an extension of a picture that Espy reads (any case).
bool HasPictureExtension(std::string_view path);

struct DecodeOptions {
  ImageLimits limits;
  // The picture is wanted at about this size: a JPEG is decoded at the smallest DCT scale whose
  // sides are both at least twice these, an SVG is rendered so that its sides cover twice these. 0:
  // full size.
  std::int32_t target_width = 0;
  std::int32_t target_height = 0;
  // What stands in for the picture's own pixels must be at least this large: the preview of a raw
  // file, which else is Unsupported, and the thumbnail below.
  std::int32_t least_width = 0;
  std::int32_t least_height = 0;
  // The thumbnail in a JPEG's EXIF block stands in, where it has the picture's shape: fast, and not
  // the same pixels.
  bool embedded_thumbnails = false;
};

struct Decoded {
  Image image;  // perhaps scaled down, see DecodeOptions
  Format format = Format::kUnknown;
  PixelSource source = PixelSource::kPicture;
  std::int32_t full_width = 0;  // of the picture as stored, upright
  std::int32_t full_height = 0;
};

// EXIF orientation applied, colours managed to sRGB (embedded ICC profiles, CMYK), 16 bits reduced
// to 8, alpha over white, first frame of an animation. Limits are checked on the header, before
// pixels are allocated. A truncated or damaged picture is Corruption, bytes of no known format
// InvalidArgument, a passed limit ResourceExhausted; messages say what is wrong but do not name the
// file, which the caller knows. Any thread.
Result<Decoded> Decode(std::string_view bytes, const DecodeOptions& options = {});

// Loads libvips now, which takes about a tenth of a second, rather than at the first picture that
// needs it (any but JPEG and BMP): an ingest calls it while it walks. Decode does it by itself;
// calling it twice is harmless. Any thread.
void InitImaging();

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_DECODE_H_
