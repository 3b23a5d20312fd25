// What a picture file says of itself (EXIF), a small copy of it, and a hash that near copies share.
#ifndef ESPY_IMAGING_FACTS_H_
#define ESPY_IMAGING_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "espy/record.h"
#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

struct ExifFacts {
  std::optional<std::int64_t>
      taken_unix;      // DateTimeOriginal (else DateTime) with OffsetTimeOriginal; UTC without one
  std::string camera;  // "Make Model", the make not repeated; printable UTF-8, at most 128 bytes
  std::optional<Place> place;
  int orientation = 1;  // 1 to 8
};

// Reads the EXIF block of a JPEG, PNG (eXIf), WebP, TIFF, HEIF/AVIF or JPEG XL file. Absent or
// malformed blocks give empty facts: they are never an error. Bounds are checked on every offset.
// Any thread.
ExifFacts ReadExif(std::string_view file_bytes);

// 64-bit DCT perceptual hash: 32x32 grey, 8x8 lowest frequencies (without the constant one) against
// their median. The same picture resized, recompressed or slightly recoloured differs in few bits.
std::uint64_t PerceptualHash(const Image& image);

// JPEG bytes, longest side at most `side` pixels, quality 85.
Result<std::string> MakeThumbnail(const Image& image, std::int32_t side = 256);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_FACTS_H_
