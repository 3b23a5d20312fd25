#include "imaging/orientation.h"

#include <algorithm>
#include <cstddef>

namespace espy::imaging {

Image TurnUpright(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const std::ptrdiff_t width = image.width;
  const std::ptrdiff_t height = image.height;
  const std::ptrdiff_t row = width * 3;

  // Where the upright picture's pixel (0, 0) lies in the stored one, and the steps to its right and
  // lower neighbours.
  const std::ptrdiff_t right_edge = (width - 1) * 3;
  const std::ptrdiff_t bottom_edge = (height - 1) * row;
  struct Walk {
    std::ptrdiff_t start, right, down;
  };
  const Walk walks[9] = {
      {},
      {},
      {right_edge, -3, row},                 // 2: mirrored left to right
      {right_edge + bottom_edge, -3, -row},  // 3: half a turn
      {bottom_edge, 3, -row},                // 4: mirrored top to bottom
      {0, row, 3},                           // 5: transposed
      {bottom_edge, -row, 3},                // 6: to be turned a quarter clockwise
      {right_edge + bottom_edge, -row, -3},  // 7: transposed along the other diagonal
      {right_edge, row, -3}};                // 8: to be turned a quarter back
  const Walk walk = walks[orientation];

  Image out;
  out.width = static_cast<std::int32_t>(SwapsSides(orientation) ? height : width);
  out.height = static_cast<std::int32_t>(SwapsSides(orientation) ? width : height);
  out.pixels.resize(image.pixels.size());
  const std::uint8_t* from = image.pixels.data();
  // In squares, so that the columns that a turn reads stay in cache from one row to the next.
  constexpr std::int32_t kSquare = 32;
  for (std::int32_t top = 0; top < out.height; top += kSquare) {
    for (std::int32_t left = 0; left < out.width; left += kSquare) {
      const std::int32_t bottom = std::min(top + kSquare, out.height);
      const std::int32_t right = std::min(left + kSquare, out.width);
      for (std::int32_t y = top; y < bottom; ++y) {
        std::uint8_t* to = &out.pixels[(static_cast<std::size_t>(y) * out.width + left) * 3];
        std::ptrdiff_t at = walk.start + y * walk.down + left * walk.right;
        for (std::int32_t x = left; x < right; ++x, at += walk.right, to += 3) {
          to[0] = from[at];
          to[1] = from[at + 1];
          to[2] = from[at + 2];
        }
      }
    }
  }
  return out;
}

}  // namespace espy::imaging
