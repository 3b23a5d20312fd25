// Camera raw files, and the thumbnails in cameras' JPEGs. The samples are synthetic: see
// make_camera_files.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "imaging/decode.h"
#include "imaging/facts.h"
#include "imaging/orientation.h"
#include "imaging/raw_container.h"
#include "imaging/resize.h"
#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

struct Raw {
  std::string name;
  int width = 0;
  int height = 0;
};

std::vector<Raw> Raws() {
  std::vector<Raw> raws;
  std::ifstream file(DataPath("raws.txt"));
  for (Raw r; file >> r.name >> r.width >> r.height;) raws.push_back(r);
  return raws;
}

Image Expected(const Raw& raw) {
  const std::string bytes = ReadData(raw.name + ".rgb");
  return {raw.width, raw.height, {bytes.begin(), bytes.end()}};
}

// Pearson's correlation of one channel of two pictures of one size.
double Correlation(const Image& a, const Image& b, std::size_t channel) {
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0, n = 0;
  for (std::size_t i = channel; i < a.pixels.size(); i += 3, ++n) {
    sum_a += a.pixels[i];
    sum_b += b.pixels[i];
    aa += double{1} * a.pixels[i] * a.pixels[i];
    bb += double{1} * b.pixels[i] * b.pixels[i];
    ab += double{1} * a.pixels[i] * b.pixels[i];
  }
  return (n * ab - sum_a * sum_b) / std::sqrt((n * aa - sum_a * sum_a) * (n * bb - sum_b * sum_b));
}

class EveryRaw : public ::testing::TestWithParam<Raw> {};

TEST_P(EveryRaw, IsItsPreviewUpright) {
  const Raw& raw = GetParam();
  const auto decoded = Decode(ReadData(raw.name));
  ESPY_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->format, Format::kRaw);
  EXPECT_EQ(decoded->source, PixelSource::kPreview);
  EXPECT_EQ(decoded->full_width, raw.width);
  EXPECT_EQ(decoded->full_height, raw.height);
  EXPECT_EQ(decoded->image.width, raw.width);
  EXPECT_EQ(decoded->image.pixels, Expected(raw).pixels);
}

TEST_P(EveryRaw, TellsTimeCameraAndPlace) {
  const ExifFacts facts = ReadExif(ReadData(GetParam().name));
  EXPECT_EQ(facts.taken_unix, 1563114605);  // 2019-07-14 14:30:05 UTC
  EXPECT_FALSE(facts.camera.empty());
  ASSERT_TRUE(facts.place.has_value());
  EXPECT_NEAR(facts.place->latitude, 48.858194, 1e-6);
  EXPECT_NEAR(facts.place->longitude, -2.294514, 1e-6);
}

TEST_P(EveryRaw, IsRefusedWhenCutShortBeforeItsPreviewEnds) {
  const std::string whole = ReadData(GetParam().name);
  for (std::size_t eighths = 1; eighths < 8; ++eighths) {
    SCOPED_TRACE(eighths);
    const auto decoded = Decode(std::string_view(whole).substr(0, whole.size() * eighths / 8));
    if (decoded.ok()) {  // what was cut is not needed for the preview
      EXPECT_EQ(decoded->image.pixels, Expected(GetParam()).pixels);
      continue;
    }
    EXPECT_TRUE(decoded.status().code() == StatusCode::kCorruption ||
                decoded.status().code() == StatusCode::kUnsupported ||
                decoded.status().code() == StatusCode::kInvalidArgument)
        << decoded.status().message();
  }
}

TEST_P(EveryRaw, KeepsTheLimitsOfWhatIsDecoded) {
  const Raw& raw = GetParam();
  DecodeOptions options;
  options.limits.max_pixels = std::int64_t{raw.width} * raw.height - 1;
  const auto decoded = Decode(ReadData(raw.name), options);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().code(), StatusCode::kResourceExhausted) << decoded.status().message();
  options.limits.max_pixels = std::int64_t{raw.width} * raw.height;
  EXPECT_TRUE(Decode(ReadData(raw.name), options).ok());
}

INSTANTIATE_TEST_SUITE_P(Raw, EveryRaw, ::testing::ValuesIn(Raws()), [](const auto& test) {
  std::string name = test.param.name;
  for (char& c : name) {
    if (c == '.' || c == '-') c = '_';
  }
  return name;
});

