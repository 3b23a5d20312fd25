// A captioner on an emulated GPU whose memory runs out, that is lost, or that is not there; and
// what it gives back.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "espy/log.h"
#include "kernels/cuda/emulation/runtime.h"
#include "tests/captioning/device_fixture.h"

namespace espy::captioning {
namespace {

namespace emulation = cuda::emulation;

class DeviceCaptioningFaults : public DeviceCaptioning {
 protected:
  void SetUp() override {
    DeviceCaptioning::SetUp();
    emulation::ResetCounts();
    SetLogHook([this](LogLevel level, std::string_view message) {
      const std::lock_guard lock(mutex_);
      if (level == LogLevel::kWarning) warnings_.emplace_back(message);
    });
  }
  void TearDown() override {
    SetLogHook({});
    emulation::LimitMemory(0);
    emulation::LoseDeviceAfter(-1);
    emulation::HideDevice(false);
    EXPECT_EQ(emulation::CurrentCounts().memory, 0u) << "the device's memory was not given back";
  }

  std::mutex mutex_;
  std::vector<std::string> warnings_;  // guarded by mutex_
};

TEST_F(DeviceCaptioningFaults, EveryWayOfDecodingGivesItsSlotsAndPicturesBack) {
  const auto captioner = Load(Device::kCuda);
  ESPY_ASSERT_OK(captioner);
  EXPECT_NE((*captioner)->device_description().find("fp16"), std::string::npos);
  const std::uint64_t before = emulation::CurrentCounts().memory;
  CaptionOptions greedy = Short(), beams = Short(), sampled = Short();
  beams.beams = 3;
  sampled.sample = true;
  sampled.seed = 3;
  sampled.top_p = 0.9f;
  for (const CaptionOptions& options : {greedy, beams, sampled}) {
    const auto first = Captions(**captioner, options);
    ASSERT_EQ(first.size(), static_cast<std::size_t>(kGoldenPictures));
    EXPECT_EQ(Captions(**captioner, options), first);
  }
  EXPECT_EQ(emulation::CurrentCounts().memory, before);
  EXPECT_GT(emulation::CurrentCounts().replays, 0u);  // steps come again, as recorded
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DeviceCaptioningFaults, WithoutAGpuTheCpuServesUnlessItIsInsistedOn) {
  emulation::HideDevice(true);
  const auto insisted = Load(Device::kCuda);
  EXPECT_EQ(insisted.status().code(), StatusCode::kNotFound);
  EXPECT_NE(insisted.status().message().find("--device cpu"), std::string::npos);
  const auto captioner = Load(Device::kAuto);
  ESPY_ASSERT_OK(captioner);
  EXPECT_EQ((*captioner)->device_description(), "");
  EXPECT_EQ(Captions(**captioner), OnCpu());
}

TEST_F(DeviceCaptioningFaults, MemoryThatDoesNotDoIsToldOrLeftToTheCpu) {
  const auto insisted = Load(Device::kCuda, /*vram=*/100'000);
  EXPECT_EQ(insisted.status().code(), StatusCode::kResourceExhausted);
  const auto captioner = Load(Device::kAuto, /*vram=*/100'000);
  ESPY_ASSERT_OK(captioner);
  EXPECT_EQ((*captioner)->device_description(), "");
  EXPECT_EQ(Captions(**captioner), OnCpu());
}

// Wherever the device is lost, and whenever: the captions are the CPU's then, with one warning.
TEST_F(DeviceCaptioningFaults, ALostDeviceLosesNothing) {
  const auto expected = OnCpu();
  for (const Device device : {Device::kAuto, Device::kCuda}) {
    for (const std::int64_t after : {0, 1, 7, 40, 90, 150}) {
      SCOPED_TRACE(after);
      warnings_.clear();
      const auto captioner = Load(device);
      ESPY_ASSERT_OK(captioner);
      emulation::LoseDeviceAfter(after);
      EXPECT_EQ(Captions(**captioner), expected);
      EXPECT_EQ((*captioner)->device_description(), "");
      EXPECT_EQ(Captions(**captioner), expected);
      EXPECT_EQ(warnings_.size(), 1u);
      emulation::LoseDeviceAfter(-1);
    }
  }
}

// A device with room for the towers and not for what pictures need.
TEST_F(DeviceCaptioningFaults, APictureThatFindsNoRoomGoesToTheCpu) {
  const auto expected = OnCpu();
  const auto captioner = Load(Device::kAuto);
  ESPY_ASSERT_OK(captioner);
  emulation::LimitMemory(emulation::CurrentCounts().memory + 1000);
  EXPECT_EQ(Captions(**captioner), expected);
  EXPECT_EQ(warnings_.size(), 1u);
}

// Several threads at it when it goes: each does its own again.
TEST_F(DeviceCaptioningFaults, ThreadsThatShareALostDeviceLoseNothing) {
  const auto expected = OnCpu();
  const auto captioner = Load(Device::kCuda);
  ESPY_ASSERT_OK(captioner);
  emulation::LoseDeviceAfter(120);
  std::vector<std::vector<std::vector<std::int32_t>>> captions(3);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : captions) {
      threads.emplace_back([&] { mine = Captions(**captioner); });
    }
  }
  for (const auto& mine : captions) EXPECT_EQ(mine, expected);
  EXPECT_EQ(warnings_.size(), 1u);
}

// What a thread meets for which the device was given up between a picture and its text.
TEST_F(DeviceCaptioningFaults, APictureAndItsTextMustLieTogether) {
  const auto captioner = Load(Device::kCuda);
  ESPY_ASSERT_OK(captioner);
  const TextDecoder& decoder = (*captioner)->decoder();
  const GoldenPictures pictures((*captioner)->config().vision);
  auto looked = (*captioner)->Look(pictures.views, /*with_rows=*/false);
  ESPY_ASSERT_OK(looked);
  KvCache here(decoder.config().layers, decoder.config().width);
  here.Add(0);
  DecoderOutput out;
  const std::int32_t token = 5, parent = -1;
  const Status status = decoder.Forward({.tokens = {&token, 1}, .parents = {&parent, 1}}, &here,
                                        &looked->cross, &out);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(here.length(0), 0);
}

}  // namespace
}  // namespace espy::captioning
