// Both towers on a GPU, or on the emulation of one, against the embeddings that transformers gives
// for the same weights and inputs (goldens.json).
#include <gtest/gtest.h>

#include <set>

#include "encoders/device/device_encoder.h"
#include "encoders/model_files.h"
#include "tests/parity/golden_model.h"

namespace espy::encoders {
namespace {

// What enters a product is rounded to 16 bits, and so is what leaves it: FP16 is off by 2^-12 of a
// number at most, BF16 by 2^-9. A row's errors are independent and its cosine suffers by about the
// square of them times the roundings that reach it: some 1e-6 with FP16 and 1e-4 with BF16. Rows of
// a few dozen numbers average out little; with BF16 they stand farther from FP32 than those of any
// published model, as on the CPU (parity_test.cc). Measured here at worst, emulated: FP16 1.3e-5 of
// cosine, BF16 6.3e-4.
struct Floor {
  Precision precision;
  double cosine;
};
// Of each kind of tower one, where more would say no more and take minutes, emulated.
const std::set<std::string> kSome{"clip_one_token_picture_f16", "siglip2_pads_left",
                                  "naflex_head64"};

constexpr Floor kFloors[] = {{Precision::kFloat16, 0.9999}, {Precision::kBfloat16, 0.999}};

// All cases; emulated, those that do not take minutes (attention of such lengths is tested by
// itself).
std::vector<std::string> DeviceCases() {
  std::vector<std::string> names = CaseNames();
#ifdef ESPY_CUDA_EMULATED
  const std::set<std::string> kLong{"clip_257_tokens",   "clip_577_tokens",   "clip_h14_heads",
                                    "siglip_196_tokens", "siglip_729_tokens", "siglip_1024_tokens",
                                    "naflex_256_patches"};
  std::erase_if(names, [&](const std::string& name) { return kLong.contains(name); });
#endif
  return names;
}

class DeviceParity : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Result<std::string> device = DescribeDevice();
    if (!device.ok()) GTEST_SKIP() << device.status().message();
  }
};
INSTANTIATE_TEST_SUITE_P(Transformers, DeviceParity, ::testing::ValuesIn(DeviceCases()),
                         [](const auto& golden) { return golden.param; });

double Length(const float* row, std::int64_t n) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(row[i]) * row[i];
  return std::sqrt(squares);
}

TEST_P(DeviceParity, EmbeddingsAgreeWithTransformers) {
  const auto opened = OpenCase(GoldenNamed(GetParam()));
  ESPY_ASSERT_OK(opened);
  const Case& c = **opened;
  for (const Floor& floor : kFloors) {
    const std::string name(PrecisionName(floor.precision));
    SCOPED_TRACE(name);
    const auto device = OpenDeviceEncoder(c.config, *c.weights, {.precision = floor.precision});
    ESPY_ASSERT_OK(device);
    EXPECT_EQ((*device)->precision(), floor.precision);
    if (c.config.vision.width % 8 == 0) {
      std::vector<float> out(c.input->views.size() * c.dimension), again(out.size());
      ESPY_ASSERT_OK((*device)->EncodeImages(c.input->views, out.data()));
      const Agreement pictures = Compare(out, c.golden["images"]);
      EXPECT_GE(pictures.cosine, floor.cosine);
      EXPECT_LT(pictures.cosine, 1);  // it was rounded, on the way that was meant
      EXPECT_NEAR(Length(out.data(), c.config.projection), 1, 1e-5);
      RecordProperty(name + "_image_loss", std::to_string((1 - pictures.cosine) * 1e6) + "e-6");
      // The second pass of this size is recorded and replayed.
      if (floor.precision == Precision::kFloat16 && kSome.contains(GetParam())) {
        ESPY_ASSERT_OK((*device)->EncodeImages(c.input->views, again.data()));
        EXPECT_EQ(out, again);
      }
    } else {
      EXPECT_EQ((*device)->LoadImage().code(), StatusCode::kUnsupported);
    }
    if (c.config.text.width % 8 == 0) {
      ESPY_ASSERT_OK((*device)->LoadText(PaddingOf(c.golden)));
      std::vector<float> out(c.ids.size() * c.dimension), again(out.size());
      ESPY_ASSERT_OK((*device)->EncodeTexts(c.ids, out.data()));
      const Agreement words = Compare(out, c.golden["text_embeddings"]);
      EXPECT_GE(words.cosine, floor.cosine);
      EXPECT_LT(words.cosine, 1);
      RecordProperty(name + "_text_loss", std::to_string((1 - words.cosine) * 1e6) + "e-6");
      if (floor.precision == Precision::kFloat16 && kSome.contains(GetParam())) {
        ESPY_ASSERT_OK((*device)->EncodeTexts(c.ids, again.data()));
        EXPECT_EQ(out, again);
      }
    } else {
      EXPECT_EQ((*device)->LoadText(PaddingOf(c.golden)).code(), StatusCode::kUnsupported);
    }
  }
}

#ifdef ESPY_CUDA_EMULATED
// By our own kernels an item's vector does not depend on what is beside it.
class DeviceBatches : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(SomeOf, DeviceBatches, ::testing::ValuesIn(kSome),
                         [](const auto& golden) { return golden.param; });
TEST_P(DeviceBatches, AnItemHasTheSameBitsAloneAndInAnyBatch) {
  const auto opened = OpenCase(GoldenNamed(GetParam()), "other pixels", 3);
  ESPY_ASSERT_OK(opened);
  const Case& c = **opened;
  const auto device = OpenDeviceEncoder(c.config, *c.weights, {});
  ESPY_ASSERT_OK(device);
  std::vector<float> together(c.input->views.size() * c.dimension), alone(together.size());
  ESPY_ASSERT_OK((*device)->EncodeImages(c.input->views, together.data()));
  for (std::size_t i = 0; i < c.input->views.size(); ++i) {
    ESPY_ASSERT_OK((*device)->EncodeImages(std::span(c.input->views).subspan(i, 1),
                                           alone.data() + i * c.dimension));
  }
  EXPECT_EQ(together, alone);
}
#endif

}  // namespace
}  // namespace espy::encoders
