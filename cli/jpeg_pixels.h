// A thumbnail's pixels. Only JPEGs that Espy itself made come here; a damaged one is an error,
// never a fault.
#ifndef ESPY_CLI_JPEG_PIXELS_H_
#define ESPY_CLI_JPEG_PIXELS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::cli {

struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // height x width x 3
};

// Corruption when the bytes are no JPEG; ResourceExhausted above 1024 x 1024.
Result<Pixels> DecodeThumbnail(std::string_view jpeg);

}  // namespace espy::cli

#endif  // ESPY_CLI_JPEG_PIXELS_H_
