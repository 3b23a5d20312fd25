// Draft heads: files, data, and that training makes them right.
#include <gtest/gtest.h>

#include <fstream>

#include "base/random.h"
#include "encoders/safetensors.h"
#include "tests/support/temp_dir.h"
#include "training/heads/train_heads.h"
#include "training/tensor_file.h"

namespace espy::training {
namespace {

// A decoder of texts that count: x_{t+1} = x_t + step modulo the vocabulary, the step shown by the
// picture and by h_t, whose own token it also holds.
struct Counting {
  static constexpr std::int64_t kWidth = 16, kVision = 8, kVocabulary = 12, kTokens = 2;

  explicit Counting(int n) {
    Random random(5);
    const auto draw = [&](std::int64_t count, double deviation) {
      std::vector<float> v(static_cast<std::size_t>(count));
      for (float& x : v) x = static_cast<float>(deviation * random.Normal());
      return v;
    };
    decoder.width = kWidth;
    decoder.vision_width = kVision;
    decoder.vocabulary = kVocabulary;
    decoder.heads = 2;
    decoder.inner = 32;
    decoder.words = draw(kVocabulary * kWidth, 1);
    decoder.transform_weight = draw(kWidth * kWidth, 0.3);
    decoder.transform_bias = draw(kWidth, 0.1);
    decoder.norm_weight.assign(kWidth, 1.0f);
    decoder.norm_bias.assign(kWidth, 0.0f);
    decoder.output_bias.assign(kVocabulary, 0.0f);
    const std::vector<float> steps = draw(3 * kVision, 1);
    data.width = kWidth;
    data.vision_width = kVision;
    data.image_tokens = kTokens;
    for (int text = 0; text < n; ++text) {
      const auto step = static_cast<std::int64_t>(random.Below(3));
      data.pictures.push_back(text);
      for (int i = 0; i < kTokens; ++i) {
        for (int j = 0; j < kVision; ++j)
          data.images.push_back(steps[static_cast<std::size_t>(step * kVision + j)]);
      }
      std::int64_t token = static_cast<std::int64_t>(random.Below(kVocabulary));
      const auto length = static_cast<std::int64_t>(5 + random.Below(5));
      data.lengths.push_back(length);
      for (std::int64_t t = 0; t < length; ++t) {
        data.tokens.push_back(token);
        for (int j = 0; j < kWidth; ++j) {
          data.hidden.push_back(
              decoder.words[static_cast<std::size_t>(token * kWidth + j)] +
              (j < kVision ? steps[static_cast<std::size_t>(step * kVision + j)] : 0));
        }
        token = (token + step + 1) % kVocabulary;
      }
    }
  }

