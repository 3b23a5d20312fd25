// Windows and OS/2 bitmaps: 1, 2, 4, 8, 16, 24 and 32 bits a pixel, palettes, bit fields,
// run-length coding.
//
// libvips reads bitmaps only through ImageMagick, which is far more code than such files need and
// is kept from untrusted bytes. Bitmaps that hold a JPEG or PNG inside are Unsupported.
#ifndef ESPY_IMAGING_BMP_DECODER_H_
#define ESPY_IMAGING_BMP_DECODER_H_

#include <string_view>

#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

// A fourth channel counts as alpha where a version 4 header gives it a mask. Any thread.
Result<Image> DecodeBmp(std::string_view bytes, const ImageLimits& limits);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_BMP_DECODER_H_
