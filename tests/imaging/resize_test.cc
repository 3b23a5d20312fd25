#include "imaging/resize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "base/cpu_features.h"
#include "base/sha256.h"
#include "imaging/resize_passes.h"
#include "tests/imaging/noise.h"
#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

std::string Hash(const Image& image) {
  const Sha256Digest digest =
      Sha256({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
  return ToHex(digest.data(), digest.size());
}

std::vector<ResizePasses> AllPasses() {
  std::vector<ResizePasses> all = {{HorizontalPlain, VerticalPlain}};
#if defined(__x86_64__)
  if (CpuFeatures().avx2) all.push_back({HorizontalAvx2, VerticalAvx2});
  if (CpuFeatures().avx512) all.push_back({HorizontalAvx2, VerticalAvx512});
#endif
  return all;
}

TEST(Resize, EqualsPillowToTheLastLevelOnEveryShape) {
  std::ifstream file(DataPath("resize.txt"));
  int cases = 0;
  std::int32_t in_w, in_h, out_w, out_h;
  std::uint32_t seed;
  std::string filter_name, expected;
  while (file >> in_w >> in_h >> out_w >> out_h >> filter_name >> seed >> expected) {
    const Filter filter = filter_name == "bicubic" ? Filter::kBicubic : Filter::kBilinear;
    const Image in = Noise(seed, in_w, in_h);
    SCOPED_TRACE(std::to_string(in_w) + "x" + std::to_string(in_h) + " to " +
                 std::to_string(out_w) + "x" + std::to_string(out_h) + " " + filter_name);
    const Image out = Resize(in, out_w, out_h, filter);
    EXPECT_EQ(out.width, out_w);
    EXPECT_EQ(out.height, out_h);
    EXPECT_EQ(Hash(out), expected);
    for (const ResizePasses& passes : AllPasses()) {
      EXPECT_EQ(Hash(ResizeBy(passes, in, out_w, out_h, {0, 0, out_w, out_h}, filter)), expected);
    }
    ++cases;
  }
  EXPECT_GT(cases, 200);
}

TEST(Resize, EveryFormOfThePassesGivesTheSameBytesOnExtremePixels) {
  // Only black and white: the sums reach their largest magnitude.
  const std::uint32_t seed = 7;
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    Image in = Noise(static_cast<std::uint32_t>(round), 1 + static_cast<int>(random() % 90),
                     1 + static_cast<int>(random() % 90));
    for (std::uint8_t& p : in.pixels) p = p < 128 ? 0 : 255;
    const auto width = 1 + static_cast<std::int32_t>(random() % 120);
    const auto height = 1 + static_cast<std::int32_t>(random() % 120);
    const Filter filter = random() % 2 == 0 ? Filter::kBilinear : Filter::kBicubic;
    const auto all = AllPasses();
    const Image plain = ResizeBy(all[0], in, width, height, {0, 0, width, height}, filter);
    for (std::size_t i = 1; i < all.size(); ++i) {
      const Image other = ResizeBy(all[i], in, width, height, {0, 0, width, height}, filter);
      ASSERT_EQ(other.pixels, plain.pixels);
    }
  }
}

TEST(Resize, APartIsWhatTheWholeHasThere) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    const Image in = Noise(static_cast<std::uint32_t>(round), 1 + static_cast<int>(random() % 70),
                           1 + static_cast<int>(random() % 70));
    // Now and then a side keeps its size, which leaves a pass out.
    const auto width = random() % 4 == 0 ? in.width : 1 + static_cast<std::int32_t>(random() % 80);
    const auto height =
        random() % 4 == 0 ? in.height : 1 + static_cast<std::int32_t>(random() % 80);
    const auto x = static_cast<std::int32_t>(random() % static_cast<unsigned>(width));
    const auto y = static_cast<std::int32_t>(random() % static_cast<unsigned>(height));
    const auto w = 1 + static_cast<std::int32_t>(random() % static_cast<unsigned>(width - x));
    const auto h = 1 + static_cast<std::int32_t>(random() % static_cast<unsigned>(height - y));
    const Image whole = Resize(in, width, height, Filter::kBicubic);
    const Image part = ResizeAndCrop(in, width, height, x, y, w, h, Filter::kBicubic);
    ASSERT_EQ(part.width, w);
    ASSERT_EQ(part.height, h);
    for (std::int32_t row = 0; row < h; ++row) {
      for (std::int32_t i = 0; i < w * 3; ++i) {
        ASSERT_EQ(part.pixels[static_cast<std::size_t>(row) * w * 3 + i],
                  whole.pixels[(static_cast<std::size_t>(y + row) * width + x) * 3 + i]);
      }
    }
  }
}

TEST(Resize, OneColourStaysThatColour) {
  Image in{53, 31, std::vector<std::uint8_t>(53 * 31 * 3, 201)};
  for (const Filter filter : {Filter::kBilinear, Filter::kBicubic}) {
    for (const int side : {1, 7, 53, 200}) {
      for (const std::uint8_t p : Resize(in, side, side, filter).pixels) ASSERT_EQ(p, 201);
    }
  }
}

}  // namespace
}  // namespace espy::imaging
