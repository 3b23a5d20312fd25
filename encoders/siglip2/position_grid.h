// Learned positions of a square grid of patches, brought to another grid.
#ifndef ESPY_ENCODERS_SIGLIP2_POSITION_GRID_H_
#define ESPY_ENCODERS_SIGLIP2_POSITION_GRID_H_

#include <cstdint>

namespace espy::encoders {

// grid: [side, side, width]. Adds to out [rows, columns, width] the grid resized as
// torch.nn.functional.interpolate does it with mode="bilinear", align_corners=False and
// antialias=True: a triangle filter, as wide as the reduction, its weights made to sum to 1 at the
// edges. A grid of its own size is added as it is.
void AddResizedGrid(const float* grid, std::int64_t side, std::int64_t width, std::int64_t rows,
                    std::int64_t columns, float* out);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_SIGLIP2_POSITION_GRID_H_
