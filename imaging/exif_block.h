// Where in a picture file its EXIF block lies.
#ifndef ESPY_IMAGING_EXIF_BLOCK_H_
#define ESPY_IMAGING_EXIF_BLOCK_H_

#include <optional>
#include <string_view>

#include "imaging/decode.h"

namespace espy::imaging {

// The TIFF structures that hold a picture's EXIF, as parts of its file. Where `exif` and `gps` are
// empty, the directories of those names lie below the one of `main`; a CR3 file has a structure for
// each.
struct ExifBlocks {
  std::string_view main;
  std::string_view exif;
  std::string_view gps;
};
ExifBlocks FindExifBlocks(std::string_view file, Format format);

// The block, from its TIFF header on, as a part of `file`; empty when there is none or its place is
// malformed.
std::string_view FindExifBlock(std::string_view file, Format format);

// 1 to 8; nothing when the file does not say.
std::optional<int> ReadOrientation(std::string_view file, Format format);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_EXIF_BLOCK_H_
