#include "imaging/raw_container.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "imaging/byte_reader.h"
#include "imaging/heif_boxes.h"
#include "imaging/tiff_directory.h"

namespace espy::imaging {
namespace {

using std::string_view;

// Cameras write three or four directories in a row, each with a few below it.
constexpr int kMaxPages = 8;
constexpr std::uint32_t kMaxBelow = 16;

constexpr std::uint16_t kCompression = 259;
constexpr std::uint16_t kPhotometric = 262;
constexpr std::uint16_t kSubDirectories = 330;
constexpr std::uint16_t kDngVersion = 50706;

bool HoldsSamplesOfASensor(const TiffDirectory& directory) {
  const std::uint32_t photometric = directory.Number(kPhotometric).value_or(0);
  if (photometric == 32803 || photometric == 34892) return true;  // a filter array; linear raw
  switch (directory.Number(kCompression).value_or(0)) {
    case 32767:  // Sony
    case 32769:  // Epson
    case 32770:  // Samsung
    case 34713:  // Nikon
    case 65000:  // Kodak
    case 65535:  // Pentax
      return true;
    default:
      return false;
  }
}

bool IsRawTiff(string_view bytes) {
  const string_view mark = bytes.substr(std::min<std::size_t>(bytes.size(), 8), 4);
  if (mark.starts_with("CR") || mark == "IIII" || mark == "MMMM") return true;
  auto page = TiffDirectory::First(bytes);
  if (page && page->Number(kDngVersion)) return true;
  for (int i = 0; page && i < kMaxPages; ++i, page = page->Next()) {
    if (HoldsSamplesOfASensor(*page)) return true;
    for (std::uint32_t below = 0; below < kMaxBelow; ++below) {
      const auto child = page->Child(kSubDirectories, below);
      if (!child) break;
      if (HoldsSamplesOfASensor(*child)) return true;
    }
  }
  return false;
}

bool IsTiff(string_view bytes) {
  return bytes.starts_with(string_view("II*\0", 4)) || bytes.starts_with(string_view("MM\0*", 4));
}

bool IsMrw(string_view bytes) { return bytes.starts_with(string_view("\0MRM", 4)); }
bool IsRaf(string_view bytes) { return bytes.starts_with("FUJIFILMCCD-RAW"); }

// A JPEG file as the camera would have written it lies in the RAF file: its offset at 84, its
// length at 88.
string_view JpegInRaf(string_view file) {
  const auto offset = ReadNumber(file, 84, 4, ByteOrder::kBig);
  const auto length = ReadNumber(file, 88, 4, ByteOrder::kBig);
  if (!offset || !length) return {};
  return ReadBytes(file, *offset, *length).value_or("");
}

// MRW: signature (4), length of the blocks (4), then blocks of name (4), length (4) and bytes.
// "TTW" is a TIFF structure.
string_view TiffInMrw(string_view file) {
  for (std::uint64_t at = 8;;) {
    const auto name = ReadBytes(file, at, 4);
    const auto length = ReadNumber(file, at + 4, 4, ByteOrder::kBig);
    if (!name || !length) return {};
    if (*name == string_view("\0TTW", 4)) return ReadBytes(file, at + 8, *length).value_or("");
    at += 8 + *length;
  }
}

}  // namespace

bool IsRaw(string_view bytes) {
  if (IsTiff(bytes)) return IsRawTiff(bytes);
  return bytes.starts_with("IIRO") || bytes.starts_with("IIRS") || bytes.starts_with("MMOR") ||
         bytes.starts_with(string_view("IIU\0", 4)) || IsRaf(bytes) || IsMrw(bytes) ||
         bytes.starts_with("FOVb") || bytes.substr(0, 14).ends_with("HEAPCCDR") ||
         bytes.substr(0, 12).ends_with("ftypcrx ");
}

ExifBlocks FindRawExif(string_view file) {
  if (IsRaf(file)) return {FindExifBlock(JpegInRaf(file), Format::kJpeg), {}, {}};
  if (IsMrw(file)) return {TiffInMrw(file), {}, {}};
  if (file.substr(0, 12).ends_with("ftypcrx ")) return FindCr3Exif(file);
  return {file, {}, {}};  // what is no TIFF structure will be found to have no directory
}

}  // namespace espy::imaging
