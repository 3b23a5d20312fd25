#include "imaging/exif_thumbnail.h"

#include <cstdlib>
#include <utility>

#include "imaging/exif_block.h"
#include "imaging/jpeg_decoder.h"
#include "imaging/tiff_directory.h"

namespace espy::imaging {
namespace {

// EXIF 2.32, 4.6.4: the directory after the first one describes the thumbnail.
constexpr std::uint16_t kCompression = 259;
constexpr std::uint16_t kJpegOffset = 513;
constexpr std::uint16_t kJpegLength = 514;
constexpr std::uint32_t kJpeg = 6;

std::string_view FindThumbnail(std::string_view block) {
  const auto root = TiffDirectory::First(block);
  const auto directory = root ? root->Next() : std::nullopt;
  if (!directory || directory->Number(kCompression).value_or(kJpeg) != kJpeg) return {};
  const auto offset = directory->Number(kJpegOffset);
  const auto length = directory->Number(kJpegLength);
  if (!offset || !length) return {};
  return directory->Bytes(*offset, *length).value_or("");
}

// Whether a small picture's sides are the large one's scaled, each rounded up or down.
bool SameShape(JpegSize small, JpegSize large) {
  const std::int64_t difference =
      std::int64_t{small.width} * large.height - std::int64_t{small.height} * large.width;
  return std::abs(difference) <= std::max(large.width, large.height);
}

}  // namespace

std::optional<ExifThumbnail> DecodeExifThumbnail(std::string_view jpeg_file,
                                                 const ImageLimits& limits, std::int32_t min_width,
                                                 std::int32_t min_height) {
  const std::string_view bytes = FindThumbnail(FindExifBlock(jpeg_file, Format::kJpeg));
  if (!bytes.starts_with("\xff\xd8\xff")) return std::nullopt;
  const auto small = ReadJpegSize(bytes, limits);
  if (!small.ok() || small->width < min_width || small->height < min_height) return std::nullopt;
  const auto large = ReadJpegSize(jpeg_file, limits);
  if (!large.ok() || !SameShape(*small, *large)) return std::nullopt;
  auto decoded = DecodeJpeg(bytes, limits, 0, 0);
  if (!decoded.ok()) return std::nullopt;
  return ExifThumbnail{std::move(decoded->image), large->width, large->height};
}

}  // namespace espy::imaging
