// What towers do with rows and patches on the GPU, or on the emulation of one, against plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/patches.h"
#include "kernels/cuda/rows.h"
#include "kernels/norm.h"
#include "kernels/patches.h"
#include "tests/kernels/on_device.h"

namespace espy::cuda {
namespace {

using kernels::Activation;
using kernels::ElementType;

template <class T>
std::vector<T> Downloaded(const DeviceBuffer& buffer) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  EXPECT_TRUE(buffer.Download(values.data()).ok());
  return values;
}

std::vector<float> Floats(const std::vector<std::uint16_t>& bits, ElementType type) {
  std::vector<float> values(bits.size());
  kernels::ToFloat(bits.data(), type, static_cast<std::int64_t>(bits.size()), values.data());
  return values;
}

DeviceBuffer Unwritten(std::size_t n) { return OnDevice(std::vector<float>(n, NAN)); }

template <class T>
T* At(const DeviceBuffer& buffer) {
  return static_cast<T*>(buffer.data());
}

using CudaRowsTest = CudaTest;

TEST_F(CudaRowsTest, PatchesAreTheCpusCutTo16Bits) {
  std::mt19937 random(1);
  constexpr std::int32_t kSide = 33, kPatch = 7, kPerPicture = 16, kStride = 152;  // of 147
  constexpr std::int32_t kPictures = 3;
  std::vector<float> pixels = Normal(kPictures * 3 * kSide * kSide, 1, &random);
  Cut(ElementType::kBfloat16, &pixels);  // so that their 16 bits are exact
  std::vector<float> expected(kPictures * kPerPicture * 147);
  kernels::ExtractPatches(pixels.data(), kPictures, 3, kSide, kPatch, expected.data(), nullptr);
  std::vector<PicturePlace> places;
  for (std::int32_t i = 0; i < kPictures; ++i) {
    places.push_back({i * 3 * kSide * kSide, kSide, kSide, i * kPerPicture});
  }
  const DeviceBuffer dpixels = OnDevice(pixels), dplaces = OnDevice(places);
  const DeviceBuffer out =
      OnDevice(std::vector<std::uint16_t>(kPictures * kPerPicture * kStride, 0x7fff));
  ASSERT_TRUE(ExtractPatches({.type = ElementType::kBfloat16,
                              .pixels = dpixels.data(),
                              .pictures = At<PicturePlace>(dplaces),
                              .count = kPictures,
                              .rows = kPictures * kPerPicture,
                              .patch = kPatch,
                              .out = out.data(),
                              .out_stride = kStride},
                             nullptr)
                  .ok());
  const std::vector<float> got = Floats(Downloaded<std::uint16_t>(out), ElementType::kBfloat16);
  for (std::size_t row = 0; row < kPictures * kPerPicture; ++row) {
    for (std::size_t i = 0; i < kStride; ++i) {
      ASSERT_EQ(got[row * kStride + i], i < 147 ? expected[row * 147 + i] : 0.0f)
          << row << " " << i;
    }
  }
}

// Pictures of several sizes as bytes, a patch as (row, column, channel).
TEST_F(CudaRowsTest, PatchesOfBytesAreLookedUp) {
  std::mt19937 random(2);
  const std::vector<float> normal_values = [&] {
    std::vector<float> values = Normal(3 * 256, 1, &random);
    Cut(ElementType::kFloat16, &values);
    return values;
  }();
  constexpr std::int32_t kPatch = 4;
  std::vector<PicturePlace> places{
      {0, 8, 12, 0}, {8 * 12 * 3, 20, 4, 6}, {8 * 12 * 3 + 240, 4, 4, 11}};
  std::vector<std::uint8_t> bytes(8 * 12 * 3 + 240 + 48);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  const DeviceBuffer dbytes = OnDevice(bytes), dplaces = OnDevice(places);
  const DeviceBuffer dnormal = OnDevice(normal_values);
  const DeviceBuffer out = OnDevice(std::vector<std::uint16_t>(12 * 48, 0x7fff));
  ASSERT_TRUE(ExtractPatches({.pixels = dbytes.data(),
                              .normal = At<float>(dnormal),
                              .pictures = At<PicturePlace>(dplaces),
                              .count = 3,
                              .rows = 12,
                              .patch = kPatch,
                              .channels_last = true,
                              .out = out.data(),
                              .out_stride = 48},
                             nullptr)
                  .ok());
  const std::vector<float> got = Floats(Downloaded<std::uint16_t>(out), ElementType::kFloat16);
  std::size_t at = 0;
  for (const PicturePlace& place : places) {
    for (std::int32_t top = 0; top < place.height; top += kPatch) {
      for (std::int32_t left = 0; left < place.width; left += kPatch) {
        for (std::int32_t i = 0; i < 48; ++i) {
          const std::int32_t y = top + i / 12, x = left + i / 3 % 4, c = i % 3;
          const std::uint8_t byte =
              bytes[static_cast<std::size_t>(place.first + (y * place.width + x) * 3 + c)];
          ASSERT_EQ(got[at++], normal_values[static_cast<std::size_t>(c) * 256 + byte]);
        }
      }
    }
  }
}

TEST_F(CudaRowsTest, TokensStandBeforeTheirPositions) {
  std::mt19937 random(3);
  constexpr std::size_t kWidth = 40, kPatches = 5, kPictures = 2;
  for (const std::size_t before : {0, 1}) {
    const std::size_t tokens = kPatches + before;
    const std::vector<float> embedded = Normal(kPictures * kPatches * kWidth, 1, &random);
    const std::vector<float> token = Normal(kWidth, 1, &random);
    const std::vector<float> positions = Normal(tokens * kWidth, 1, &random);
    const DeviceBuffer dembedded = OnDevice(embedded), dtoken = OnDevice(token);
    const DeviceBuffer dpositions = OnDevice(positions);
    const DeviceBuffer x = Unwritten(kPictures * tokens * kWidth);
    ASSERT_TRUE(AssembleTokens({.pictures = kPictures,
                                .tokens = static_cast<std::int32_t>(tokens),
                                .width = kWidth,
                                .embedded = At<float>(dembedded),
                                .class_token = before == 1 ? At<float>(dtoken) : nullptr,
                                .positions = At<float>(dpositions),
                                .x = At<float>(x)},
                               nullptr)
                    .ok());
    const std::vector<float> got = Downloaded<float>(x);
    for (std::size_t p = 0; p < kPictures; ++p) {
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t i = 0; i < kWidth; ++i) {
          const float from =
              t < before ? token[i] : embedded[(p * kPatches + t - before) * kWidth + i];
          ASSERT_EQ(got[(p * tokens + t) * kWidth + i], from + positions[t * kWidth + i]);
        }
      }
    }
  }
}

