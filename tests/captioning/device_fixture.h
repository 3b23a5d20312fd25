// What tests of a captioner on a GPU share.
#ifndef ESPY_TESTS_CAPTIONING_DEVICE_FIXTURE_H_
#define ESPY_TESTS_CAPTIONING_DEVICE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "captioning/captioner.h"
#include "encoders/device/device_encoder.h"
#include "tests/captioning/golden_model.h"

namespace espy::captioning {

class DeviceCaptioning : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<std::string> device = encoders::DescribeDevice();
    if (!device.ok()) GTEST_SKIP() << device.status().message();
    WriteGoldenModel(golden_, directory_);
    WriteGoldenTokenizer(directory_);
  }

  Result<std::unique_ptr<Captioner>> Load(Device device, std::uint64_t vram = 0) const {
    return Captioner::Load(directory_.path(), {.threads = 1, .device = device, .vram = vram});
  }
  static std::vector<std::vector<std::int32_t>> Tokens(const std::vector<Caption>& captions) {
    std::vector<std::vector<std::int32_t>> tokens;
    for (const Caption& caption : captions) tokens.push_back(caption.tokens);
    return tokens;
  }
  // Short: emulated, a step takes a tenth of a second.
  static CaptionOptions Short() {
    CaptionOptions options;
    options.max_length = 8;
    return options;
  }
  std::vector<std::vector<std::int32_t>> Captions(const Captioner& captioner,
                                                  const CaptionOptions& options = Short()) const {
    const GoldenPictures pictures(captioner.config().vision);
    const auto captions = captioner.CaptionPictures(pictures.views, options);
    EXPECT_TRUE(captions.ok()) << captions.status().message();
    return captions.ok() ? Tokens(*captions) : std::vector<std::vector<std::int32_t>>();
  }
  std::vector<std::vector<std::int32_t>> OnCpu() const {
    return Captions(*Load(Device::kCpu).value());
  }

  const json& golden_ = GoldenNamed("captions", "base");
  testing::TempDir directory_;
};

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_DEVICE_FIXTURE_H_
