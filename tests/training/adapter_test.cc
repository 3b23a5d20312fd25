// The text adapter: what it learns, that it proves itself, and its file.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "base/random.h"
#include "tests/support/temp_dir.h"
#include "training/loss_plot.h"
#include "training/tensor_file.h"
#include "training/train_adapter.h"

namespace espy::training {
namespace {

constexpr std::int64_t kWidth = 24;

std::vector<float> UnitRow(Random* random, const float* near = nullptr, double spread = 1) {
  std::vector<float> row(kWidth);
  double squares = 0;
  for (std::int64_t i = 0; i < kWidth; ++i) {
    row[static_cast<std::size_t>(i)] =
        static_cast<float>(spread * random->Normal()) + (near == nullptr ? 0 : near[i]);
    squares +=
        static_cast<double>(row[static_cast<std::size_t>(i)]) * row[static_cast<std::size_t>(i)];
  }
  for (float& x : row) x /= static_cast<float>(std::sqrt(squares));
  return row;
}

void Append(const std::vector<float>& row, std::vector<float>* matrix) {
  matrix->insert(matrix->end(), row.begin(), row.end());
}

// Eight names that a model knows nothing of ("rex"), each of a group of pictures. `shown`: whether
// the groups look alike, so that there is something to learn.
AdapterData Names(bool shown) {
  Random random(11);
  AdapterData data;
  data.width = kWidth;
  for (std::int64_t name = 0; name < 8; ++name) {
    Append(UnitRow(&random), &data.texts);
    const std::vector<float> centre = UnitRow(&random);
    for (int i = 0; i < 20; ++i) {
      data.pairs.emplace_back(name, static_cast<std::int64_t>(data.pictures.size()) / kWidth);
      Append(UnitRow(&random, shown ? centre.data() : nullptr, shown ? 0.1 : 1), &data.pictures);
    }
  }
  for (int i = 0; i < 10; ++i) Append(UnitRow(&random), &data.anchors);
  return data;
}

AdapterTraining Training() {
  AdapterTraining training;
  training.trainer.schedule = {.peak = 3e-3, .warmup_steps = 10, .total_steps = 200};
  training.trainer.batch = 32;
  training.bottleneck = 16;
  return training;
}

TEST(TrainAdapter, LearnsNamesForPicturesThatItNeverSaw) {
  const auto result = TrainAdapter(Names(true), Training(), {});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_LT(result->before, 0.4);
  EXPECT_GT(result->after, 0.8);
  EXPECT_GT(result->gain_low, 0.3);
  EXPECT_LT(result->drift, 0.2);
  EXPECT_GE(result->held_out_pairs, kMinHeldOutPairs);
  EXPECT_LT(result->losses.back(), result->losses.front());
}

TEST(TrainAdapter, WhatCannotBeLearntDoesNotPass) {
  const auto result = TrainAdapter(Names(false), Training(), {});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_LE(result->gain_low, 0);
}

TEST(TrainAdapter, TooLittleToJudgeByIsSaid) {
  AdapterData data = Names(true);
  data.pairs.resize(12);
  const auto result = TrainAdapter(data, Training(), {});
  EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(result.status().message().find("too few"), std::string::npos);
}

TEST(TrainAdapter, StoppedAndResumedIsTheSameAdapterAndOtherDataBeginAnew) {
  const testing::TempDir directory;
  const AdapterData data = Names(true);
  AdapterTraining training = Training();
  const auto whole = TrainAdapter(data, training, {});
  ASSERT_TRUE(whole.ok());
  training.trainer.checkpoint = directory / "adapter.checkpoint";
  const auto stop_at = [&](std::int64_t step) {
    std::stop_source source;
    return TrainAdapter(
        data, training,
        [source, step](const StepReport& done) mutable {
          if (done.step == step) source.request_stop();
        },
        source.get_token());
  };
  EXPECT_EQ(stop_at(50).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(stop_at(120).status().code(), StatusCode::kCancelled);
  const auto parts = TrainAdapter(data, training, {});
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->resumed_from, 120);
  EXPECT_EQ(parts->adapter->Bytes(), whole->adapter->Bytes());

  ASSERT_EQ(std::remove(training.trainer.checkpoint.c_str()), 0);  // of the run that is done
  EXPECT_EQ(stop_at(50).status().code(), StatusCode::kCancelled);
  AdapterData other = data;
  other.pairs.pop_back();
  const auto anew = TrainAdapter(other, training, {});
  ASSERT_TRUE(anew.ok());
  EXPECT_EQ(anew->resumed_from, 0);
}

TEST(TextAdapter, ANewOneChangesNothing) {
  const AdapterModel model(kWidth, 8, 3);
  const TextAdapter adapter(model);
  Random random(1);
  const std::vector<float> row = UnitRow(&random);
  std::vector<float> same = row;
  adapter.Apply(same);
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(same[i], row[i], 1e-6);
}

TEST(TextAdapter, ItsBytesComeBackAndOthersAreRefused) {
  AdapterModel model(kWidth, 8, 3);
  Random random(2);
  for (float& x : model.up->value) x = static_cast<float>(random.Normal());
  const TextAdapter adapter(model);
  const std::string bytes = adapter.Bytes();
  const auto back = TextAdapter::Parse(bytes, kWidth, "adapter");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ((*back)->Bytes(), bytes);
  std::vector<float> a = UnitRow(&random), b = a;
  adapter.Apply(a);
  (*back)->Apply(b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(TextAdapter::Parse(bytes, kWidth + 1, "adapter").status().code(),
            StatusCode::kCorruption);
  for (std::size_t n = 0; n < bytes.size(); n += 7) {
    EXPECT_FALSE(TextAdapter::Parse(std::string_view(bytes).substr(0, n), kWidth, "adapter").ok());
  }
  model.down->value[5] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(TextAdapter::Parse(TextAdapter(model).Bytes(), kWidth, "adapter").status().code(),
            StatusCode::kCorruption);
  TensorFile file;
  file.AddFloat32("down.weight", {1, kWidth}, a.data());
  EXPECT_EQ(TextAdapter::Parse(file.Bytes(), kWidth, "adapter").status().code(),
            StatusCode::kCorruption);
}

TEST(LossPlot, IsSvgWithEveryPointInside) {
  std::vector<float> losses;
  for (int i = 0; i < 500; ++i) losses.push_back(3 / std::sqrt(1.0f + static_cast<float>(i)));
  losses[7] = std::nanf("");
  const std::string svg = LossPlot("a < b & \"c\"", 1, losses);
  EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_NE(svg.find("a &lt; b &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_NE(LossPlot("none", 1, {}).find("</svg>"), std::string::npos);
}

}  // namespace
}  // namespace espy::training
