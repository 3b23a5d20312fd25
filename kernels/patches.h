// Pictures cut into the rows that a patch embedding multiplies.
#ifndef ESPY_KERNELS_PATCHES_H_
#define ESPY_KERNELS_PATCHES_H_

#include <cstdint>

#include "base/thread_pool.h"

namespace espy::kernels {

// pixels: [batch, channels, size, size]. out: [batch * (size / patch)^2, channels * patch * patch],
// patches in reading order, each flattened as (channel, row, column), which is how a convolution's
// weight is stored. Pixels beyond the last whole patch are left out, as a convolution of stride
// `patch` leaves them.
void ExtractPatches(const float* pixels, std::int64_t batch, std::int64_t channels,
                    std::int64_t size, std::int64_t patch, float* out, ThreadPool* pool);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PATCHES_H_
