#include "imaging/header_probe.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/status_macros.h"
#include "imaging/byte_reader.h"
#include "imaging/image_limits.h"
#include "imaging/tiff_directory.h"

namespace espy::imaging {
namespace {

Status CutShort(Format format) {
  return Status::Corruption("the " + std::string(FormatName(format)) +
                            " data is damaged or cut short: it ends in its header");
}

Status ProbePng(std::string_view bytes, const ImageLimits& limits) {
  const auto width = ReadNumber(bytes, 16, 4, ByteOrder::kBig);
  const auto height = ReadNumber(bytes, 20, 4, ByteOrder::kBig);
  if (!width || !height) return CutShort(Format::kPng);
  return CheckDimensions(static_cast<std::int64_t>(*width), static_cast<std::int64_t>(*height),
                         limits);
}

Status ProbeGif(std::string_view bytes, const ImageLimits& limits) {
  const auto width = ReadNumber(bytes, 6, 2, ByteOrder::kLittle);
  const auto height = ReadNumber(bytes, 8, 2, ByteOrder::kLittle);
  if (!width || !height) return CutShort(Format::kGif);
  // A screen of no size is taken from the first frame by decoders, so only the upper limit is
  // checked here.
  if (*width == 0 || *height == 0) return Status::Ok();
  return CheckDimensions(static_cast<std::int64_t>(*width), static_cast<std::int64_t>(*height),
                         limits);
}

// The canvas of an extended file; a simple one is at most 16,384 pixels a side by its format.
Status ProbeWebp(std::string_view bytes, const ImageLimits& limits) {
  const auto chunk = ReadBytes(bytes, 12, 4);
  if (!chunk) return CutShort(Format::kWebp);
  if (*chunk != "VP8X") return Status::Ok();
  const auto width = ReadNumber(bytes, 24, 3, ByteOrder::kLittle);
  const auto height = ReadNumber(bytes, 27, 3, ByteOrder::kLittle);
  if (!width || !height) return CutShort(Format::kWebp);
  return CheckDimensions(static_cast<std::int64_t>(*width) + 1,
                         static_cast<std::int64_t>(*height) + 1, limits);
}

Status ProbeTiff(std::string_view bytes, const ImageLimits& limits) {
  constexpr std::uint16_t kWidth = 256;
  constexpr std::uint16_t kHeight = 257;
  constexpr std::uint16_t kBitsPerSample = 258;
  constexpr std::uint16_t kSamplesPerPixel = 277;
  constexpr std::uint16_t kTileWidth = 322;
  constexpr std::uint16_t kTileHeight = 323;
  constexpr std::uint32_t kMaxSamples = 8;
  if (bytes.size() >= 4 && (bytes[2] == '+' || bytes[3] == '+')) {
    return Status::Unsupported("this kind of tiff cannot be decoded: BigTIFF");
  }
  const auto directory = TiffDirectory::First(bytes);
  if (!directory) return CutShort(Format::kTiff);
  const auto width = directory->Number(kWidth);
  const auto height = directory->Number(kHeight);
  if (!width || !height) return CutShort(Format::kTiff);
  ESPY_RETURN_IF_ERROR(CheckDimensions(*width, *height, limits));
  if (directory->Number(kSamplesPerPixel).value_or(1) > kMaxSamples) {
    return Status::Unsupported("this kind of tiff cannot be decoded: more than 8 samples a pixel");
  }
  if (directory->Number(kBitsPerSample).value_or(1) > 64) {
    return Status::Corruption("the tiff data is damaged: more than 64 bits a sample");
  }
  // A tile may be larger than the picture, and a decoder takes memory for the tile.
  const auto tile_width = directory->Number(kTileWidth);
  const auto tile_height = directory->Number(kTileHeight);
  if (tile_width && tile_height) {
    ESPY_RETURN_IF_ERROR(CheckDimensions(*tile_width, *tile_height, limits));
  }
  return Status::Ok();
}

// The value of an attribute in a start tag, without its quotes.
std::string_view Attribute(std::string_view tag, std::string_view name) {
  constexpr std::string_view kSpaces = " \t\r\n";
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    if (at == 0 || kSpaces.find(tag[at - 1]) == std::string_view::npos) continue;
    std::size_t value = tag.find_first_not_of(kSpaces, at + name.size());
    if (value == std::string_view::npos || tag[value] != '=') continue;
    value = tag.find_first_not_of(kSpaces, value + 1);
    if (value == std::string_view::npos || (tag[value] != '"' && tag[value] != '\'')) continue;
    const std::size_t end = tag.find(tag[value], value + 1);
    if (end == std::string_view::npos) return {};
    return tag.substr(value + 1, end - value - 1);
  }
  return {};
}

// A CSS length in pixels, at 96 to the inch; nothing for one that depends on where the picture is
// shown.
std::optional<double> Pixels(std::string_view length) {
  double value = 0;
  const char* const end = length.data() + length.size();
  const auto [after, error] = std::from_chars(length.data(), end, value);
  if (error == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(after, static_cast<std::size_t>(end - after));
  const struct {
    std::string_view name;
    double pixels;
  } units[] = {{"", 1},    {"px", 1},         {"pt", 96.0 / 72}, {"pc", 16},
               {"in", 96}, {"cm", 96 / 2.54}, {"mm", 9.6 / 2.54}};
  for (const auto& known : units) {
    if (unit == known.name) return value * known.pixels;
  }
  return std::nullopt;
}

// libvips draws a size beyond its own bounds as one pixel, which would hide that the picture is
// refused for its size.
Status ProbeSvg(std::string_view bytes, const ImageLimits& limits) {
  const std::size_t begin = bytes.find("<svg");
  if (begin == std::string_view::npos) return Status::Ok();
  const std::string_view tag = bytes.substr(begin, bytes.substr(begin).find('>'));
  for (const std::string_view name : {"width", "height"}) {
    const auto pixels = Pixels(Attribute(tag, name));
    if (pixels && *pixels > limits.max_side) {
      return Status::ResourceExhausted("the picture's " + std::string(name) + " is " +
                                       std::string(Attribute(tag, name)).substr(0, 40) +
                                       ", and a side may have " + std::to_string(limits.max_side) +
                                       " pixels");
    }
  }
  return Status::Ok();
}

}  // namespace

Status ProbeHeader(std::string_view bytes, Format format, const ImageLimits& limits) {
  switch (format) {
    case Format::kPng:
      return ProbePng(bytes, limits);
    case Format::kGif:
      return ProbeGif(bytes, limits);
    case Format::kWebp:
      return ProbeWebp(bytes, limits);
    case Format::kTiff:
      return ProbeTiff(bytes, limits);
    case Format::kSvg:
      return ProbeSvg(bytes, limits);
    default:
      return Status::Ok();
  }
}

}  // namespace espy::imaging
