// Files made to harm: what is refused, with which code and which words, and that nothing crashes.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

// After <cstdio>, which it needs.
#include <jpeglib.h>

#include "imaging/decode.h"
#include "imaging/facts.h"
#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

std::string Big(std::uint64_t value, int size) {
  std::string out;
  for (int i = size - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string Little(std::uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

void ExpectRefused(const std::string& bytes, StatusCode code, const std::string& words,
                   const DecodeOptions& options = {}) {
  const auto decoded = Decode(bytes, options);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(StatusCodeName(decoded.status().code()), StatusCodeName(code))
      << decoded.status().message();
  EXPECT_NE(decoded.status().message().find(words), std::string::npos)
      << decoded.status().message();
}

TEST(Hostile, WhatIsNoPictureIsSaidToBeNone) {
  ExpectRefused("", StatusCode::kInvalidArgument, "the file is empty");
  ExpectRefused("hello, world", StatusCode::kInvalidArgument, "not a picture of a known format");
  ExpectRefused(std::string(100, '\0'), StatusCode::kInvalidArgument, "not a picture");
  ExpectRefused("BMW is a maker of cars, not a bitmap", StatusCode::kInvalidArgument,
                "not a picture");
  ExpectRefused("%PDF-1.7\n", StatusCode::kInvalidArgument, "not a picture");
  ExpectRefused("<html><body>svg</body></html>", StatusCode::kInvalidArgument, "not a picture");
  ExpectRefused(std::string("\0\0\0\x18"
                            "ftypmp42\0\0\0\0mp42isom",
                            24),
                StatusCode::kInvalidArgument, "not a picture");
}

TEST(Hostile, ASignatureAloneIsDamage) {
  for (const std::string& bytes :
       {std::string("\xff\xd8\xff"), std::string("\x89PNG\r\n\x1a\n"), std::string("GIF89a"),
        std::string("RIFF\x10\0\0\0WEBP", 12), std::string("II*\0", 4), std::string("\xff\x0a"),
        std::string("\0\0\0\x18"
                    "ftypheic\0\0\0\0heicmif1",
                    24)}) {
    SCOPED_TRACE(FormatName(SniffFormat(bytes)));
    ExpectRefused(bytes, StatusCode::kCorruption, "");
  }
}

TEST(Hostile, EverySampleCutShortIsRefusedAsDamaged) {
  for (const Sample& sample : Samples()) {
    const std::string whole = ReadData(sample.name);
    for (int eighths = 1; eighths < 8; ++eighths) {
      SCOPED_TRACE(sample.name + " cut to " + std::to_string(eighths) + "/8");
      const auto decoded = Decode(std::string_view(whole).substr(0, whole.size() * eighths / 8));
      if (decoded.ok()) {
        // Only what follows the pixels was cut away.
        const std::string expected = ReadData(sample.name + ".rgb");
        EXPECT_EQ(decoded->image.pixels.size(), expected.size());
        EXPECT_TRUE(sample.name == "exif.avif" || sample.name.ends_with(".tif") ||
                    sample.name.starts_with("animated") || sample.name.ends_with(".jxl"));
        continue;
      }
      EXPECT_TRUE(decoded.status().code() == StatusCode::kCorruption ||
                  decoded.status().code() == StatusCode::kInvalidArgument)
          << decoded.status().message();
      EXPECT_FALSE(decoded.status().message().empty());
    }
  }
}

TEST(Hostile, AJpegWithoutItsLastMarkerIsWhole) {
  std::string bytes = ReadData("rgb420.jpg");
  bytes.resize(bytes.size() - 2);
  const auto decoded = Decode(bytes);
  ESPY_ASSERT_OK(decoded);
  const std::string expected = ReadData("rgb420.jpg.rgb");
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), decoded->image.pixels.begin(),
                         [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }));
}

TEST(Hostile, LimitsHoldForEveryFormat) {
  for (const Sample& sample : Samples()) {
    SCOPED_TRACE(sample.name);
    const std::string bytes = ReadData(sample.name);
    DecodeOptions options;
    options.limits.max_pixels = sample.width * sample.height - 1;
    ExpectRefused(bytes, StatusCode::kResourceExhausted, "more than the ", options);
    options.limits = {};
    options.limits.max_side = std::max(sample.width, sample.height) - 1;
    ExpectRefused(bytes, StatusCode::kResourceExhausted, "a side may have ", options);
    options.limits = {};
    options.limits.max_bytes = bytes.size() - 1;
    ExpectRefused(bytes, StatusCode::kResourceExhausted, "bytes", options);
    options.limits.max_bytes = bytes.size();
    options.limits.max_pixels = sample.width * sample.height;
    options.limits.max_side = std::max(sample.width, sample.height);
    EXPECT_TRUE(Decode(bytes, options).ok());
  }
}

