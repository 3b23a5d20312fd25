// The encoder on an emulated GPU whose memory runs out, that is lost, or that is not there: nothing
// is lost but time.
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "encoders/encoder.h"
#include "espy/log.h"
#include "kernels/cuda/emulation/runtime.h"
#include "tests/imaging/noise.h"
#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace espy::encoders {
namespace {

namespace emulation = cuda::emulation;

class DeviceFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::WriteTinyModel(directory_.path());
    emulation::ResetCounts();
    SetLogHook([this](LogLevel level, std::string_view message) {
      const std::lock_guard lock(mutex_);
      (level == LogLevel::kWarning ? warnings_ : notes_).emplace_back(message);
    });
  }
  void TearDown() override {
    SetLogHook({});
    emulation::LimitMemory(0);
    emulation::LoseDeviceAfter(-1);
    emulation::HideDevice(false);
    EXPECT_EQ(emulation::CurrentCounts().memory, 0u) << "the device's memory was not given back";
  }

  std::unique_ptr<Encoder> Load(const EncoderOptions& options) {
    auto encoder = Encoder::Load(directory_.path(), options);
    EXPECT_TRUE(encoder.ok()) << encoder.status().message();
    return std::move(encoder).value();
  }
  // Rows of both kinds of items.
  static std::vector<float> Vectors(const Encoder& encoder, std::int64_t pictures = 5) {
    const EncoderInfo& info = encoder.info();
    const std::int64_t picture = std::int64_t{3} * info.preprocess.width * info.preprocess.height;
    const auto pixels = parity::FormulaValues("pictures", pictures * picture, 2.0f);
    const std::vector<std::string> texts{"a dog", "two boats", ""};
    std::vector<float> out(
        static_cast<std::size_t>((pictures + std::ssize(texts)) * info.dimension));
    EXPECT_TRUE(encoder.EncodeImages(pixels.data(), pictures, out.data()).ok());
    EXPECT_TRUE(encoder.EncodeTexts(texts, out.data() + pictures * info.dimension).ok());
    return out;
  }
  // Vectors of unit length.
  static void ExpectClose(const std::vector<float>& got, const std::vector<float>& expected,
                          std::int64_t dimension) {
    ASSERT_EQ(got.size(), expected.size());
    const auto d = static_cast<std::size_t>(dimension);
    for (std::size_t row = 0; row * d < got.size(); ++row) {
      double dot = 0;
      for (std::size_t i = 0; i < d; ++i) {
        dot += static_cast<double>(got[row * d + i]) * expected[row * d + i];
      }
      EXPECT_GE(dot, 0.9999) << row;
    }
  }

  std::vector<float> OnCpu(std::int64_t pictures = 5) {
    return Vectors(*Load({.threads = 1, .device = Device::kCpu}), pictures);
  }

  testing::TempDir directory_;
  std::mutex mutex_;
  std::vector<std::string> warnings_, notes_;  // guarded by mutex_
};

TEST_F(DeviceFaults, VectorsAreTheCpusAndGoThroughTheDevice) {
  const auto encoder = Load({.threads = 1, .device = Device::kCuda});
  EXPECT_EQ(encoder->device(), "emulated (sm_80), fp16");
  EXPECT_EQ(encoder->precision(), Precision::kFloat16);
  EXPECT_GT(encoder->preferred_batch(), 8);
  const std::vector<float> got = Vectors(*encoder);
  EXPECT_GT(emulation::CurrentCounts().launches, 0u);
  ExpectClose(got, OnCpu(), encoder->info().dimension);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DeviceFaults, ASecondPassIsRecordedAndAThirdReplayed) {
  const auto encoder = Load({.threads = 1, .device = Device::kCuda});
  const std::vector<float> first = Vectors(*encoder);
  EXPECT_EQ(emulation::CurrentCounts().recorded, 0u);
  EXPECT_EQ(Vectors(*encoder), first);
  const std::uint64_t launches = emulation::CurrentCounts().launches;
  EXPECT_EQ(emulation::CurrentCounts().recorded, 1u);  // texts of their own lengths are not
  EXPECT_EQ(emulation::CurrentCounts().replays, 1u);
  // A third goes by the graph, whatever its pictures are.
  const std::int64_t picture =
      std::int64_t{3} * encoder->info().preprocess.width * encoder->info().preprocess.height;
  const auto pixels = parity::FormulaValues("others", 5 * picture, 2.0f);
  const auto d = static_cast<std::size_t>(encoder->info().dimension);
  std::vector<float> got(5 * d), expected(5 * d);
  ESPY_ASSERT_OK(encoder->EncodeImages(pixels.data(), 5, got.data()));
  EXPECT_EQ(emulation::CurrentCounts().replays, 2u);
  EXPECT_EQ(emulation::CurrentCounts().launches, launches + 1);  // the patches' alone
  const auto cpu = Load({.threads = 1, .device = Device::kCpu});
  ESPY_ASSERT_OK(cpu->EncodeImages(pixels.data(), 5, expected.data()));
  ExpectClose(got, expected, encoder->info().dimension);
}

