// The boxes of ISO base media files (ISO/IEC 14496-12), as far as HEIF, AVIF, JPEG XL and Canon's
// CR3 keep EXIF in them.
#ifndef ESPY_IMAGING_HEIF_BOXES_H_
#define ESPY_IMAGING_HEIF_BOXES_H_

#include <string_view>

#include "imaging/exif_block.h"

namespace espy::imaging {

// From the TIFF header on, a part of `file`; empty when absent, malformed, or scattered over
// several extents.
std::string_view FindHeifExif(std::string_view file);
// In a JPEG XL container; empty for a bare codestream and for a Brotli-compressed box.
std::string_view FindJxlExif(std::string_view file);
// Of a CR3 file: the first directory, the EXIF directory and that of the place each begin a TIFF
// structure of their own.
ExifBlocks FindCr3Exif(std::string_view file);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_HEIF_BOXES_H_