TEST(Raw, AllKindsAreThere) { EXPECT_GE(Raws().size(), 15u); }

TEST(Raw, AnOrdinaryTiffIsNone) {
  for (const char* name : {"exif.tif", "gray.tif", "lzw.tif", "tiled.tif", "cmyk.tif"}) {
    EXPECT_FALSE(IsRaw(ReadData(name))) << name;
    EXPECT_EQ(SniffFormat(ReadData(name)), Format::kTiff) << name;
  }
}

TEST(Raw, CamerasAreNamedAsInJpegs) {
  EXPECT_EQ(ReadExif(ReadData("preview.nef")).camera, "NIKON Z 99");
  EXPECT_EQ(ReadExif(ReadData("preview.cr3")).camera, "Canon EOS R99");
  EXPECT_EQ(ReadExif(ReadData("preview.raf")).camera, "FUJIFILM X-T99");
  EXPECT_EQ(ReadExif(ReadData("preview.rw2")).camera, "Panasonic DC-G99X");
  EXPECT_EQ(ReadExif(ReadData("turned6.dng")).orientation, 6);
}

TEST(Raw, APreviewSmallerThanNeededIsRefusedWithBothSizes) {
  const std::string bytes = ReadData("turned6.dng");  // 48 x 32 upright
  DecodeOptions options;
  options.least_width = 48;
  options.least_height = 32;
  EXPECT_TRUE(Decode(bytes, options).ok());
  options.least_height = 33;
  const auto refused = Decode(bytes, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kUnsupported);
  EXPECT_NE(refused.status().message().find("48 x 32 pixels"), std::string::npos);
  EXPECT_NE(refused.status().message().find("48 x 33 pixels"), std::string::npos);
}

TEST(Raw, APreviewOfPlainSamplesServesToo) {
  const auto decoded = Decode(ReadData("no-jpeg.dng"));
  ESPY_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->full_width, 48);
  EXPECT_EQ(decoded->image.width, 12);
  EXPECT_EQ(decoded->image.pixels, Expected({"no-jpeg.dng", 12, 8}).pixels);
}

TEST(Raw, ALargePreviewIsScaledAsJpegsAre) {
  const auto decoded = Decode(ReadData("preview.dng"), {.target_width = 6, .target_height = 4});
  ESPY_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->image.width, 12);
  EXPECT_EQ(decoded->full_width, 48);
}

// Sets the value of the first entry of a tag in a little-endian directory with entries of one
// value.
std::string WithEntry(std::string bytes, std::uint16_t tag, std::uint32_t before,
                      std::uint32_t value) {
  const auto entry = [&](std::uint32_t v) {
    std::string out;
    for (const auto& [number, size] :
         {std::pair<std::uint32_t, int>{tag, 2}, {4, 2}, {1, 4}, {v, 4}}) {
      for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
    }
    return out;
  };
  const std::size_t at = bytes.find(entry(before));
  EXPECT_NE(at, std::string::npos);
  return at == std::string::npos ? bytes : bytes.replace(at, 12, entry(value));
}

TEST(Raw, SizesThatLieAreRefusedBeforeMemoryIsTaken) {
  // A preview of plain samples, 65,000 pixels a side: 12 GB.
  const std::string bytes = ReadData("no-jpeg.dng");
  const auto refused = Decode(WithEntry(WithEntry(bytes, 0x100, 12, 65'000), 0x101, 8, 65'000));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted) << refused.status().message();
}

TEST(Raw, WhatLibRawDoesNotKnowIsUnsupported) {
  for (const std::string& bytes :
       {"FOVb" + std::string(600, '\0'), std::string("IIRO") + std::string(600, '\0')}) {
    const auto decoded = Decode(bytes);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.status().code(), StatusCode::kUnsupported) << decoded.status().message();
    EXPECT_NE(decoded.status().message().find("LibRaw"), std::string::npos);
  }
}

