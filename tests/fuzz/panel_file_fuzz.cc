// Any bytes -> ParsePanelFile, as they are, and as what a header goes on with whose sizes and
// checksum are right. Matrices of a file that is taken lie inside it, begin at multiples of 64 and
// share no byte; written again, they come back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "encoders/panels/panel_file.h"

namespace {

using espy::encoders::PanelFile;
using espy::encoders::PanelMatrix;

void Require(bool held) {
  if (!held) std::abort();
}

// `rest` follows the fixed part of a header; its first two bytes say how many lines of matrices
// follow.
std::string FileOf(std::string_view rest) {
  std::uint16_t lines = 0;
  espy::GetFixed(&rest, &lines);
  const std::size_t header_bytes = (60 + rest.size() + 4095) / 4096 * 4096;
  std::string file = "ESPYPNL\n";
  espy::PutFixed<std::uint32_t>(&file, espy::encoders::kPanelFileVersion);
  espy::PutFixed<std::uint32_t>(&file, static_cast<std::uint32_t>(header_bytes));
  espy::PutFixed<std::uint64_t>(&file, header_bytes + std::size_t{64} * (lines % 512));
  file.resize(60, '\0');
  file += rest;
  file.resize(header_bytes, '\0');
  const std::uint32_t crc = espy::Crc32c(file);
  std::memcpy(file.data() + 24, &crc, sizeof crc);
  file.resize(header_bytes + std::size_t{64} * (lines % 512), 'm');
  return file;
}

void Check(std::string_view bytes) {
  const auto parsed = espy::encoders::ParsePanelFile(bytes, "fuzzed");
  if (!parsed.ok()) {
    Require(parsed.status().message().find("fuzzed: ") == 0);
    return;
  }
  std::size_t free = 4096;
  for (const PanelMatrix& matrix : parsed->matrices) {
    const auto at = static_cast<std::size_t>(matrix.bytes.data() - bytes.data());
    Require(at >= free && at % 64 == 0 && at + matrix.bytes.size() <= bytes.size());
    free = at + matrix.bytes.size();
  }
  (void)espy::encoders::CheckPanels(*parsed, false, "fuzzed");
  PanelFile again = *parsed;
  const auto header = espy::encoders::PanelHeader(&again);
  Require(header.ok());  // what was read within the limits can be written within them
  std::string written = *header;
  for (const PanelMatrix& matrix : again.matrices) {
    written += matrix.bytes;
    written += espy::encoders::PanelPadding(matrix.bytes.size());
  }
  const auto back = espy::encoders::ParsePanelFile(written, "fuzzed");
  Require(back.ok() && back->matrices.size() == parsed->matrices.size());
  Require(espy::encoders::CheckPanels(*back, true, "fuzzed").ok());
  for (std::size_t i = 0; i < back->matrices.size(); ++i) {
    Require(back->matrices[i].bytes == parsed->matrices[i].bytes);
    Require(back->matrices[i].name == parsed->matrices[i].name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Check(bytes);
  Check(FileOf(bytes));
  return 0;
}
