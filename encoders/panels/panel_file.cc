#include "encoders/panels/panel_file.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/coding.h"
#include "base/crc32c.h"

namespace espy::encoders {
namespace {

constexpr std::string_view kMagic = "ESPYPNL\n";
constexpr std::size_t kCrcAt = 24;
constexpr std::size_t kFixedBytes = 60;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLine = 64;
constexpr std::size_t kMaxText = 4096;  // of a name or path
// Beyond any tower's; the kernels' own arithmetic on sizes is never reached by larger ones.
constexpr std::uint64_t kMaxSide = std::uint64_t{1} << 31;
// name (a length at least), three varints, precision, two CRCs.
constexpr std::size_t kLeastMatrixBytes = 1 + 3 + 1 + 8;

constexpr std::uint64_t RoundUp(std::uint64_t n, std::uint64_t unit) {
  return (n + unit - 1) / unit * unit;
}

Status Bad(const std::string& name, const std::string& why) {
  return Status::Corruption(name + ": " + why + "; remove it, and it is made again");
}

std::uint32_t HeaderCrc(std::string_view header) {
  constexpr std::string_view kZeros("\0\0\0\0", 4);
  std::uint32_t crc = Crc32c(header.substr(0, kCrcAt));
  crc = Crc32c(kZeros, crc);
  return Crc32c(header.substr(kCrcAt + kZeros.size()), crc);
}

bool GetText(std::string_view* in, std::string* text) {
  return GetString(in, text) && text->size() <= kMaxText;
}

bool GetMatrix(std::string_view* in, PanelMatrix* matrix, std::uint64_t* bytes) {
  std::uint64_t outputs = 0, inputs = 0;
  if (!GetText(in, &matrix->name) || !GetVarint(in, &outputs) || !GetVarint(in, &inputs) ||
      !GetFixed(in, &matrix->precision) || !GetVarint(in, bytes) || !GetFixed(in, &matrix->crc) ||
      !GetFixed(in, &matrix->sample_crc)) {
    return false;
  }
  if (outputs > kMaxSide || inputs > kMaxSide) return false;
  matrix->outputs = static_cast<std::int64_t>(outputs);
  matrix->inputs = static_cast<std::int64_t>(inputs);
  return true;
}

}  // namespace

Result<PanelFile> ParsePanelFile(std::string_view bytes, const std::string& name) {
  std::string_view cursor = bytes;
  std::uint32_t version = 0, header_bytes = 0, crc = 0;
  std::uint64_t file_bytes = 0;
  if (bytes.size() < kFixedBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return Bad(name, "not a file of packed weights");
  }
  cursor.remove_prefix(kMagic.size());
  GetFixed(&cursor, &version);
  GetFixed(&cursor, &header_bytes);
  GetFixed(&cursor, &file_bytes);
  GetFixed(&cursor, &crc);
  if (version != kPanelFileVersion) {
    return Status::Unsupported(name + ": packed weights of version " + std::to_string(version) +
                               ", this program's is " + std::to_string(kPanelFileVersion) +
                               "; remove it, and it is made again");
  }
  if (file_bytes != bytes.size()) {
    return Bad(name, std::to_string(bytes.size()) + " bytes long, should be " +
                         std::to_string(file_bytes));
  }
  if (header_bytes == 0 || header_bytes % kPage != 0 || header_bytes > kMaxPanelHeaderBytes ||
      header_bytes > bytes.size()) {
    return Bad(name, "its header claims " + std::to_string(header_bytes) + " bytes");
  }
  const std::string_view header = bytes.substr(0, header_bytes);
  if (HeaderCrc(header) != crc) return Bad(name, "its header is damaged");

  cursor = header.substr(kMagic.size() + 4 + 4 + 8 + 4);
  PanelFile file;
  std::uint64_t count = 0;
  GetFixed(&cursor, &file.key);
  if (!GetText(&cursor, &file.model) || !GetText(&cursor, &file.tower) ||
      !GetText(&cursor, &file.layout) || !GetVarint(&cursor, &count)) {
    return Bad(name, "its header ends early");
  }
  if (count > kMaxPanelMatrices || count > cursor.size() / kLeastMatrixBytes) {
    return Bad(name, "its header claims " + std::to_string(count) + " matrices");
  }
  file.matrices.resize(count);
  std::unordered_set<std::string_view> names;
  std::uint64_t at = header_bytes;
  for (PanelMatrix& matrix : file.matrices) {
    std::uint64_t size = 0;
    if (!GetMatrix(&cursor, &matrix, &size)) return Bad(name, "its header ends early");
    if (!names.insert(matrix.name).second) return Bad(name, "it holds a matrix twice");
    if (at > bytes.size() || size > bytes.size() - at) {
      return Bad(name, "its matrices lead past its end");
    }
    matrix.bytes = bytes.substr(at, size);
    at = RoundUp(at + size, kLine);
  }
  if (cursor.find_first_not_of('\0') != cursor.npos) return Bad(name, "its header ends late");
  if (at != bytes.size()) return Bad(name, "its matrices do not end where it does");
  return file;
}

std::uint32_t SampleCrc(std::string_view bytes) {
  constexpr std::size_t kLines = 5;
  if (bytes.size() <= kLines * kLine) return Crc32c(bytes);
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < kLines; ++i) {
    crc = Crc32c(bytes.substr((bytes.size() - kLine) / (kLines - 1) * i, kLine), crc);
  }
  return Crc32c(bytes.substr(bytes.size() - kLine), crc);
}

