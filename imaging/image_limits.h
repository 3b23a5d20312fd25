// The checks that every decoder makes on a picture's header before it takes memory for pixels.
#ifndef ESPY_IMAGING_IMAGE_LIMITS_H_
#define ESPY_IMAGING_IMAGE_LIMITS_H_

#include <cstdint>

#include "espy/status.h"
#include "imaging/image.h"

namespace espy::imaging {

// Corruption for a side of zero or less, ResourceExhausted for one past the limits.
Status CheckDimensions(std::int64_t width, std::int64_t height, const ImageLimits& limits);
Status CheckFileSize(std::uint64_t bytes, const ImageLimits& limits);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_IMAGE_LIMITS_H_
