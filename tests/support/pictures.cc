#include "tests/support/pictures.h"

#include <random>

#include "base/coding.h"

namespace espy::testing {

std::string MakeBmp(std::uint32_t seed, int width, int height) {
  std::mt19937 random(seed);
  std::uint32_t blocks[6][6];
  for (auto& row : blocks) {
    for (std::uint32_t& colour : row) colour = random();
  }
  const int stride = (3 * width + 3) / 4 * 4;
  std::string bmp = "BM";
  PutFixed(&bmp, static_cast<std::uint32_t>(54 + stride * height));
  PutFixed(&bmp, std::uint32_t{0});
  PutFixed(&bmp, std::uint32_t{54});
  PutFixed(&bmp, std::uint32_t{40});
  PutFixed(&bmp, static_cast<std::int32_t>(width));
  PutFixed(&bmp, static_cast<std::int32_t>(height));
  PutFixed(&bmp, std::uint16_t{1});
  PutFixed(&bmp, std::uint16_t{24});
  bmp.append(24, '\0');
  for (int y = 0; y < height; ++y) {
    const std::size_t begin = bmp.size();
    for (int x = 0; x < width; ++x) {
      const std::uint32_t colour = blocks[y * 6 / height][x * 6 / width];
      bmp.push_back(static_cast<char>(colour));
      bmp.push_back(static_cast<char>(colour >> 8));
      bmp.push_back(static_cast<char>(colour >> 16));
    }
    bmp.resize(begin + static_cast<std::size_t>(stride), '\0');
  }
  return bmp;
}

}  // namespace espy::testing
