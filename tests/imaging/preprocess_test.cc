#include "imaging/preprocess.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "tests/imaging/noise.h"
#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

// The means and deviations of OpenAI's CLIP, which its processor takes by default; SigLIP's are all
// one half.
constexpr std::array<float, 3> kClipMean = {0.48145466f, 0.4578275f, 0.40821073f};
constexpr std::array<float, 3> kClipStd = {0.26862954f, 0.26130258f, 0.27577711f};

TEST(Preprocess, EqualsTransformersAndOpenClipOnPillow) {
  std::ifstream file(DataPath("preprocess.txt"));
  std::string name, fit, filter;
  PreprocessSpec spec;
  std::int32_t in_w, in_h;
  std::uint32_t seed;
  int cases = 0;
  while (file >> name >> fit >> spec.resize_shortest >> spec.width >> spec.height >> filter >>
         in_w >> in_h >> seed) {
    SCOPED_TRACE(name);
    spec.fit =
        fit == "squash" ? PreprocessSpec::Fit::kSquash : PreprocessSpec::Fit::kShortestEdgeCrop;
    spec.crop_start =
        fit == "nearest" ? PreprocessSpec::CropStart::kNearest : PreprocessSpec::CropStart::kBefore;
    spec.filter = filter == "bicubic" ? Filter::kBicubic : Filter::kBilinear;
    const bool clip = name.starts_with("clip");
    spec.mean = clip ? kClipMean : std::array<float, 3>{0.5f, 0.5f, 0.5f};
    spec.std = clip ? kClipStd : std::array<float, 3>{0.5f, 0.5f, 0.5f};
    const std::string bytes = ReadData(name + ".f32");
    std::vector<float> expected(bytes.size() / sizeof(float));
    std::memcpy(expected.data(), bytes.data(), bytes.size());
    ASSERT_EQ(expected.size(), static_cast<std::size_t>(spec.width) * spec.height * 3);
    std::vector<float> out(expected.size());
    Preprocess(Noise(seed, in_w, in_h), spec, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      // The pixel levels are equal, so only the order of float rounding can differ: a few units in
      // the last place of values up to 2.7, and of the subtraction's operands near 0.
      ASSERT_NEAR(out[i], expected[i], 1e-6 * std::max(1.0f, std::fabs(expected[i]))) << i;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 9);
}

PreprocessSpec NaflexSpec(std::int32_t patch, std::int32_t most) {
  return {.fit = PreprocessSpec::Fit::kPatches,
          .patch_size = patch,
          .max_patches = most,
          .filter = Filter::kBilinear};
}

TEST(Preprocess, NaflexEqualsTransformersOnPillow) {
  std::ifstream file(DataPath("naflex.txt"));
  std::string name;
  std::int32_t patch, most, in_w, in_h;
  std::uint32_t seed;
  int cases = 0;
  while (file >> name >> patch >> most >> in_w >> in_h >> seed) {
    SCOPED_TRACE(name);
    const PictureTensor out =
        Preprocess(Noise(seed, in_w, in_h), NaflexSpec(patch, most), {in_w, in_h});
    const std::string bytes = ReadData(name + ".f32");
    ASSERT_EQ(out.values.size(), bytes.size() / sizeof(float));
    const std::int32_t columns = out.size.width / patch;
    for (std::size_t i = 0; i < out.values.size(); ++i) {
      float expected;
      std::memcpy(&expected, bytes.data() + i * sizeof(float), sizeof expected);
      const auto n = static_cast<std::int32_t>(i);
      const std::int32_t c = n % 3, x = n / 3 % patch, y = n / 3 / patch % patch;
      const std::int32_t at = n / 3 / patch / patch;  // the patch, in reading order
      const std::int32_t row = at / columns * patch + y, column = at % columns * patch + x;
      const float got = out.values[static_cast<std::size_t>(
          (c * out.size.height + row) * out.size.width + column)];
      ASSERT_NEAR(got, expected, 1e-6) << i;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 5);
}

TEST(FittedSize, NaflexIsTheSizeThatTransformersChooses) {
  std::ifstream file(DataPath("naflex_sizes.txt"));
  std::int32_t patch, most, in_w, in_h, width, height;
  int cases = 0;
  while (file >> patch >> most >> in_w >> in_h >> width >> height) {
    const Size size = FittedSize(NaflexSpec(patch, most), {in_w, in_h});
    ASSERT_EQ(size, (Size{width, height})) << in_w << " x " << in_h << ", " << most << " patches";
    ++cases;
  }
  EXPECT_EQ(cases, 624);
}

TEST(FittedSize, IsThatOfTheWholePictureWhenItWasDecodedSmaller) {
  // 4001 x 30 at an eighth is 501 x 4, which alone would become another shape.
  const Image eighth{501, 4, std::vector<std::uint8_t>(501 * 4 * 3, 90)};
  const PreprocessSpec spec = NaflexSpec(16, 256);
  const PictureTensor out = Preprocess(eighth, spec, {4001, 30});
  EXPECT_EQ(out.size, FittedSize(spec, {4001, 30}));
}

TEST(FitForModel, PutsBlackAroundAPictureSmallerThanTheCrop) {
  const Image white{10, 10, std::vector<std::uint8_t>(300, 255)};
  const PreprocessSpec spec{.resize_shortest = 4, .width = 7, .height = 6};
  const Image out = FitForModel(white, spec);
  ASSERT_EQ(out.width, 7);
  ASSERT_EQ(out.height, 6);
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 7; ++x) {
      const bool inside = x >= 2 && x < 6 && y >= 1 && y < 5;
      EXPECT_EQ(out.pixels[static_cast<std::size_t>(y * 7 + x) * 3], inside ? 255 : 0)
          << x << "," << y;
    }
  }
}

TEST(FitForModel, ASliverOfAPictureCostsNoMoreThanItsCrop) {
  // Resized whole, it would have 224 x 14,672,000 pixels.
  const Image sliver{1, 65'500, std::vector<std::uint8_t>(65'500 * 3, 90)};
  const Image out = FitForModel(sliver, {});
  ASSERT_EQ(out.width, 224);
  ASSERT_EQ(out.height, 224);
  for (const std::uint8_t p : out.pixels) ASSERT_EQ(p, 90);
}

}  // namespace
}  // namespace espy::imaging
