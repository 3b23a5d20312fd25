// NumPy's .npy files of vectors: n x d, float32 or float16, C order, little-endian (NumPy
// Enhancement Proposal 1, formats 1 to 3).
#ifndef ESPY_ENGINE_TRANSFER_NPY_H_
#define ESPY_ENGINE_TRANSFER_NPY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::transfer {

struct NpyHeader {
  std::size_t data_offset = 0;
  std::size_t value_bytes = 0;  // 4: float32, 2: float16
  std::int64_t rows = 0;
  std::int64_t dimension = 0;
};

// Reads the header of the whole file's bytes, and checks that they are as many as it says.
// Corruption when it is no .npy file, Unsupported for another type, order or shape, with the line
// of Python that makes one to take. `name` stands in messages.
Result<NpyHeader> ParseNpyHeader(std::string_view bytes, const std::string& name);

// The first 128 bytes of a file of float16 rows, or of float32 ones, whatever their number is.
inline constexpr std::size_t kNpyHeaderBytes = 128;
std::string MakeNpyHeader(std::int64_t rows, std::int64_t dimension, bool fp32 = false);

}  // namespace espy::transfer

#endif  // ESPY_ENGINE_TRANSFER_NPY_H_