  FrozenDecoder decoder;
  HeadData data;
};

HeadTrainingOptions Options() {
  HeadTrainingOptions options;
  options.trainer.schedule.peak = 1e-2;
  options.trainer.batch = 20;
  options.trainer.seed = 1;
  options.trainer.checkpoint_every = 0;
  options.epochs = 40;
  return options;
}

TEST(TrainHeads, BothKindsBecomeRightOnHeldOutTexts) {
  const Counting task(300);
  for (const bool mtp : {false, true}) {
    const auto model = mtp ? NewMtpModule(&task.decoder, Counting::kTokens, 2, 3)
                           : NewMedusaHeads(&task.decoder, 2, 1);
    const auto report = TrainHeads(task.data, model.get(), Options(), {});
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_GT(report->held_out, 10);
    EXPECT_LT(report->last_loss, 0.3f * report->first_loss);
    ASSERT_EQ(report->acceptance.size(), 2u);
    for (const auto& ranks : report->acceptance) {
      ASSERT_EQ(ranks.size(), 8u);
      // Chance is 1 in 12. A Medusa head has one matrix before the decoder's frozen head.
      EXPECT_GT(ranks[0], mtp ? 0.9f : 0.7f);
      float sum = 0;
      for (const float one : ranks) sum += one;
      EXPECT_LE(sum, 1.0001f);
    }
  }
}

TEST(TrainHeads, StoppedAndResumedEndsWhereOneRunEnds) {
  const Counting task(100);
  const testing::TempDir directory;
  HeadTrainingOptions options = Options();
  options.epochs = 6;
  const auto whole = NewMtpModule(&task.decoder, Counting::kTokens, 2, 3);
  ASSERT_TRUE(TrainHeads(task.data, whole.get(), options, {}).ok());
  options.trainer.checkpoint = directory / "heads.checkpoint";
  std::stop_source source;
  const auto parts = NewMtpModule(&task.decoder, Counting::kTokens, 2, 3);
  const auto stopped = TrainHeads(
      task.data, parts.get(), options,
      [&](const StepReport& done, std::int64_t) {
        if (done.step == 9) source.request_stop();
      },
      source.get_token());
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled);
  const auto again = NewMtpModule(&task.decoder, Counting::kTokens, 2, 3);
  ASSERT_TRUE(TrainHeads(task.data, again.get(), options, {}).ok());
  for (const Parameter& parameter : whole->parameters().all()) {
    EXPECT_EQ(again->parameters().Find(parameter.name)->value, parameter.value) << parameter.name;
  }
}

TEST(DraftModel, IsWrittenUnderThePublishedNames) {
  const Counting task(1);
  const testing::TempDir directory;
  const auto heads = NewMedusaHeads(&task.decoder, 3, 1);
  ASSERT_TRUE(
      heads->Write(Env::Default(), directory.path(), {{0.5f, 0.25f}, {0.4f, 0.1f}, {0.3f, 0}})
          .ok());
  const auto file = encoders::Safetensors::Open(directory / "medusa_heads.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->Find("2.0.linear.weight")->shape, (std::vector<std::int64_t>{16, 16}));
  EXPECT_EQ((*file)->Find("2.0.linear.bias")->shape, (std::vector<std::int64_t>{16}));
  EXPECT_EQ((*file)->Find("acceptance")->shape, (std::vector<std::int64_t>{3, 2}));
  const auto mtp = NewMtpModule(&task.decoder, 2, 1, 1);
  ASSERT_TRUE(mtp->Write(Env::Default(), directory.path(), {}).ok());
  const auto module = encoders::Safetensors::Open(directory / "mtp.safetensors");
  ASSERT_TRUE(module.ok());
  for (const char* name :
       {"hnorm.weight", "enorm.weight", "eh_proj.weight", "layer.0.attention.self.query.weight",
        "layer.0.attention.output.LayerNorm.bias", "layer.0.crossattention.self.value.bias",
        "layer.0.crossattention.output.dense.weight", "layer.0.intermediate.dense.weight",
        "layer.0.output.dense.bias", "layer.0.output.LayerNorm.weight"}) {
    EXPECT_NE((*module)->Find(name), nullptr) << name;
  }
  EXPECT_EQ((*module)->Find("acceptance"), nullptr);
}

// A file as a captioner's cache has it, one thing at a time wrong.
TEST(HeadData, IsReadAndWhatDoesNotFitIsNamed) {
  const testing::TempDir directory;
  const std::string path = directory / "cache.safetensors";
  const std::vector<float> numbers(64, 0.5f);
  const auto write = [&](std::vector<std::int64_t> tokens, std::vector<std::int64_t> lengths,
                         std::vector<std::int64_t> pictures, std::int64_t hidden_rows) {
    TensorFile file;
    file.AddInt64("tokens", tokens);
    file.AddInt64("lengths", lengths);
    file.AddInt64("pictures", pictures);
    file.AddFloat16("hidden", {hidden_rows, 4}, numbers.data());
    file.AddFloat32("images", {2, 3, 5}, numbers.data());
    EXPECT_TRUE(file.Write(Env::Default(), path).ok());
    return ReadHeadData(path, 10);
  };
  const auto good = write({1, 2, 3, 4, 5}, {3, 2}, {1, 0}, 5);
  ASSERT_TRUE(good.ok()) << good.status().message();
  EXPECT_EQ(good->width, 4);
  EXPECT_EQ(good->image_tokens, 3);
  EXPECT_EQ(FirstRows(*good), (std::vector<std::int64_t>{0, 3}));
  const std::pair<const char*, Result<HeadData>> wrong[] = {
      {"tokens", write({1, 2, 3, 4, 10}, {3, 2}, {1, 0}, 5)},
      {"tokens", write({1, 2, 3, 4, -1}, {3, 2}, {1, 0}, 5)},
      {"lengths", write({1, 2, 3, 4, 5}, {3, 3}, {1, 0}, 5)},
      {"lengths", write({1, 2, 3, 4, 5}, {3, 1}, {1, 0}, 5)},
      {"lengths", write({1, 2, 3, 4, 5}, {5, 0}, {1, 0}, 5)},
      {"lengths", write({1, 2, 3, 4, 5}, {INT64_MAX, 2}, {1, 0}, 5)},
      {"pictures", write({1, 2, 3, 4, 5}, {3, 2}, {1, 2}, 5)},
      {"pictures", write({1, 2, 3, 4, 5}, {3, 2}, {1}, 5)},
      {"hidden", write({1, 2, 3, 4, 5}, {3, 2}, {1, 0}, 6)}};
  for (const auto& [tensor, result] : wrong) {
    EXPECT_EQ(result.status().code(), StatusCode::kCorruption);
    EXPECT_NE(result.status().message().find(path + ": " + tensor), std::string::npos)
        << result.status().message();
  }
}

TEST(GatherTexts, SharesPicturesAndKeepsRows) {
  const Counting task(4);
  HeadData data = task.data;
  data.pictures = {2, 0, 2, 1};
  const std::vector<std::int64_t> texts = {2, 3, 0};
  const HeadBatch batch = GatherTexts(data, FirstRows(data), texts);
  EXPECT_EQ(batch.pictures, (std::vector<std::int64_t>{0, 1, 0}));
  EXPECT_EQ(batch.images.size(), 2u * Counting::kTokens * Counting::kVision);
  EXPECT_EQ(batch.lengths[0], data.lengths[2]);
  EXPECT_EQ(batch.first_row[1], data.lengths[2]);
  const std::int64_t first = FirstRows(data)[2];
  EXPECT_EQ(batch.tokens[0], data.tokens[static_cast<std::size_t>(first)]);
  EXPECT_EQ(batch.hidden[0], data.hidden[static_cast<std::size_t>(first * Counting::kWidth)]);
}

}  // namespace
}  // namespace espy::training
