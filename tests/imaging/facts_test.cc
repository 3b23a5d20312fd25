#include "imaging/facts.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>

#include "imaging/decode.h"
#include "imaging/resize.h"
#include "imaging/tiff_directory.h"
#include "tests/imaging/noise.h"
#include "tests/imaging/samples.h"

namespace espy::imaging {
namespace {

// An EXIF block in a JPEG of nothing else, little-endian, of ASCII and SHORT entries.
class Block {
 public:
  Block& Text(std::uint16_t tag, std::string value) {
    value.push_back('\0');
    const auto count = static_cast<std::uint32_t>(value.size());
    entries_.push_back({tag, 2, count, std::move(value)});
    return *this;
  }
  Block& Short(std::uint16_t tag, std::uint16_t value) {
    entries_.push_back({tag, 3, 1, Number(value, 2)});
    return *this;
  }
  std::string Jpeg() const {
    std::string directory = Number(entries_.size(), 2);
    std::string data;
    const std::size_t data_at = 8 + 2 + entries_.size() * 12 + 4;
    for (const Entry& e : entries_) {
      directory += Number(e.tag, 2) + Number(e.type, 2) + Number(e.count, 4);
      if (e.value.size() <= 4) {
        directory += e.value + std::string(4 - e.value.size(), '\0');
      } else {
        directory += Number(data_at + data.size(), 4);
        data += e.value;
      }
    }
    const std::string block =
        std::string("Exif\0\0II*\0", 10) + Number(8, 4) + directory + Number(0, 4) + data;
    const std::size_t size = block.size() + 2;
    return std::string("\xff\xd8\xff\xe1") + static_cast<char>(size >> 8) +
           static_cast<char>(size) + block + "\xff\xd9";
  }