TEST(Raw, ACountOfEntriesThatLiesEndsAsDamage) {
  // A Phase One file with an empty table: LibRaw 0.20 takes the count of a second one from behind
  // the end, and believes that it has four thousand million entries.
  const std::string bytes =
      std::string("II*\0\0\0\0\0IIII\0waR\x0c\0\0\0", 20) + std::string(600, '\0');
  const auto decoded = Decode(bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_TRUE(decoded.status().code() == StatusCode::kCorruption ||
              decoded.status().code() == StatusCode::kUnsupported)
      << decoded.status().message();
}

TEST(Raw, DamageAnywhereIsAnAnswer) {
  std::mt19937 random(4);
  for (const Raw& raw : Raws()) {
    const std::string whole = ReadData(raw.name);
    for (int round = 0; round < 60; ++round) {
      std::string bytes = whole;
      // Most of what steers the reading lies near the ends.
      for (int i = 0; i < 4; ++i) {
        const std::size_t within = std::min<std::size_t>(bytes.size(), 700);
        const std::size_t at = random() % within;
        bytes[random() % 2 == 0 ? at : bytes.size() - 1 - at] = static_cast<char>(random());
      }
      const auto decoded = Decode(bytes, {.target_width = 20, .target_height = 20});
      if (!decoded.ok()) {
        EXPECT_FALSE(decoded.status().message().empty());
        continue;
      }
      EXPECT_EQ(
          decoded->image.pixels.size(),
          std::size_t{3} * static_cast<std::size_t>(decoded->image.width * decoded->image.height));
    }
  }
}

DecodeOptions ByThumbnail(int width, int height) {
  DecodeOptions options;
  options.target_width = options.least_width = width;
  options.target_height = options.least_height = height;
  options.embedded_thumbnails = true;
  return options;
}

TEST(EmbeddedThumbnail, StandsForThePictureOnlyWhenAskedForAndLargeEnough) {
  const std::string bytes = ReadData("thumbnail.jpg");  // 384 x 256, with one of 150 x 100
  const auto taken = Decode(bytes, ByThumbnail(150, 100));
  ESPY_ASSERT_OK(taken);
  EXPECT_EQ(taken->source, PixelSource::kThumbnail);
  EXPECT_EQ(taken->image.width, 150);
  EXPECT_EQ(taken->image.height, 100);
  EXPECT_EQ(taken->full_width, 384);
  EXPECT_EQ(taken->full_height, 256);
  for (const DecodeOptions& options : {DecodeOptions{.target_width = 96, .target_height = 64},
                                       ByThumbnail(151, 100), ByThumbnail(150, 101)}) {
    const auto whole = Decode(bytes, options);
    ESPY_ASSERT_OK(whole);
    EXPECT_EQ(whole->source, PixelSource::kPicture);
    EXPECT_GE(whole->image.width, 192);
  }
}

TEST(EmbeddedThumbnail, IsTurnedAsThePictureIs) {
  const auto turned = Decode(ReadData("thumbnail6.jpg"), ByThumbnail(150, 100));
  ESPY_ASSERT_OK(turned);
  EXPECT_EQ(turned->source, PixelSource::kThumbnail);
  ASSERT_EQ(turned->image.width, 150);
  ASSERT_EQ(turned->image.height, 100);
  const auto straight = Decode(ReadData("thumbnail.jpg"), ByThumbnail(150, 100));
  ESPY_ASSERT_OK(straight);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    EXPECT_GT(Correlation(turned->image, straight->image, channel), 0.99);
  }
}

TEST(EmbeddedThumbnail, OfAnotherShapeOrDamagedIsLeftAlone) {
  const auto padded = Decode(ReadData("thumbnail-padded.jpg"), ByThumbnail(16, 16));
  ESPY_ASSERT_OK(padded);
  EXPECT_EQ(padded->source, PixelSource::kPicture)
      << "black bars would be seen as part of the picture";
  std::string bytes = ReadData("thumbnail.jpg");
  const std::size_t inner = bytes.find("\xff\xda", bytes.find("\xff\xd8\xff", 3));
  ASSERT_NE(inner, std::string::npos);
  bytes.replace(inner + 40, 2, "\xff\xd9");  // its pixels end here
  const auto damaged = Decode(bytes, ByThumbnail(16, 16));
  ESPY_ASSERT_OK(damaged);
  EXPECT_EQ(damaged->source, PixelSource::kPicture);
  EXPECT_EQ(Decode(ReadData("large.jpg"), ByThumbnail(16, 16))->source, PixelSource::kPicture);
}

}  // namespace
}  // namespace espy::imaging
