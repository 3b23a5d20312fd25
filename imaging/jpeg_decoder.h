// JPEG bytes -> pixels, through libjpeg-turbo. What is refused: lossless and 12-bit JPEG
// (Unsupported), more scans than a progressive picture needs (ResourceExhausted), anything cut
// short or damaged (Corruption).
#ifndef ESPY_IMAGING_JPEG_DECODER_H_
#define ESPY_IMAGING_JPEG_DECODER_H_

#include <cstdint>
#include <string_view>

#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

struct JpegPicture {
  Image image;                  // sRGB, as stored (not turned)
  std::int32_t full_width = 0;  // as stored
  std::int32_t full_height = 0;
};

struct JpegSize {
  std::int32_t width = 0;  // as stored
  std::int32_t height = 0;
};
// What the header says, checked against the limits. No pixels are decoded. Any thread.
Result<JpegSize> ReadJpegSize(std::string_view bytes, const ImageLimits& limits);

// target_width, target_height: as stored too; 0 for full size. Any thread.
Result<JpegPicture> DecodeJpeg(std::string_view bytes, const ImageLimits& limits,
                               std::int32_t target_width, std::int32_t target_height);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_JPEG_DECODER_H_
