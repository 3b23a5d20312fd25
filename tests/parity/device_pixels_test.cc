// Decoded pictures preprocessed on a GPU, or on the emulation of one: the bits of the vectors are
// those of pictures that the CPU preprocessed.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "encoders/config.h"
#include "encoders/device/device_encoder.h"
#include "encoders/model_files.h"
#include "kernels/cuda/device_buffer.h"
#include "tests/imaging/noise.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#ifdef ESPY_CUDA_EMULATED
#include "kernels/cuda/emulation/runtime.h"
#endif

namespace espy::encoders {
namespace {

// Sizes whose resizes have both passes in either order, one pass, none, and one whose bytes alone
// are more than a pass of the tiny models has room for.
const std::vector<imaging::Size> kSizes{{40, 33},  {33, 64}, {7, 50},    {32, 32},  {64, 32},
                                        {32, 200}, {1, 1},   {300, 200}, {200, 300}};
constexpr imaging::Size kLarge{1300, 900};

class DevicePixels : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<std::string> device = DescribeDevice();
    if (!device.ok()) GTEST_SKIP() << device.status().message();
  }

  void Open() {
    auto config = ReadModelConfig(directory_.path());
    ESPY_ASSERT_OK(config);
    config_ = *config;
    auto weights = OpenWeights(directory_.path());
    ESPY_ASSERT_OK(weights);
    weights_ = std::move(*weights);
    auto towers = OpenDeviceEncoder(config_, *weights_, {});
    ESPY_ASSERT_OK(towers);
    towers_ = std::move(*towers);
    ESPY_ASSERT_OK(towers_->LoadImage());
  }

  void Add(imaging::Size size, imaging::Size full) {
    const auto seed = static_cast<std::uint32_t>(images_.size() + 1);
    images_.push_back(imaging::Noise(seed, size.width, size.height));
    full_.push_back(full);
  }
  void AddSizes() {
    for (const imaging::Size size : kSizes) Add(size, size);
    // One that was decoded at a half, of an odd width.
    Add({50, 40}, {99, 80});
  }

  std::vector<imaging::PixelView> Views() const {
    std::vector<imaging::PixelView> views;
    for (std::size_t i = 0; i < images_.size(); ++i) views.push_back({&images_[i], full_[i]});
    return views;
  }
  std::vector<float> OfCpuPixels() {
    std::vector<imaging::PictureTensor> tensors;
    std::vector<imaging::PictureView> views;
    for (const imaging::PixelView& view : Views()) {
      tensors.push_back(imaging::Preprocess(*view.image, config_.preprocess, view.full));
    }
    for (const imaging::PictureTensor& tensor : tensors) views.push_back(tensor.view());
    std::vector<float> out(images_.size() * Dimension());
    EXPECT_TRUE(towers_->EncodeImages(views, out.data()).ok());
    return out;
  }
  std::vector<float> OfPixels() {
    std::vector<float> out(images_.size() * Dimension());
    EXPECT_TRUE(towers_->EncodePixels(Views(), out.data()).ok());
    return out;
  }
  std::size_t Dimension() const { return static_cast<std::size_t>(config_.projection); }

  testing::TempDir directory_;
  ModelConfig config_;
  std::unique_ptr<Safetensors> weights_;
  std::unique_ptr<DeviceEncoder> towers_;
  std::vector<imaging::Image> images_;
  std::vector<imaging::Size> full_;
};

TEST_F(DevicePixels, CroppedPicturesHaveTheBitsOfTheCpusPixels) {
  testing::WriteTinyModel(directory_.path());
  Open();
  AddSizes();
  EXPECT_EQ(OfPixels(), OfCpuPixels());
}

TEST_F(DevicePixels, PicturesOfTheirOwnShapeHaveTheBitsOfTheCpusPixels) {
  testing::WriteTinyNaflexModel(directory_.path());
  Open();
  AddSizes();
  EXPECT_EQ(OfPixels(), OfCpuPixels());
}

