// The encoder as its callers use it, on the bundled model.
#include "encoders/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tests/parity/formula.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

const std::string kModel = ESPY_SOURCE_DIR "/models/espy-mini";

double Length(const float* row, std::int64_t n) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(row[i]) * row[i];
  return std::sqrt(squares);
}

TEST(Encoder, VectorsHaveUnitLengthAndTheSameBitsAloneAndTogether) {
  const auto encoder = Encoder::Load(kModel, {.threads = 2});
  ESPY_ASSERT_OK(encoder);
  const EncoderInfo& info = encoder.value()->info();
  const std::int64_t d = info.dimension;
  const std::vector<std::string> texts{"a dog", "", "two boats on a lake at sunset",
                                       std::string(5000, 'x'), "\xff\xfe broken"};
  std::vector<float> together(texts.size() * static_cast<std::size_t>(d)), alone = together;
  ESPY_ASSERT_OK(encoder.value()->EncodeTexts(texts, together.data()));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    float* row = alone.data() + i * static_cast<std::size_t>(d);
    ESPY_ASSERT_OK(encoder.value()->EncodeTexts(std::span(texts).subspan(i, 1), row));
    EXPECT_NEAR(Length(row, d), 1, 1e-6) << texts[i];
  }
  EXPECT_EQ(together, alone);

  const std::int64_t picture = 3 * info.preprocess.width * info.preprocess.height;
  const std::int64_t batch = 40;  // more than go through the tower in one pass
  const auto pixels = parity::FormulaValues("pictures", batch * picture, 2.0f);
  together.assign(static_cast<std::size_t>(batch * d), 0);
  alone = together;
  ESPY_ASSERT_OK(encoder.value()->EncodeImages(pixels.data(), batch, together.data()));
  for (std::int64_t i = 0; i < batch; ++i) {
    ESPY_ASSERT_OK(
        encoder.value()->EncodeImages(pixels.data() + i * picture, 1, alone.data() + i * d));
    EXPECT_NEAR(Length(alone.data() + i * d, d), 1, 1e-6);
  }
  EXPECT_EQ(together, alone);
}

TEST(Encoder, ManyThreadsLoadTheTowersOnceAndAgree) {
  const auto encoder = Encoder::Load(kModel, {.threads = 2});
  ESPY_ASSERT_OK(encoder);
  const EncoderInfo& info = encoder.value()->info();
  const auto d = static_cast<std::size_t>(info.dimension);
  const auto pixels =
      parity::FormulaValues("picture", 3 * info.preprocess.width * info.preprocess.height, 2.0f);
  const std::vector<std::string> texts{"a red bicycle"};
  std::vector<std::vector<float>> images(4, std::vector<float>(d)), words = images;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < images.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(encoder.value()->EncodeImages(pixels.data(), 1, images[t].data()).ok());
        EXPECT_TRUE(encoder.value()->EncodeTexts(texts, words[t].data()).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 1; t < images.size(); ++t) {
    EXPECT_EQ(images[t], images[0]);
    EXPECT_EQ(words[t], words[0]);
  }
}

TEST(Encoder, NothingToEncodeIsNoError) {
  const auto encoder = Encoder::Load(kModel, {.threads = 1});
  ESPY_ASSERT_OK(encoder);
  ESPY_ASSERT_OK(encoder.value()->EncodeTexts({}, nullptr));
  ESPY_ASSERT_OK(encoder.value()->EncodeImages(nullptr, 0, nullptr));
}

TEST(Encoder, AModelWithoutItsVisionTensorsStillReadsTexts) {
  // The towers load by themselves: what the image tower lacks is told when a picture is to be
  // encoded, each time.
  const testing::TempDir directory;
  for (const char* name : {"config.json", "preprocessor_config.json", "tokenizer.json",
                           "tokenizer_config.json", "vocab.json", "merges.txt"}) {
    directory.Write(name, testing::ReadFileOrDie(kModel + "/" + name));
  }
  std::string weights = testing::ReadFileOrDie(kModel + "/model.safetensors");
  const std::string before = "vision_model.pre_layrnorm.weight",
                    after = "vision_model.pre_layrnorm.absent";
  const std::size_t at = weights.find(before);
  ASSERT_NE(at, std::string::npos);
  weights.replace(at, before.size(), after);
  directory.Write("model.safetensors", weights);

  const auto encoder = Encoder::Load(directory.path(), {.threads = 1, .load_text = true});
  ESPY_ASSERT_OK(encoder);
  std::vector<float> out(static_cast<std::size_t>(encoder.value()->info().dimension));
  const std::vector<std::string> texts{"a cat"};
  ESPY_ASSERT_OK(encoder.value()->EncodeTexts(texts, out.data()));
  for (int i = 0; i < 2; ++i) {
    const Status status = encoder.value()->EncodeImages(nullptr, 1, out.data());
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    EXPECT_NE(status.message().find(before), std::string::npos) << status.message();
  }
  EXPECT_FALSE(Encoder::Load(directory.path(), {.load_image = true}).ok());
}

}  // namespace
}  // namespace espy::encoders