TEST_F(CudaRowsTest, WordsAreLookedUpAndRowsGathered) {
  std::mt19937 random(4);
  constexpr std::size_t kWidth = 72, kVocabulary = 50, kRows = 9;
  std::vector<float> table = Normal(kVocabulary * kWidth, 1, &random);
  const DeviceBuffer dtable = OnDevice(Cut(ElementType::kFloat16, &table));
  const std::vector<float> positions = Normal(8 * kWidth, 1, &random);
  const std::vector<std::int32_t> ids{3, 49, 0, 7, 7, 21, 48, 1, 2},
      places{0, 1, 2, 0, 1, 2, 3, 7, 0};
  const DeviceBuffer dpositions = OnDevice(positions), dids = OnDevice(ids);
  const DeviceBuffer dplaces = OnDevice(places), x = Unwritten(kRows * kWidth);
  ASSERT_TRUE(EmbedTokens({.type = ElementType::kFloat16,
                           .rows = kRows,
                           .width = kWidth,
                           .table = dtable.data(),
                           .positions = At<float>(dpositions),
                           .ids = At<std::int32_t>(dids),
                           .places = At<std::int32_t>(dplaces),
                           .x = At<float>(x)},
                          nullptr)
                  .ok());
  const std::vector<float> got = Downloaded<float>(x);
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      ASSERT_EQ(got[r * kWidth + i],
                table[static_cast<std::size_t>(ids[r]) * kWidth + i] +
                    positions[static_cast<std::size_t>(places[r]) * kWidth + i]);
    }
  }

  const std::vector<std::int32_t> rows{8, 0, 8};
  const DeviceBuffer drows = OnDevice(rows), out = Unwritten(3 * kWidth);
  ASSERT_TRUE(GatherRows({.count = 3,
                          .width = kWidth,
                          .from = x.data(),
                          .rows = At<std::int32_t>(drows),
                          .out = out.data()},
                         nullptr)
                  .ok());
  const std::vector<float> gathered = Downloaded<float>(out);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      ASSERT_EQ(gathered[r * kWidth + i], got[static_cast<std::size_t>(rows[r]) * kWidth + i]);
    }
  }
}