std::string PngHeader(std::uint32_t width, std::uint32_t height) {
  return std::string("\x89PNG\r\n\x1a\n") + Big(13, 4) + "IHDR" + Big(width, 4) + Big(height, 4) +
         std::string("\x01\0\0\0\0", 5) + Big(0, 4);
}

TEST(Hostile, BombsAreRefusedByTheirHeaders) {
  ExpectRefused(PngHeader(30'000, 30'000) + std::string(10'000, '\0'),
                StatusCode::kResourceExhausted, "30000 x 30000 pixels");
  ExpectRefused(PngHeader(0x7fffffff, 1), StatusCode::kResourceExhausted, "a side may have 65500");
  ExpectRefused(PngHeader(0, 10), StatusCode::kCorruption, "0 x 10 pixels");
  ExpectRefused("GIF89a" + Little(65'000, 2) + Little(65'000, 2) + std::string(20, '\0'),
                StatusCode::kResourceExhausted, "65000 x 65000 pixels");
  ExpectRefused("RIFF" + Little(100, 4) + "WEBPVP8X" + Little(10, 4) + Little(0, 4) +
                    Little(16'000'000, 3) + Little(16'000'000, 3),
                StatusCode::kResourceExhausted, "16000001 x 16000001 pixels");
  for (const char* size : {"width=\"1e9\" height=\"1e9\"", "viewBox=\"0 0 70000 70000\"",
                           "width=\"100000mm\" height=\"10\""}) {
    const std::string svg =
        std::string("<svg xmlns=\"http://www.w3.org/2000/svg\" ") + size + "><rect/></svg>";
    SCOPED_TRACE(svg);
    ExpectRefused(svg, StatusCode::kResourceExhausted, "pixels");
    ExpectRefused(svg, StatusCode::kResourceExhausted, "pixels",
                  {.target_width = 224, .target_height = 224});
  }
}

TEST(Hostile, ATiffWithCrazyTilesIsRefused) {
  const auto tiff = [](std::vector<std::pair<int, std::uint32_t>> tags) {
    std::string bytes = std::string("II*\0", 4) + Little(8, 4) + Little(tags.size(), 2);
    for (const auto& [tag, value] : tags) {
      bytes += Little(static_cast<std::uint64_t>(tag), 2) + Little(4, 2) + Little(1, 4) +
               Little(value, 4);
    }
    return bytes + Little(0, 4) + std::string(1000, '\0');
  };
  ExpectRefused(tiff({{256, 100}, {257, 100}, {322, 1'000'000'000}, {323, 1'000'000'000}}),
                StatusCode::kResourceExhausted, "1000000000 x 1000000000 pixels");
  ExpectRefused(tiff({{256, 60'000}, {257, 60'000}}), StatusCode::kResourceExhausted,
                "60000 x 60000");
  ExpectRefused(tiff({{256, 10}, {257, 10}, {277, 60'000}}), StatusCode::kUnsupported,
                "samples a pixel");
  ExpectRefused(tiff({{256, 10}}), StatusCode::kCorruption, "tiff");
  ExpectRefused(std::string("II+\0\x08\0\0\0", 8) + std::string(64, '\0'), StatusCode::kUnsupported,
                "BigTIFF");
}

TEST(Hostile, ATallSvgIsNotRenderedBeyondReason) {
  const std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"10000\"><rect width=\"1\" "
      "height=\"9\"/></svg>";
  const auto decoded = Decode(svg, {.target_width = 224, .target_height = 224});
  ESPY_ASSERT_OK(decoded);
  EXPECT_LE(std::int64_t{decoded->image.width} * decoded->image.height, 17'000'000);
}

TEST(Hostile, AnSvgReadsNoOtherFile) {
  testing::TempDir dir;
  const std::string picture = dir.Write("secret.png", ReadData("rgb.png"));
  const std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
      "width=\"32\" height=\"24\"><image width=\"32\" height=\"24\" xlink:href=\"file://" +
      picture + "\"/></svg>";
  const auto decoded = Decode(svg);
  ESPY_ASSERT_OK(decoded);
  for (const std::uint8_t p : decoded->image.pixels) ASSERT_EQ(p, 255);
}

// A progressive JPEG of one coefficient band a scan, as many as the format allows.
std::string ManyScans(int scans) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = jpeg.image_height = 64;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  std::vector<jpeg_scan_info> script;
  script.push_back({3, {0, 1, 2, 0}, 0, 0, 0, 0});
  for (int i = 1; i < scans; ++i) {
    const int component = (i - 1) / 63;
    const int band = (i - 1) % 63 + 1;
    script.push_back({1, {component, 0, 0, 0}, band, band, 0, 0});
  }
  jpeg.scan_info = script.data();
  jpeg.num_scans = static_cast<int>(script.size());
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<unsigned char> row(64 * 3);
  for (int y = 0; y < 64; ++y) {
    for (int i = 0; i < 64 * 3; ++i) row[i] = static_cast<unsigned char>(i * 7 + y * 13);
    JSAMPROW rows[1] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(data), size);
  jpeg_destroy_compress(&jpeg);
  std::free(data);
  return bytes;
}

TEST(Hostile, AProgressiveJpegMayHave64Scans) {
  EXPECT_TRUE(Decode(ManyScans(64)).ok());
  ExpectRefused(ManyScans(65), StatusCode::kResourceExhausted, "more than 64 scans");
  ExpectRefused(ManyScans(180), StatusCode::kResourceExhausted, "more than 64 scans");
}

TEST(Hostile, A12BitOrLosslessJpegIsUnsupported) {
  std::string bytes = ReadData("rgb420.jpg");
  const std::size_t frame = bytes.find(std::string("\xff\xc0\x00\x11", 4));
  ASSERT_NE(frame, std::string::npos);
  std::string twelve = bytes;
  twelve[frame + 4] = 12;
  ExpectRefused(twelve, StatusCode::kUnsupported, "JPEG");
  std::string lossless = bytes;
  lossless[frame + 1] = '\xc3';
  ExpectRefused(lossless, StatusCode::kUnsupported, "JPEG");
}

TEST(Hostile, ABitmapThatPromisesMoreThanItHasTakesNoMemory) {
  std::string bytes = ReadData("rgb.bmp");
  bytes.replace(18, 8, Little(10'000, 4) + Little(9'000, 4));
  ExpectRefused(bytes, StatusCode::kCorruption, "fewer pixels than its header says");
  std::string widest = ReadData("rgb.bmp");
  widest.replace(18, 8, Little(0x80000000u, 4) + Little(0x80000000u, 4));
  ExpectRefused(widest, StatusCode::kCorruption, "pixels");
  std::string packed = ReadData("rle8.bmp");
  packed[30] = 5;  // a PNG inside
  ExpectRefused(packed, StatusCode::kUnsupported, "BMP compression 5");
}

// Any bytes may come: whatever they are, the answer is a picture or a reason, and the memory of a
// few pictures.
TEST(Hostile, RandomDamageNeverCrashesAndStaysBounded) {
  const unsigned seed = 20240607;
  std::mt19937 random(seed);
  DecodeOptions options;
  options.limits.max_pixels = 1'000'000;
  int refused = 0;
  int taken = 0;
  for (const Sample& sample : Samples()) {
    const std::string whole = ReadData(sample.name);
    for (int round = 0; round < 40; ++round) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " " + sample.name + " round " +
                   std::to_string(round));
      std::string broken = whole;
      const int changes = 1 + static_cast<int>(random() % 8);
      for (int i = 0; i < changes; ++i) {
        // Headers are where numbers are: half of the damage goes to the first 200 bytes.
        const std::size_t range =
            random() % 2 == 0 ? std::min<std::size_t>(200, broken.size()) : broken.size();
        const std::size_t at = random() % range;
        switch (random() % 4) {
          case 0:
            broken[at] = static_cast<char>(random());
            break;
          case 1:
            broken[at] = random() % 2 == 0 ? '\xff' : '\0';
            break;
          case 2:
            broken.erase(at, 1 + random() % 8);
            break;
          default:
            broken.insert(at, broken.substr(random() % broken.size(), 1 + random() % 16));
            break;
        }
        if (broken.empty()) broken = "x";
      }
      options.target_width = options.target_height = round % 2 == 0 ? 0 : 5;
      const auto decoded = Decode(broken, options);
      ReadExif(broken);
      if (!decoded.ok()) {
        ++refused;
        EXPECT_FALSE(decoded.status().message().empty());
        continue;
      }
      ++taken;
      const Image& image = decoded->image;
      ASSERT_GT(image.width, 0);
      ASSERT_GT(image.height, 0);
      ASSERT_LE(std::int64_t{image.width} * image.height, options.limits.max_pixels);
      ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(image.width) * image.height * 3);
    }
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(taken, 100);
  rusage usage;
  ASSERT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  EXPECT_LT(usage.ru_maxrss, 2 * 1024 * 1024) << "kilobytes at most held at once";
}

}  // namespace
}  // namespace espy::imaging