 private:
  struct Entry {
    std::uint16_t tag, type;
    std::uint32_t count;
    std::string value;
  };
  static std::string Number(std::uint64_t value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
  }
  std::vector<Entry> entries_;
};

class ExifIn : public ::testing::TestWithParam<const char*> {};

TEST_P(ExifIn, TellsTimeWithZoneCameraAndPlace) {
  const ExifFacts facts = ReadExif(ReadData(GetParam()));
  ASSERT_TRUE(facts.taken_unix.has_value());
  EXPECT_EQ(*facts.taken_unix, 1563114605);  // 2019-07-14 14:30:05 UTC
  EXPECT_EQ(facts.camera, "Canon EOS 5D");
  ASSERT_TRUE(facts.place.has_value());
  EXPECT_NEAR(facts.place->latitude, 48.858194, 1e-6);
  EXPECT_NEAR(facts.place->longitude, -2.294514, 1e-6);
  EXPECT_EQ(facts.orientation, 1);
}

INSTANTIATE_TEST_SUITE_P(Facts, ExifIn,
                         ::testing::Values("exif.jpg", "exif.png", "exif.webp", "exif.tif",
                                           "exif.heic", "exif.avif"));

TEST(ReadExif, TellsTheOrientationOfEveryContainer) {
  for (int value = 1; value <= 8; ++value) {
    EXPECT_EQ(ReadExif(ReadData("orientation" + std::to_string(value) + ".jpg")).orientation,
              value);
  }
  EXPECT_EQ(ReadExif(ReadData("orientation6.png")).orientation, 6);
  EXPECT_EQ(ReadExif(ReadData("orientation6.webp")).orientation, 6);
  EXPECT_EQ(ReadExif(ReadData("orientation8.tif")).orientation, 8);
}

TEST(ReadExif, AFileWithoutABlockGivesNothing) {
  for (const char* name : {"rgb420.jpg", "rgb.png", "lossy.webp", "lzw.tif", "palette.gif",
                           "rgb.bmp", "half.svg", "lossless.jxl"}) {
    const ExifFacts facts = ReadExif(ReadData(name));
    EXPECT_FALSE(facts.taken_unix.has_value()) << name;
    EXPECT_EQ(facts.camera, "") << name;
    EXPECT_FALSE(facts.place.has_value()) << name;
    EXPECT_EQ(facts.orientation, 1) << name;
  }
  EXPECT_EQ(ReadExif("").orientation, 1);
}

TEST(ReadExif, ReadsAJpegXlBox) {
  const std::string jpeg = Block().Text(0x0110, "Camera").Jpeg();
  const std::string block = jpeg.substr(12, jpeg.size() - 14);
  const auto size = static_cast<char>(8 + 4 + block.size());
  const std::string jxl = std::string("\0\0\0\x0cJXL \r\n\x87\n", 12) + std::string("\0\0\0", 3) +
                          size + "Exif" + std::string("\0\0\0\0", 4) + block;
  EXPECT_EQ(ReadExif(jxl).camera, "Camera");
}

TEST(ReadExif, NamesTheCameraOnce) {
  const auto camera = [](const char* make, const char* model) {
    return ReadExif(Block().Text(0x010f, make).Text(0x0110, model).Jpeg()).camera;
  };
  EXPECT_EQ(camera("NIKON CORPORATION", "NIKON D90"), "NIKON D90");
  EXPECT_EQ(camera("Apple", "iPhone 12"), "Apple iPhone 12");
  EXPECT_EQ(camera("samsung", "SM-G991B"), "samsung SM-G991B");
  EXPECT_EQ(camera("  Sony  ", ""), "Sony");
  EXPECT_EQ(camera("", "X100"), "X100");
}

TEST(ReadExif, CameraNamesArePrintableAndShort) {
  const auto camera = [](const std::string& model) {
    return ReadExif(Block().Text(0x0110, model).Jpeg()).camera;
  };
  EXPECT_EQ(camera("a\x1b[31mb\x07"), "a[31mb");
  EXPECT_EQ(camera("Caf\xc3\xa9 \xff\xc3"), "Caf\xc3\xa9");
  EXPECT_EQ(camera("x\xc2\x9by"), "xy");      // a C1 control
  EXPECT_EQ(camera("x\xe2\x80\xaey"), "xy");  // right-to-left override
  EXPECT_EQ(camera("x\xed\xa0\x80y"), "xy");  // half of a surrogate pair
  EXPECT_EQ(camera(std::string(500, 'k')).size(), 128u);
  // A character is never cut.
  std::string accents;
  for (int i = 0; i < 100; ++i) accents += "\xe2\x82\xac";
  EXPECT_EQ(camera(accents).size(), 126u);
}

TEST(ReadExif, TimesThatAreNoneAreAbsent) {
  const auto taken = [](const char* text) {
    return ReadExif(Block().Text(0x0132, text).Jpeg()).taken_unix;
  };
  EXPECT_EQ(taken("1970:01:02 00:00:01"), 86401);
  EXPECT_EQ(taken("1969:12:31 23:59:59"), -1);
  for (const char* none : {"0000:00:00 00:00:00", "2021:02:29 00:00:00", "2021:13:01 00:00:00",
                           "2021:01:01 24:00:00", "    :  :     :  :  ", "2021:01:01", ""}) {
    EXPECT_FALSE(taken(none).has_value()) << none;
  }
}

TEST(ReadExif, AnOrientationThatIsNoneIsUpright) {
  for (const int value : {0, 9, 65535}) {
    EXPECT_EQ(ReadExif(Block().Short(0x0112, static_cast<std::uint16_t>(value)).Jpeg()).orientation,
              1);
  }
}

TEST(ReadExif, EveryCutAndEveryFlippedByteIsSurvived) {
  std::mt19937 random(3);
  for (const char* name :
       {"exif.jpg", "exif.png", "exif.webp", "exif.tif", "exif.heic", "exif.avif"}) {
    const std::string whole = ReadData(name);
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 64) {
      const ExifFacts facts = ReadExif(std::string_view(whole).substr(0, size));
      EXPECT_GE(facts.orientation, 1);
    }
    for (int round = 0; round < 2000; ++round) {
      std::string broken = whole;
      for (int i = 0; i < 4; ++i) {
        broken[random() % broken.size()] = static_cast<char>(random());
      }
      const ExifFacts facts = ReadExif(broken);
      EXPECT_LE(facts.camera.size(), 128u);
      if (facts.place.has_value()) {
        EXPECT_LE(std::abs(facts.place->latitude), 90.0);
        EXPECT_LE(std::abs(facts.place->longitude), 180.0);
      }
    }
  }
}

int Distance(std::uint64_t a, std::uint64_t b) { return std::popcount(a ^ b); }

TEST(PerceptualHash, NearCopiesDifferInFewBitsAndOthersInMany) {
  const auto decoded = Decode(ReadData("large.jpg"));
  ESPY_ASSERT_OK(decoded);
  const Image& picture = decoded->image;
  const std::uint64_t hash = PerceptualHash(picture);
  EXPECT_EQ(hash & 1, 0u);

  EXPECT_LE(Distance(hash, PerceptualHash(Resize(picture, 100, 75, Filter::kBicubic))), 4);
  EXPECT_LE(Distance(hash, PerceptualHash(Resize(picture, 500, 300, Filter::kBilinear))), 4);
  Image warmer = picture;
  for (std::size_t i = 0; i < warmer.pixels.size(); i += 3) {
    warmer.pixels[i] = static_cast<std::uint8_t>(std::min(255, warmer.pixels[i] + 8));
  }
  EXPECT_LE(Distance(hash, PerceptualHash(warmer)), 6);
  const auto thumbnail = MakeThumbnail(picture, 128);
  ESPY_ASSERT_OK(thumbnail);
  const auto again = Decode(*thumbnail);
  ESPY_ASSERT_OK(again);
  EXPECT_LE(Distance(hash, PerceptualHash(again->image)), 4);

  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    EXPECT_GE(Distance(hash, PerceptualHash(Resize(Noise(seed, 9, 9), 200, 200, Filter::kBicubic))),
              12);
  }
}

TEST(PerceptualHash, HalfOfTheBitsAreSet) {
  // Against the median, 31 of the 63 frequencies are above it, unless some are equal.
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(std::popcount(PerceptualHash(Noise(seed, 64, 48))), 31);
  }
}

TEST(MakeThumbnail, KeepsTheAspectAndNeverEnlarges) {
  struct Case {
    int width, height, side, out_width, out_height;
  };
  for (const Case& c :
       {Case{400, 300, 256, 256, 192}, Case{300, 400, 256, 192, 256}, Case{100, 50, 256, 100, 50},
        Case{2000, 1, 256, 256, 1}, Case{1, 1, 256, 1, 1}}) {
    const auto bytes = MakeThumbnail(Noise(1, c.width, c.height), c.side);
    ESPY_ASSERT_OK(bytes);
    EXPECT_EQ(SniffFormat(*bytes), Format::kJpeg);
    const auto decoded = Decode(*bytes);
    ESPY_ASSERT_OK(decoded);
    EXPECT_EQ(decoded->image.width, c.out_width);
    EXPECT_EQ(decoded->image.height, c.out_height);
  }
  EXPECT_EQ(MakeThumbnail(Image{}, 256).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::imaging