// Passes become half as large until they fit, and the vectors are the same bits.
TEST_F(DeviceFaults, WhereMemoryRunsOutPassesBecomeSmaller) {
  const std::int64_t picture = std::int64_t{3} * 32 * 32, pictures = 20;
  const auto pixels = parity::FormulaValues("pictures", pictures * picture, 2.0f);
  const auto vectors = [&](const Encoder& encoder) {
    std::vector<float> out(static_cast<std::size_t>(pictures * encoder.info().dimension));
    EXPECT_TRUE(encoder.EncodeImages(pixels.data(), pictures, out.data()).ok());
    return out;
  };
  std::vector<float> expected;
  std::uint64_t all = 0;
  std::int64_t batch = 0;
  {
    const auto roomy = Load({.threads = 1, .device = Device::kCuda});
    expected = vectors(*roomy);
    all = emulation::CurrentCounts().most_memory;
    batch = roomy->preferred_batch();
    EXPECT_TRUE(notes_.empty());
  }

  // By the device itself, which somebody else fills.
  emulation::LimitMemory(all - (std::uint64_t{1} << 20));
  const auto crowded = Load({.threads = 1, .device = Device::kCuda});
  EXPECT_EQ(vectors(*crowded), expected);
  EXPECT_LT(crowded->preferred_batch(), batch);
  EXPECT_FALSE(notes_.empty());
  EXPECT_NE(notes_.front().find("going on with"), std::string::npos) << notes_.front();
  emulation::LimitMemory(0);

  // By the cap, which holds to the byte.
  const std::uint64_t cap = all - (std::uint64_t{1} << 20);
  const auto capped = Load({.threads = 1, .device = Device::kCuda, .vram = cap});
  const std::uint64_t before = emulation::CurrentCounts().memory;
  emulation::ResetCounts();
  EXPECT_EQ(vectors(*capped), expected);
  EXPECT_LE(emulation::CurrentCounts().most_memory - before, cap);
  EXPECT_LT(capped->preferred_batch(), batch);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DeviceFaults, ACapThatHoldsNothingIsToldOrLeadsToTheCpu) {
  const auto required = Encoder::Load(
      directory_.path(), {.threads = 1, .load_image = true, .device = Device::kCuda, .vram = 1000});
  ASSERT_FALSE(required.ok());
  EXPECT_EQ(required.status().code(), StatusCode::kResourceExhausted);
  EXPECT_NE(required.status().message().find("1.0 kB"), std::string::npos)
      << required.status().message();

  const auto encoder = Load({.threads = 1, .device = Device::kAuto, .vram = 1000});
  EXPECT_EQ(Vectors(*encoder), OnCpu());
  EXPECT_EQ(encoder->device(), "cpu");
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("going on with the CPU"), std::string::npos) << warnings_[0];
}

