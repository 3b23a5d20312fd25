#include "imaging/image_limits.h"

#include <string>

namespace espy::imaging {

Status CheckDimensions(std::int64_t width, std::int64_t height, const ImageLimits& limits) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width <= 0 || height <= 0) {
    return Status::Corruption("the header gives the picture a size of " + size);
  }
  if (width > limits.max_side || height > limits.max_side) {
    return Status::ResourceExhausted("the picture has " + size + ", and a side may have " +
                                     std::to_string(limits.max_side));
  }
  // Both sides are below 2^31 here, so the product fits.
  if (width * height > limits.max_pixels) {
    return Status::ResourceExhausted("the picture has " + size + ", more than the " +
                                     std::to_string(limits.max_pixels) + " pixels allowed in all");
  }
  return Status::Ok();
}

Status CheckFileSize(std::uint64_t bytes, const ImageLimits& limits) {
  if (bytes > limits.max_bytes) {
    return Status::ResourceExhausted("the file has " + std::to_string(bytes) + " bytes, and " +
                                     std::to_string(limits.max_bytes) + " are allowed");
  }
  return Status::Ok();
}

}  // namespace espy::imaging
