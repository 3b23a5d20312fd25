#include "imaging/decode.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

// The largest difference of a channel, and whether all are within `tolerance`.
void ExpectPixels(const Image& image, const std::string& expected, int tolerance) {
  ASSERT_EQ(image.pixels.size(), expected.size());
  int largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(
        largest,
        std::abs(image.pixels[i] - static_cast<int>(static_cast<unsigned char>(expected[i]))));
  }
  EXPECT_LE(largest, tolerance);
}

Format FormatByName(const std::string& name) {
  const std::string extension = name.substr(name.rfind('.') + 1);
  if (extension == "jpg") return Format::kJpeg;
  if (extension == "tif") return Format::kTiff;
  if (extension == "heic") return Format::kHeif;
  for (const Format f : {Format::kPng, Format::kWebp, Format::kGif, Format::kBmp, Format::kAvif,
                         Format::kJxl, Format::kSvg}) {
    if (extension == FormatName(f)) return f;
  }
  return Format::kUnknown;
}

class EverySample : public ::testing::TestWithParam<Sample> {};

TEST_P(EverySample, DecodesToTheExpectedPixels) {
  const Sample& sample = GetParam();
  const auto decoded = Decode(ReadData(sample.name));
  ESPY_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->format, FormatByName(sample.name));
  EXPECT_EQ(decoded->image.width, sample.width);
  EXPECT_EQ(decoded->image.height, sample.height);
  EXPECT_EQ(decoded->full_width, sample.width);
  EXPECT_EQ(decoded->full_height, sample.height);
  ExpectPixels(decoded->image, ReadData(sample.name + ".rgb"), sample.tolerance);
}

INSTANTIATE_TEST_SUITE_P(Decode, EverySample, ::testing::ValuesIn(Samples()), [](const auto& test) {
  std::string name = test.param.name;
  for (char& c : name) {
    if (c == '.' || c == '-') c = '_';
  }
  return name;
});

TEST(Decode, AllSamplesAreThere) { EXPECT_GT(Samples().size(), 60u); }

TEST(Decode, AJpegComesAtTheSmallestScaleOfTwiceTheTarget) {
  const std::string bytes = ReadData("large.jpg");  // 256 x 192
  struct Case {
    int target_width, target_height, width, height;
  };
  for (const Case& c :
       {Case{8, 8, 32, 24}, Case{16, 12, 32, 24}, Case{16, 13, 64, 48}, Case{17, 12, 64, 48},
        Case{33, 24, 96, 72}, Case{48, 48, 128, 96}, Case{70, 10, 160, 120}, Case{10, 60, 160, 120},
        Case{90, 10, 192, 144}, Case{100, 80, 224, 168}, Case{128, 96, 256, 192},
        Case{1000, 1000, 256, 192}}) {
    SCOPED_TRACE(std::to_string(c.target_width) + "x" + std::to_string(c.target_height));
    const auto decoded =
        Decode(bytes, {.target_width = c.target_width, .target_height = c.target_height});
    ESPY_ASSERT_OK(decoded);
    EXPECT_EQ(decoded->image.width, c.width);
    EXPECT_EQ(decoded->image.height, c.height);
    EXPECT_EQ(decoded->full_width, 256);
    EXPECT_EQ(decoded->full_height, 192);
  }
}

TEST(Decode, AScaledJpegHasThePixelsOfPillowsDraft) {
  const auto decoded = Decode(ReadData("large.jpg"), {.target_width = 32, .target_height = 24});
  ESPY_ASSERT_OK(decoded);
  ExpectPixels(decoded->image, ReadData("large.jpg.quarter.rgb"), 0);
}

TEST(Decode, TheTargetIsOfTheUprightPicture) {
  // Stored 32 x 24, upright 24 x 32: half of it is 12 x 16, of which 6 x 8 is the half.
  const auto narrow = Decode(ReadData("orientation6.jpg"), {.target_width = 6, .target_height = 8});
  ESPY_ASSERT_OK(narrow);
  EXPECT_EQ(narrow->image.width, 12);
  EXPECT_EQ(narrow->image.height, 16);
  EXPECT_EQ(narrow->full_width, 24);
  EXPECT_EQ(narrow->full_height, 32);
  const auto wide = Decode(ReadData("orientation6.jpg"), {.target_width = 8, .target_height = 6});
  ESPY_ASSERT_OK(wide);
  EXPECT_EQ(wide->image.width, 18);  // 6/8
}

TEST(Decode, AnSvgIsRenderedAtTwiceTheTarget) {
  const auto decoded = Decode(ReadData("half.svg"), {.target_width = 100, .target_height = 90});
  ESPY_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->full_width, 32);
  EXPECT_EQ(decoded->full_height, 24);
  EXPECT_EQ(decoded->image.width, 240);  // 180 / 24 = 7.5 times
  EXPECT_EQ(decoded->image.height, 180);
  // Sharp at the new size: red up to the middle column, white after it.
  for (int x : {0, 60, 118, 121, 239}) {
    const std::uint8_t* p = &decoded->image.pixels[static_cast<std::size_t>(100 * 240 + x) * 3];
    EXPECT_EQ(p[0], 255);
    EXPECT_EQ(p[1], x < 120 ? 0 : 255) << x;
  }
}

TEST(Decode, ThreadsGetTheSamePixels) {
  const std::vector<Sample> samples = Samples();
  std::vector<std::string> bytes, expected;
  for (const Sample& s : samples) {
    bytes.push_back(ReadData(s.name));
    expected.push_back(ReadData(s.name + ".rgb"));
  }
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t n = 0; n < samples.size(); ++n) {
        const std::size_t i = (n + static_cast<std::size_t>(t) * 17) % samples.size();
        const auto decoded = Decode(bytes[i]);
        if (!decoded.ok() || decoded->image.pixels.size() != expected[i].size()) {
          ++wrong[t];
          continue;
        }
        for (std::size_t p = 0; p < expected[i].size(); ++p) {
          const int difference = decoded->image.pixels[p] -
                                 static_cast<int>(static_cast<unsigned char>(expected[i][p]));
          if (std::abs(difference) > samples[i].tolerance) {
            ++wrong[t];
            break;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(HasPictureExtension, KnowsPicturesInAnyCaseAndNothingElse) {
  for (const char* path : {"a.jpg", "/x/y.JPEG", "b.PNG", "c.webp", "d.gif", "e.tif", "f.TIFF",
                           "g.bmp", "h.heic", "i.avif", "j.jxl", "k.svg", "two.dots.jpg"}) {
    EXPECT_TRUE(HasPictureExtension(path)) << path;
  }
  for (const char* path :
       {"a.txt", "jpg", ".jpg", "a.jpg.bak", "a.", "", "dir.jpg/file", "a.mp4"}) {
    EXPECT_FALSE(HasPictureExtension(path)) << path;
  }
}

}  // namespace
}  // namespace espy::imaging
