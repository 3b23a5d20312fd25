// Checkpoints that are damaged, half written, or of something else.
#include "training/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "encoders/safetensors.h"
#include "tests/support/temp_dir.h"
#include "training/tensor_file.h"

namespace espy::training {
namespace {

struct Some {
  explicit Some(float value = 0, std::int64_t width = 4) {
    Parameter* p = parameters.Add("layer.weight", 3, width, true);
    std::fill(p->value.begin(), p->value.end(), value);
    optimiser = std::make_unique<AdamW>(&parameters, AdamWOptions{});
  }
  Status Write(const std::string& path) {
    return WriteCheckpoint(Env::Default(), path, state, parameters, optimiser.get(), scaler);
  }
  Status Read(const std::string& path) {
    return ReadCheckpoint(Env::Default(), path, &state, &parameters, optimiser.get(), &scaler);
  }
  float value() const { return parameters.all().front().value[0]; }

  ParameterSet parameters;
  std::unique_ptr<AdamW> optimiser;
  GradScaler scaler;
  RunState state;
};

TEST(Checkpoint, BringsBackAllThatARunIs) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/c";
  Some run(1.25f);
  run.state = {.step = 7, .epoch = 2, .position = 96, .random = ~0ull, .fingerprint = 5};
  run.optimiser->set_steps(6);
  run.optimiser->first_moments()[0][3] = -2;
  run.optimiser->second_moments()[0][4] = 3;
  run.scaler.Restore(1024, 17);
  ASSERT_TRUE(run.Write(path).ok());
  Some back;
  back.state.fingerprint = 5;
  ASSERT_TRUE(back.Read(path).ok());
  EXPECT_EQ(back.value(), 1.25f);
  EXPECT_EQ(back.state.step, 7);
  EXPECT_EQ(back.state.epoch, 2);
  EXPECT_EQ(back.state.position, 96);
  EXPECT_EQ(back.state.random, ~0ull);
  EXPECT_EQ(back.optimiser->steps(), 6);
  EXPECT_EQ(back.optimiser->first_moments(), run.optimiser->first_moments());
  EXPECT_EQ(back.optimiser->second_moments(), run.optimiser->second_moments());
  EXPECT_EQ(back.scaler.scale(), 1024);
  EXPECT_EQ(back.scaler.steps_without_overflow(), 17);
}

TEST(Checkpoint, EveryFlippedByteAndEveryShorterFileIsRefused) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/c";
  ASSERT_TRUE(Some(1).Write(path).ok());
  const std::string whole = *Env::Default()->ReadFile(path, 1 << 20);
  for (std::size_t i = 0; i < whole.size(); i += 3) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x20);
    std::ofstream(path, std::ios::binary)
        .write(flipped.data(), static_cast<std::streamsize>(flipped.size()));
    Some back;
    EXPECT_EQ(back.Read(path).code(), StatusCode::kCorruption) << i;
    EXPECT_EQ(back.value(), 0) << i;
    std::ofstream(path, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(i));
    EXPECT_EQ(back.Read(path).code(), StatusCode::kCorruption) << i;
  }
}

TEST(Checkpoint, OfAnotherShapeIsRefused) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/c";
  ASSERT_TRUE(Some(1).Write(path).ok());
  EXPECT_EQ(Some(0, 5).Read(path).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Some().Read(directory.path() + "/none").code(), StatusCode::kNotFound);
}

// Large enough for a kill to fall into the write.
TEST(Checkpoint, AKillWhileOneIsWrittenLeavesOneThatIsWhole) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/c";
  constexpr std::int64_t kWidth = 200000;
  ASSERT_TRUE(Some(1, kWidth).Write(path).ok());
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (float value = 2;; value += 1) {
        if (!Some(value, kWidth).Write(path).ok()) ::_exit(1);
      }
    }
    ::usleep(static_cast<useconds_t>(3000 + 5000 * round));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed to write";
    Some back(0, kWidth);
    const Status read = back.Read(path);
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_GE(back.value(), 1);
    const auto& values = back.parameters.all().front().value;
    EXPECT_EQ(values.front(), values.back());
  }
}

TEST(TensorFile, IsReadByTheReaderOfModels) {
  const testing::TempDir directory;
  const std::string path = directory.path() + "/t.safetensors";
  TensorFile file;
  file.Note("words", "a \"quoted\" \\ line\nand more");
  const std::vector<float> values = {0, 1, -2, 65504, 0.5f, 3};
  file.AddFloat32("a", {2, 3}, values.data());
  file.AddFloat16("b", {6}, values.data());
  file.AddInt64("c", {-1, 5});
  ASSERT_TRUE(file.Write(Env::Default(), path).ok());
  const auto opened = encoders::Safetensors::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ((*opened)->Names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ((*opened)->Find("a")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ((*opened)->Find("b")->dtype, encoders::DType::kF16);
  EXPECT_EQ((*opened)->Find("b")->bytes[2 * 3], 0xff);  // 65504 is 0x7bff
}

}  // namespace
}  // namespace espy::training
