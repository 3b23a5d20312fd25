// Any bytes -> Decode at full size and at a target, with embedded thumbnails and without, and
// ReadExif. What comes out must hold to its own contract.
//
// Begin from the pictures of the imaging tests:
//   decode_fuzz corpus/ tests/imaging/data -max_len=65536 -timeout=20 -rss_limit_mb=4096
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "imaging/decode.h"
#include "imaging/facts.h"
#include "imaging/preprocess.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy::imaging;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ExifFacts facts = ReadExif(bytes);
  Require(facts.orientation >= 1 && facts.orientation <= 8);
  Require(facts.camera.size() <= 128);

  DecodeOptions options;
  options.limits.max_pixels = 1 << 20;
  // The first byte is part of a signature: its last bit would say too little. The sum of all
  // chooses.
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += data[i];
  if (sum % 2 == 0) options.target_width = options.target_height = 16;
  options.embedded_thumbnails = sum % 4 < 2;
  const auto decoded = Decode(bytes, options);
  if (!decoded.ok()) {
    Require(!decoded.status().message().empty());
    return 0;
  }
  const Image& image = decoded->image;
  Require(image.width > 0 && image.height > 0);
  Require(std::int64_t{image.width} * image.height <= options.limits.max_pixels);
  Require(image.pixels.size() == static_cast<std::size_t>(image.width) * image.height * 3);
  const Image fitted = FitForModel(image, {.resize_shortest = 16, .width = 16, .height = 16});
  Require(fitted.pixels.size() == 16 * 16 * 3);
  return 0;
}