TEST_F(DevicePixels, BlackIsPutAroundWhatIsSmallerThanTheCrop) {
  testing::WriteTinyModel(directory_.path());
  directory_.Write("preprocessor_config.json",
                   R"({"do_resize": true, "size": {"shortest_edge": 20}, "do_center_crop": true,
                       "crop_size": {"height": 32, "width": 32}, "resample": 3,
                       "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]})");
  Open();
  AddSizes();
  EXPECT_EQ(OfPixels(), OfCpuPixels());
}

#ifdef ESPY_CUDA_EMULATED
// What is too large for a pass's memory is fitted by the CPU; what does not fit beside others waits
// for the next pass. Bytes go up once, and less of them than floats would be.
TEST_F(DevicePixels, PassesTakeAsManyPicturesAsTheirBytesFit) {
  testing::WriteTinyModel(directory_.path());
  Open();
  for (int i = 0; i < 9; ++i) Add({600, 400}, {600, 400});
  Add(kLarge, kLarge);
  for (int i = 0; i < 3; ++i) Add({500, 700}, {500, 700});
  const std::vector<float> expected = OfCpuPixels();
  cuda::emulation::ResetCounts();
  EXPECT_EQ(OfPixels(), expected);
  const cuda::emulation::Counts counts = cuda::emulation::CurrentCounts();
  const std::uint64_t bytes = 9 * 600 * 400 * 3 + 3 * 500 * 700 * 3;
  EXPECT_GT(counts.uploads, 4u);  // two a pass
  EXPECT_GE(counts.uploaded_bytes, bytes);
  EXPECT_LT(counts.uploaded_bytes, bytes + 400'000);  // tables and coefficients
}
#endif

TEST_F(DevicePixels, TensorsOnTheDeviceAreTakenWhereTheyLie) {
  testing::WriteTinyModel(directory_.path());
  Open();
  AddSizes();
  std::vector<float> tensors;
  for (const imaging::PixelView& view : Views()) {
    const auto tensor = imaging::Preprocess(*view.image, config_.preprocess, view.full);
    tensors.insert(tensors.end(), tensor.values.begin(), tensor.values.end());
  }
  auto buffer = cuda::DeviceBuffer::Allocate(tensors.size() * sizeof(float));
  ESPY_ASSERT_OK(buffer);
  ESPY_ASSERT_OK(buffer->Upload(tensors.data()));
  std::vector<float> out(images_.size() * Dimension());
  ESPY_ASSERT_OK(towers_->EncodeTensors(static_cast<const float*>(buffer->data()),
                                        std::ssize(images_), out.data()));
  EXPECT_EQ(out, OfCpuPixels());
}

TEST_F(DevicePixels, VectorsThatStayOnTheDeviceAreTheSame) {
  testing::WriteTinyModel(directory_.path());
  Open();
  AddSizes();
  constexpr std::int64_t kStride = 32;
  const auto kept = towers_->KeepPixels(Views(), kStride);
  ESPY_ASSERT_OK(kept);
  EXPECT_EQ(kept->count, std::ssize(images_));
  EXPECT_EQ(kept->dimension, config_.projection);
  std::vector<float> rows(static_cast<std::size_t>(kept->count * kStride));
  ESPY_ASSERT_OK(cuda::DownloadFrom(kept->data.get(), rows.data(), rows.size() * sizeof(float)));
  std::vector<float> packed;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % kStride < Dimension()) {
      packed.push_back(rows[i]);
    } else {
      EXPECT_EQ(rows[i], 0.0f);
    }
  }
  EXPECT_EQ(packed, OfCpuPixels());
}

TEST_F(DevicePixels, PicturesOfTheirOwnShapeComeAsNoTensor) {
  testing::WriteTinyNaflexModel(directory_.path());
  Open();
  float out = 0;
  EXPECT_EQ(towers_->EncodeTensors(&out, 1, &out).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::encoders
