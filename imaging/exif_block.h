// Where in a picture file its EXIF block lies.
#ifndef ESPY_IMAGING_EXIF_BLOCK_H_
#define ESPY_IMAGING_EXIF_BLOCK_H_

#include <string_view>

#include "imaging/decode.h"

namespace espy::imaging {

// The block, from its TIFF header on, as a part of `file`; empty when there is none or its place is
// malformed.
std::string_view FindExifBlock(std::string_view file, Format format);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_EXIF_BLOCK_H_
