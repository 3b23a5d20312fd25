// Raw files of cameras -> pixels, through LibRaw: by the preview that the camera developed and put
// inside, and where that is missing or too small, by developing the sensor's samples at half size.
#ifndef ESPY_IMAGING_RAW_DECODER_H_
#define ESPY_IMAGING_RAW_DECODER_H_

#include <cstdint>
#include <string_view>

#include "espy/record.h"
#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

struct RawPicture {
  Image image;  // sRGB, upright
  PixelSource source = PixelSource::kPreview;
  std::int32_t full_width = 0;  // of the sensor's picture, upright
  std::int32_t full_height = 0;
};

// A preview serves when each of its sides is at least the target's, or half the sensor's, which is
// what developing would give (and what is asked for without a target, 0). The limits are those of
// what is decoded: a preview of 8 megapixels in a file of 150 is within them. Unsupported: a camera
// or a coding that the installed LibRaw does not know, and no preview that serves; the message
// tells the preview's size. Any thread; no thread of its own.
Result<RawPicture> DecodeRaw(std::string_view bytes, const ImageLimits& limits,
                             std::int32_t target_width, std::int32_t target_height);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RAW_DECODER_H_
