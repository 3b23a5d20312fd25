// PNG, WebP, GIF, TIFF, HEIF, AVIF, JPEG XL and SVG bytes -> pixels, through libvips.
#ifndef ESPY_IMAGING_VIPS_DECODER_H_
#define ESPY_IMAGING_VIPS_DECODER_H_

#include <cstdint>
#include <string_view>

#include "espy/status.h"
#include "imaging/decode.h"
#include "imaging/image.h"

namespace espy::imaging {

struct VipsPicture {
  Image image;  // sRGB, as stored; HEIF, AVIF and JPEG XL are turned upright by their own decoders
  std::int32_t full_width = 0;  // as the image; of an SVG its own size
  std::int32_t full_height = 0;
};

// target_width, target_height: an SVG is rendered to cover twice these; other formats come at full
// size. Any thread.
Result<VipsPicture> DecodeByVips(std::string_view bytes, Format format, const ImageLimits& limits,
                                 std::int32_t target_width, std::int32_t target_height);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_VIPS_DECODER_H_
