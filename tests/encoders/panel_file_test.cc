#include "encoders/panels/panel_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kVersionAt = 8, kHeaderBytesAt = 12, kFileBytesAt = 16, kCrcAt = 24;
constexpr std::size_t kTextAt = 60;

PanelFile SampleOf(const std::vector<std::string>& bytes) {
  PanelFile file{.key = Sha256("key"),
                 .model = "/models/a",
                 .tower = "image",
                 .layout = "avx2-00112233",
                 .matrices = {}};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    file.matrices.push_back({.name = "matrix " + std::to_string(i),
                             .outputs = static_cast<std::int64_t>(i) + 1,
                             .inputs = 700,
                             .precision = 1,
                             .bytes = bytes[i]});
  }
  return file;
}

std::string Join(PanelFile file) {
  std::string text = PanelHeader(&file).value();
  for (const PanelMatrix& matrix : file.matrices) {
    text += matrix.bytes;
    text += PanelPadding(matrix.bytes.size());
  }
  return text;
}

std::vector<std::string> SampleBytes() {
  std::vector<std::string> bytes{std::string(3000, 'a'), "", std::string(64, 'b'),
                                 std::string(129, 'c')};
  for (std::string& matrix : bytes) {
    for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = static_cast<char>(matrix[i] + i);
  }
  return bytes;
}

// A header that is wrong in what it says and not in its checksum.
std::string WithCrc(std::string file) {
  std::uint32_t bytes = 0, zero = 0;
  std::memcpy(&bytes, file.data() + kHeaderBytesAt, sizeof bytes);
  std::memcpy(file.data() + kCrcAt, &zero, sizeof zero);
  const std::uint32_t crc = Crc32c(std::string_view(file).substr(0, bytes));
  std::memcpy(file.data() + kCrcAt, &crc, sizeof crc);
  return file;
}

template <class T>
std::string With(std::string file, std::size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
  return WithCrc(std::move(file));
}

// A whole file of 4096 bytes whose header goes on with `rest` after the key.
std::string HeaderOf(const std::string& rest) {
  std::string file = "ESPYPNL\n";
  PutFixed<std::uint32_t>(&file, kPanelFileVersion);
  PutFixed<std::uint32_t>(&file, 4096);
  PutFixed<std::uint64_t>(&file, 4096);
  file.resize(kTextAt, '\0');
  file += rest;
  file.resize(4096, '\0');
  return WithCrc(file);
}

std::string Texts() {
  std::string text;
  for (const char* part : {"m", "t", "l"}) PutString(&text, part);
  return text;
}

std::string Matrix(const std::string& name, std::uint64_t outputs, std::uint64_t bytes) {
  std::string text;
  PutString(&text, name);
  PutVarint(&text, outputs);
  PutVarint(&text, 1);
  text.push_back('\0');
  PutVarint(&text, bytes);
  PutFixed<std::uint64_t>(&text, 0);  // two CRCs
  return text;
}

TEST(PanelFile, ComesBackAsItWasWritten) {
  const std::vector<std::string> bytes = SampleBytes();
  const std::string text = Join(SampleOf(bytes));
  const auto file = ParsePanelFile(text, "file");
  ESPY_ASSERT_OK(file);
  EXPECT_EQ(file->key, Sha256("key"));
  EXPECT_EQ(file->model, "/models/a");
  EXPECT_EQ(file->tower, "image");
  EXPECT_EQ(file->layout, "avx2-00112233");
  ASSERT_EQ(file->matrices.size(), bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const PanelMatrix& matrix = file->matrices[i];
    EXPECT_EQ(matrix.name, "matrix " + std::to_string(i));
    EXPECT_EQ(matrix.outputs, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(matrix.inputs, 700);
    EXPECT_EQ(matrix.precision, 1);
    EXPECT_EQ(matrix.bytes, bytes[i]);
    EXPECT_EQ((matrix.bytes.data() - text.data()) % 64, 0);
  }
  EXPECT_EQ((file->matrices[0].bytes.data() - text.data()) % 4096, 0);
  ESPY_ASSERT_OK(CheckPanels(*file, true, "file"));
  ESPY_ASSERT_OK(CheckPanels(*file, false, "file"));
}

TEST(PanelFile, AFileOfNoMatricesIsWhole) {
  const std::string text = Join(SampleOf({}));
  const auto file = ParsePanelFile(text, "file");
  ESPY_ASSERT_OK(file);
  EXPECT_TRUE(file->matrices.empty());
}

TEST(PanelFile, DamageAtEveryByteOfTheHeaderIsFound) {
  const std::string text = Join(SampleOf(SampleBytes()));
  for (std::size_t at = 0; at < 4096; ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto file = ParsePanelFile(damaged, "file");
      ASSERT_FALSE(file.ok()) << "byte " << at << ", bits " << flip;
      EXPECT_EQ(file.status().message().find("file: "), 0u);
    }
  }
}

TEST(PanelFile, ACutFileIsRefusedAtEveryLengthAndALongerOneToo) {
  const std::string text = Join(SampleOf(SampleBytes()));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParsePanelFile(std::string_view(text).substr(0, size), "file").ok()) << size;
  }
  EXPECT_FALSE(ParsePanelFile(text + std::string(64, '\0'), "file").ok());
}

