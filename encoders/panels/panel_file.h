// A cache file: the packed weights of one tower as the kernels read them, to be mapped.
#ifndef ESPY_ENCODERS_PANELS_PANEL_FILE_H_
#define ESPY_ENCODERS_PANELS_PANEL_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "espy/status.h"

namespace espy::encoders {

// Layout, all numbers little-endian:
//   offset  size  meaning
//   0       8     "ESPYPNL\n"
//   8       4     version of this layout: 1
//   12      4     h, bytes of the header, a multiple of 4096, at most 1 MiB
//   16      8     bytes of the file
//   24      4     CRC-32C of the header's h bytes with these four as 0
//   28      32    key
//   60            model, tower, layout: strings (varint length, bytes), for people
//                 varint n, the number of matrices, at most 4096; then of each:
//                   name (string); outputs, inputs (varints); precision (1 byte)
//                   bytes (varint); CRC-32C of them; CRC-32C of a sample of them (SampleCrc)
//                 zeros up to h
//   h             the matrices one after the other, each followed by zeros up to a multiple of 64
// Where a matrix lies follows from the sizes before it; the last one's zeros end the file.
//
// The file is derived: whatever is wrong with one, the weights are packed anew and it is replaced.
inline constexpr std::uint32_t kPanelFileVersion = 1;
inline constexpr std::size_t kMaxPanelHeaderBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPanelMatrices = 4096;

struct PanelMatrix {
  std::string name;  // of its tensor or tensors
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::uint8_t precision = 0;  // kernels::Precision
  std::uint32_t crc = 0;
  std::uint32_t sample_crc = 0;
  std::string_view bytes;  // in the file's own memory
};

struct PanelFile {
  Sha256Digest key{};  // of all that the bytes depend on; equal keys mean equal bytes
  std::string model;   // its directory
  std::string tower;   // "image", "text"
  std::string layout;  // PackedMatrix::LayoutId
  std::vector<PanelMatrix> matrices;
};

// Takes a file apart; `bytes` must outlive what comes back. Every length is checked against a limit
// before memory is taken and against what is there; names are unique; matrices begin at multiples
// of 64 and share no byte. Their bytes are not looked at. `name` stands in messages: the file's
// path.
Result<PanelFile> ParsePanelFile(std::string_view bytes, const std::string& name);

// Whether the matrices' bytes are those that were written: `whole`, or, in microseconds, a sample
// of each, which finds what was never written or belongs elsewhere but not every flipped bit.
Status CheckPanels(const PanelFile& file, bool whole, const std::string& name);

// What lies before the matrices in a file of them; fills in their CRCs. The pieces of the file are
// this, then bytes and PanelPadding() of each matrix. InvalidArgument when a limit is passed.
Result<std::string> PanelHeader(PanelFile* file);
std::string_view PanelPadding(std::size_t bytes);

// Of five lines of 64 bytes spread from the first byte to the last; of all when they are few.
std::uint32_t SampleCrc(std::string_view bytes);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PANELS_PANEL_FILE_H_