// At whatever operation the device goes, the vectors come, by the CPU, with one warning.
TEST_F(DeviceFaults, FromALostDeviceTheCpuTakesOver) {
  const std::vector<float> expected = OnCpu();
  std::size_t lost = 0;
  for (const int after : {0, 1, 3, 8, 20, 30, 45, 60, 80, 200, 100000}) {
    warnings_.clear();
    emulation::LoseDeviceAfter(after);
    const auto encoder = Load({.threads = 1, .device = Device::kCuda});
    const std::vector<float> got = Vectors(*encoder);
    ExpectClose(got, expected, encoder->info().dimension);
    if (encoder->device() == "cpu") {
      ++lost;
      ASSERT_EQ(warnings_.size(), 1u) << after;
      EXPECT_NE(warnings_[0].find("lost"), std::string::npos) << warnings_[0];
      EXPECT_EQ(Vectors(*encoder), expected);  // for good
      EXPECT_EQ(warnings_.size(), 1u) << after;
    }
    emulation::LoseDeviceAfter(-1);
  }
  EXPECT_GE(lost, 6u);
  EXPECT_LT(lost, 11u);  // the last outlives the run
}

TEST_F(DeviceFaults, WithoutADeviceAutoIsTheCpuAndCudaSaysSo) {
  emulation::HideDevice(true);
  const auto encoder = Load({.threads = 1});
  EXPECT_EQ(encoder->device(), "cpu");
  EXPECT_EQ(Vectors(*encoder), OnCpu());
  const auto required = Encoder::Load(directory_.path(), {.device = Device::kCuda});
  EXPECT_EQ(required.status().code(), StatusCode::kNotFound);
  const auto half = Encoder::Load(directory_.path(), {.precision = Precision::kFloat16});
  EXPECT_EQ(half.status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DeviceFaults, APrecisionThatTheDeviceLacksIsToldOrLeadsToTheCpu) {
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    const auto required =
        Encoder::Load(directory_.path(), {.precision = precision, .device = Device::kCuda});
    EXPECT_EQ(required.status().code(), StatusCode::kInvalidArgument);
    const auto any = Load({.threads = 1, .precision = precision, .device = Device::kAuto});
    EXPECT_EQ(any->device(), "cpu");
  }
}

// Pictures as bytes: on the device while there is one, by the CPU from then on.
TEST_F(DeviceFaults, DecodedPicturesGoTheSameWays) {
  const imaging::Image image = imaging::Noise(3, 60, 45);
  const std::vector<imaging::PixelView> views{{&image, {60, 45}}};
  const auto vector_of = [&](const Encoder& encoder) {
    std::vector<float> out(static_cast<std::size_t>(encoder.info().dimension));
    EXPECT_TRUE(encoder.EncodePixels(views, out.data()).ok());
    return out;
  };
  const auto cpu = Load({.threads = 1, .device = Device::kCpu});
  EXPECT_FALSE(cpu->on_device());
  EXPECT_EQ(cpu->KeepPixels(views, 32).status().code(), StatusCode::kUnavailable);
  const std::vector<float> expected = vector_of(*cpu);

  const auto encoder = Load({.threads = 1, .device = Device::kCuda});
  EXPECT_TRUE(encoder->on_device());
  emulation::ResetCounts();
  ExpectClose(vector_of(*encoder), expected, encoder->info().dimension);
  EXPECT_GT(emulation::CurrentCounts().launches, 0u);
  ESPY_ASSERT_OK(encoder->KeepPixels(views, 32));
  emulation::LoseDeviceAfter(2);
  EXPECT_EQ(vector_of(*encoder), expected);
  EXPECT_FALSE(encoder->on_device());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(encoder->KeepPixels(views, 32).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(DeviceFaults, ManyThreadsShareTheDevice) {
  const auto encoder = Load({.threads = 1, .device = Device::kCuda});
  std::vector<std::vector<float>> got(3);
  std::vector<std::thread> threads;
  for (std::vector<float>& vectors : got) {
    threads.emplace_back([&] { vectors = Vectors(*encoder, 3); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got[1], got[0]);
  EXPECT_EQ(got[2], got[0]);
}

}  // namespace
}  // namespace espy::encoders
