#include <algorithm>
#include <array>
#include <string>

#include "imaging/decode.h"
#include "imaging/raw_container.h"

namespace espy::imaging {
namespace {

// ISO base media files name their brands in the first box: size (4), "ftyp", major brand (4),
// version (4), others.
Format SniffIsoMedia(std::string_view bytes) {
  std::uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<std::uint8_t>(bytes[i]);
  const std::size_t end = std::min<std::size_t>({bytes.size(), size, 256});
  bool heif = false;
  for (std::size_t at = 8; at + 4 <= end; at += 4) {
    if (at == 12) continue;  // the version
    const std::string_view brand = bytes.substr(at, 4);
    if (brand == "avif" || brand == "avis") return Format::kAvif;
    heif = heif || brand == "heic" || brand == "heix" || brand == "heim" || brand == "heis" ||
           brand == "hevc" || brand == "hevx" || brand == "mif1" || brand == "msf1" ||
           brand == "mif2";
  }
  return heif ? Format::kHeif : Format::kUnknown;
}

// SVG is text: after a byte-order mark and spaces it begins with "<", and "<svg" follows soon,
// after a declaration, comments and a document type perhaps.
bool LooksLikeSvg(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  const std::size_t begin = bytes.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || bytes[begin] != '<') return false;
  const std::string_view head = bytes.substr(begin, 4096);
  for (std::size_t at = head.find("<svg"); at != std::string_view::npos;
       at = head.find("<svg", at + 1)) {
    const char after = at + 4 < head.size() ? head[at + 4] : '\0';
    if (after == ' ' || after == '\t' || after == '\r' || after == '\n' || after == '>')
      return true;
  }
  return head.find("<svg:svg") != std::string_view::npos;
}

}  // namespace

std::string_view FormatName(Format format) {
  switch (format) {
    case Format::kJpeg:
      return "jpeg";
    case Format::kPng:
      return "png";
    case Format::kWebp:
      return "webp";
    case Format::kGif:
      return "gif";
    case Format::kTiff:
      return "tiff";
    case Format::kBmp:
      return "bmp";
    case Format::kHeif:
      return "heif";
    case Format::kAvif:
      return "avif";
    case Format::kJxl:
      return "jxl";
    case Format::kSvg:
      return "svg";
    case Format::kRaw:
      return "raw";
    case Format::kUnknown:
      break;
  }
  return "unknown";
}

Format SniffFormat(std::string_view bytes) {
  using std::string_view;
  if (bytes.starts_with("\xff\xd8\xff")) return Format::kJpeg;
  if (IsRaw(bytes)) return Format::kRaw;  // before TIFF, which most of them are
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return Format::kPng;
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return Format::kGif;
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return Format::kWebp;
  if (bytes.starts_with(string_view("II*\0", 4)) || bytes.starts_with(string_view("MM\0*", 4)) ||
      bytes.starts_with(string_view("II+\0", 4)) || bytes.starts_with(string_view("MM\0+", 4))) {
    return Format::kTiff;
  }
  if (bytes.starts_with("\xff\x0a") ||
      bytes.starts_with(string_view("\0\0\0\x0cJXL \r\n\x87\n", 12))) {
    return Format::kJxl;
  }
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return SniffIsoMedia(bytes);
  // "BM" alone is also how some texts begin: the reserved fields of a bitmap are 0, its header's
  // size is known.
  if (bytes.size() >= 18 && bytes.starts_with("BM") &&
      bytes.substr(15, 3) == string_view("\0\0\0", 3)) {
    const auto header = static_cast<std::uint8_t>(bytes[14]);
    if (header == 12 || header == 40 || header == 52 || header == 56 || header == 64 ||
        header == 108 || header == 124) {
      return Format::kBmp;
    }
  }
  if (LooksLikeSvg(bytes)) return Format::kSvg;
  return Format::kUnknown;
}

bool HasPictureExtension(std::string_view path) {
  constexpr std::array<std::string_view, 44> kExtensions = {
      "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "bmp", "dib", "heic",
      "heif", "hif", "avif", "jxl", "svg", "apng", "heics",
      // of cameras
      "dng", "nef", "nrw", "cr2", "cr3", "crw", "arw", "sr2", "srf", "orf", "rw2", "rwl", "raf",
      "pef", "srw", "3fr", "fff", "iiq", "mef", "mos", "erf", "dcr", "kdc", "mrw", "gpr"};
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string extension(path.substr(dot + 1));
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

}  // namespace espy::imaging