TEST(PanelFile, AnotherVersionIsUnsupportedAndNotCorrupt) {
  const std::string text = Join(SampleOf(SampleBytes()));
  for (const std::uint32_t version : {0u, kPanelFileVersion + 1, ~0u}) {
    const auto file = ParsePanelFile(With(text, kVersionAt, version), "file");
    EXPECT_EQ(file.status().code(), StatusCode::kUnsupported) << file.status().message();
  }
}

TEST(PanelFile, LengthsThatLieAreRefusedThoughTheChecksumHolds) {
  const std::string text = Join(SampleOf(SampleBytes()));
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{text.size() - 1}, ~std::uint64_t{0}}) {
    EXPECT_FALSE(ParsePanelFile(With(text, kFileBytesAt, size), "file").ok()) << size;
  }
  for (const std::uint32_t size : {0u, 60u, 8192u, 1u << 20, (1u << 20) + 4096, ~0u}) {
    std::string lying = text;
    std::memcpy(lying.data() + kHeaderBytesAt, &size, sizeof size);
    if (size <= lying.size()) lying = WithCrc(lying);
    EXPECT_FALSE(ParsePanelFile(lying, "file").ok()) << size;
  }
}

TEST(PanelFile, EachHostileHeaderIsRefusedForItsOwnReason) {
  std::string claims, twice, one;
  PutVarint(&claims, kMaxPanelMatrices + 1);
  PutVarint(&twice, 2);
  PutVarint(&one, 1);
  std::string many;
  PutVarint(&many, 1000);  // more than the header has room for
  std::string long_name;
  PutString(&long_name, std::string(4000, 'm'));
  std::string lying_text;
  PutVarint(&lying_text, ~0ull);
  const struct {
    std::string rest, why;
  } cases[] = {
      {lying_text, "ends early"},
      {Texts() + std::string(20, '\xff'), "ends early"},
      {Texts() + claims, "claims 4097 matrices"},
      {Texts() + many, "claims 1000 matrices"},
      {Texts() + twice + Matrix("a", 1, 0) + Matrix("a", 1, 0), "twice"},
      {Texts() + one + Matrix("a", 1, 1), "past its end"},
      {Texts() + one + Matrix("a", 1, ~0ull), "past its end"},
      {Texts() + one + Matrix("a", ~0ull, 0), "ends early"},
      {Texts() + one + Matrix("a", 1, 0) + "x", "ends late"},
  };
  for (const auto& [rest, why] : cases) {
    const auto file = ParsePanelFile(HeaderOf(rest), "file");
    ASSERT_FALSE(file.ok()) << why;
    EXPECT_NE(file.status().message().find(why), std::string::npos) << file.status().message();
  }
  ESPY_ASSERT_OK(ParsePanelFile(HeaderOf(Texts() + one + Matrix("a", 1, 0)), "file"));
}

TEST(PanelFile, TheWholeCheckFindsEveryFlippedByteOfAMatrix) {
  const std::string text = Join(SampleOf(SampleBytes()));
  std::string damaged = text;
  const auto file = ParsePanelFile(damaged, "file");
  ESPY_ASSERT_OK(file);
  for (const PanelMatrix& matrix : file->matrices) {
    for (std::size_t i = 0; i < matrix.bytes.size(); ++i) {
      char& byte = damaged[static_cast<std::size_t>(matrix.bytes.data() - damaged.data()) + i];
      byte = static_cast<char>(byte ^ 0x10);
      EXPECT_FALSE(CheckPanels(*file, true, "file").ok()) << matrix.name << ", byte " << i;
      byte = static_cast<char>(byte ^ 0x10);
    }
  }
  ESPY_ASSERT_OK(CheckPanels(*file, true, "file"));
}

// What a file system that lost the contents of a file leaves.
TEST(PanelFile, TheSampleFindsZerosWhereAMatrixShouldBe) {
  const std::string text = Join(SampleOf(SampleBytes()));
  for (std::size_t m = 0; m < SampleBytes().size(); ++m) {
    std::string damaged = text;
    const auto file = ParsePanelFile(damaged, "file");
    ESPY_ASSERT_OK(file);
    const std::string_view bytes = file->matrices[m].bytes;
    if (bytes.empty()) continue;
    std::memset(const_cast<char*>(bytes.data()), 0, bytes.size());
    const Status status = CheckPanels(*file, false, "file");
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    EXPECT_NE(status.message().find("\"matrix " + std::to_string(m)), std::string::npos);
  }
}

TEST(PanelFile, WhatWouldNotBeReadIsNotWritten) {
  const std::vector<std::string> bytes(kMaxPanelMatrices + 1, "");
  PanelFile many = SampleOf(bytes);
  EXPECT_FALSE(PanelHeader(&many).ok());
  PanelFile most = SampleOf(bytes);
  most.matrices.pop_back();
  ESPY_ASSERT_OK(PanelHeader(&most));
  ESPY_ASSERT_OK(ParsePanelFile(Join(most), "file"));
  const std::vector<std::string> one{"x"};
  PanelFile long_name = SampleOf(one);
  long_name.matrices[0].name = std::string(5000, 'n');
  EXPECT_FALSE(PanelHeader(&long_name).ok());
}

}  // namespace
}  // namespace espy::encoders
