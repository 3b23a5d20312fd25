// The small copy that a camera puts into a JPEG file's EXIF block.
#ifndef ESPY_IMAGING_EXIF_THUMBNAIL_H_
#define ESPY_IMAGING_EXIF_THUMBNAIL_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "imaging/image.h"

namespace espy::imaging {

struct ExifThumbnail {
  Image image;                  // as stored
  std::int32_t full_width = 0;  // of the picture that it stands for, as stored
  std::int32_t full_height = 0;
};

// The thumbnail of a JPEG file where it can stand for the picture: both of its sides at least
// min_width and min_height, and its shape the picture's. Many cameras pad a thumbnail of 160 x 120
// with black bars, and some editors leave the one of the picture before it was cropped: their
// shapes tell. Nothing otherwise, whatever the reason; the picture is decoded then. The pixels of
// the picture are not looked at, so that damage there stays unnoticed. Any thread.
std::optional<ExifThumbnail> DecodeExifThumbnail(std::string_view jpeg_file,
                                                 const ImageLimits& limits, std::int32_t min_width,
                                                 std::int32_t min_height);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_EXIF_THUMBNAIL_H_
