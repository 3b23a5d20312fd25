// Raw files of cameras -> pixels, by the preview that the camera developed and put inside, through
// LibRaw.
//
// The sensor's samples are not developed. LibRaw's decoders for them are many and old, and crash on
// damaged files (its 0.20 did on a CR3 file with a few bytes changed); what finds the preview is a
// small part of it. docs/decisions/0052.
#ifndef ESPY_IMAGING_RAW_DECODER_H_
#define ESPY_IMAGING_RAW_DECODER_H_

#include <cstdint>
#include <string_view>

#include "espy/status.h"
#include "imaging/decode.h"
#include "imaging/image.h"

namespace espy::imaging {

struct RawPicture {
  Image image;  // sRGB, upright
  std::int32_t full_width =
      0;  // of the sensor's picture, upright; of the preview where that has another shape
  std::int32_t full_height = 0;
};

// The largest preview, scaled as DecodeOptions' target asks. The limits are those of the preview:
// one of 8 megapixels in a file of 150 is within them. Unsupported: a camera that the installed
// LibRaw does not know, no preview, or one smaller than DecodeOptions' least size. Any thread.
Result<RawPicture> DecodeRaw(std::string_view bytes, const DecodeOptions& options);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RAW_DECODER_H_