TEST_F(CudaRowsTest, RowsAreScatteredOutOfColumns) {
  std::mt19937 random(5);
  constexpr std::size_t kWidth = 40, kStride = 96, kFirst = 16, kRows = 5, kPlaces = 12;
  const std::vector<float> from = Normal(kRows * kStride, 1, &random);
  const std::vector<std::int32_t> rows{3, 11, 0, 7, 4};
  const DeviceBuffer dfrom = OnDevice(from), drows = OnDevice(rows);
  const DeviceBuffer out = Unwritten(kPlaces * kWidth);
  ASSERT_TRUE(ScatterRows({.count = kRows,
                           .width = kWidth,
                           .from = At<float>(dfrom) + kFirst,
                           .from_stride = kStride,
                           .rows = At<std::int32_t>(drows),
                           .out = out.data()},
                          nullptr)
                  .ok());
  const std::vector<float> got = Downloaded<float>(out);
  std::size_t written = 0;
  for (std::size_t i = 0; i < got.size(); ++i) written += std::isnan(got[i]) ? 0 : 1;
  EXPECT_EQ(written, kRows * kWidth);
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      ASSERT_EQ(got[static_cast<std::size_t>(rows[r]) * kWidth + i],
                from[r * kStride + kFirst + i]);
    }
  }
}

TEST_F(CudaRowsTest, ActivationsAreTheReferences) {
  std::vector<float> values;
  for (float x = -12; x <= 12; x += 0.03125f) values.push_back(x);
  values.insert(values.end(), {-1e4f, -60, 60, 1e4f});
  const auto width = static_cast<std::int32_t>(values.size());
  const DeviceBuffer bias = OnDevice(std::vector<float>(values.size(), 0.25f));
  for (const Activation activation :
       {Activation::kNone, Activation::kQuickGelu, Activation::kGeluTanh, Activation::kGelu}) {
    const DeviceBuffer at = OnDevice(values);
    ASSERT_TRUE(Activate({.type = ElementType::kFloat32,
                          .rows = 1,
                          .width = width,
                          .stride = width,
                          .bias = At<float>(bias),
                          .activation = activation,
                          .values = at.data()},
                         nullptr)
                    .ok());
    const std::vector<float> got = Downloaded<float>(at);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = kernels::reference::Activate(activation, values[i] + 0.25);
      // A power of 2 of an argument up to 30 is off by some 30 roundings of FP32.
      ASSERT_NEAR(got[i], expected, 4e-6 * std::max(1.0, std::abs(expected)))
          << static_cast<int>(activation) << " of " << values[i];
    }
  }
}

TEST_F(CudaRowsTest, RowsBecomeOfUnitLengthAndZerosStay) {
  std::mt19937 random(5);
  for (const std::int32_t width : {1, 33, 512}) {
    const auto w = static_cast<std::size_t>(width);
    std::vector<float> x = Normal(3 * w, 5, &random);
    std::fill(x.begin() + width, x.begin() + 2 * width, 0.0f);
    const DeviceBuffer at = OnDevice(x);
    ASSERT_TRUE(L2Normalize(At<float>(at), 3, width, nullptr).ok());
    kernels::L2Normalize(x.data(), 3, width);
    const std::vector<float> got = Downloaded<float>(at);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(got[i], x[i], 1e-6) << width;
  }
}

}  // namespace
}  // namespace espy::cuda