Status CheckPanels(const PanelFile& file, bool whole, const std::string& name) {
  for (const PanelMatrix& matrix : file.matrices) {
    const bool sound =
        whole ? Crc32c(matrix.bytes) == matrix.crc : SampleCrc(matrix.bytes) == matrix.sample_crc;
    if (!sound) return Bad(name, "the bytes of \"" + matrix.name + "\" are damaged");
  }
  return Status::Ok();
}

std::string_view PanelPadding(std::size_t bytes) {
  static constexpr char kZeros[kLine] = {};
  return {kZeros, RoundUp(bytes, kLine) - bytes};
}

Result<std::string> PanelHeader(PanelFile* file) {
  std::string header(kMagic);
  PutFixed(&header, kPanelFileVersion);
  header.append(4 + 8 + 4, '\0');  // sizes and CRC, below
  PutFixed(&header, file->key);
  std::size_t longest = 0;
  for (const std::string* text : {&file->model, &file->tower, &file->layout}) {
    PutString(&header, *text);
    longest = std::max(longest, text->size());
  }
  PutVarint(&header, file->matrices.size());
  std::uint64_t data = 0;
  for (PanelMatrix& matrix : file->matrices) {
    matrix.crc = Crc32c(matrix.bytes);
    matrix.sample_crc = SampleCrc(matrix.bytes);
    PutString(&header, matrix.name);
    PutVarint(&header, static_cast<std::uint64_t>(matrix.outputs));
    PutVarint(&header, static_cast<std::uint64_t>(matrix.inputs));
    PutFixed(&header, matrix.precision);
    PutVarint(&header, matrix.bytes.size());
    PutFixed(&header, matrix.crc);
    PutFixed(&header, matrix.sample_crc);
    longest = std::max(longest, matrix.name.size());
    data += RoundUp(matrix.bytes.size(), kLine);
  }
  header.resize(RoundUp(header.size(), kPage), '\0');
  if (header.size() > kMaxPanelHeaderBytes || file->matrices.size() > kMaxPanelMatrices ||
      longest > kMaxText) {
    return Status::InvalidArgument(file->model + ": too many or too long names to be cached");
  }
  const auto header_bytes = static_cast<std::uint32_t>(header.size());
  const std::uint64_t file_bytes = header.size() + data;
  std::memcpy(header.data() + 12, &header_bytes, sizeof header_bytes);
  std::memcpy(header.data() + 16, &file_bytes, sizeof file_bytes);
  const std::uint32_t crc = HeaderCrc(header);
  std::memcpy(header.data() + kCrcAt, &crc, sizeof crc);
  return header;
}

}  // namespace espy::encoders
