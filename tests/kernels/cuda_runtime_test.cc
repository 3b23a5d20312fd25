// Device memory under a cap, and streams and graphs, on the GPU or on the emulation of one.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/cuda/rows.h"
#include "kernels/cuda/stream.h"
#include "kernels/cuda/vram.h"
#include "tests/kernels/on_device.h"
#ifdef ESPY_CUDA_EMULATED
#include "kernels/cuda/emulation/runtime.h"
#endif

namespace espy::cuda {
namespace {

using CudaRuntimeTest = CudaTest;

TEST_F(CudaRuntimeTest, TheBudgetIsHardAndSaysItsNumbers) {
  VramBudget budget(1'000'000);
  Result<VramArena> first = VramArena::Reserve(&budget, 600'000, "weights");
  ASSERT_TRUE(first.ok());
  const Result<VramArena> second = VramArena::Reserve(&budget, 400'001, "activations");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kResourceExhausted);
  for (const char* part : {"activations: ", "400.0 kB", "600.0 kB", "1.0 MB", "--vram"}) {
    EXPECT_NE(second.status().message().find(part), std::string::npos) << second.status().message();
  }
  EXPECT_EQ(budget.used(), 600'000u);
  EXPECT_TRUE(VramArena::Reserve(&budget, 400'000, "the rest").ok());
  EXPECT_EQ(budget.used(), 600'000u);  // given back as the arena went
  EXPECT_EQ(budget.peak(), 1'000'000u);
  *first = VramArena();
  EXPECT_EQ(budget.used(), 0u);
}

TEST_F(CudaRuntimeTest, ACountingArenaSaysHowLargeARealOneIs) {
  const auto fill = [](VramArena* arena, std::vector<std::byte*>* pieces) {
    pieces->push_back(arena->Take<std::byte>(1));
    const std::size_t mark = arena->Mark();
    pieces->push_back(arena->Take<std::byte>(1000));
    arena->Release(mark);
    pieces->push_back(arena->Take<std::byte>(300));
  };
  std::vector<std::byte*> none, pieces;
  VramArena counting = VramArena::Counting();
  fill(&counting, &none);
  EXPECT_EQ(none, std::vector<std::byte*>(3, nullptr));
  EXPECT_EQ(counting.peak(), 256u + 1024u);
  EXPECT_EQ(counting.used(), 256u + 512u);

  VramBudget budget(0);
  Result<VramArena> arena = VramArena::Reserve(&budget, counting.peak(), "pieces");
  ASSERT_TRUE(arena.ok());
  fill(&*arena, &pieces);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces[0]) % 256, 0u);
  EXPECT_EQ(pieces[1] - pieces[0], 256);
  EXPECT_EQ(pieces[2], pieces[1]);  // the place of what was released
  EXPECT_EQ(arena->peak(), arena->capacity());
}

// A graph reads the memory that its pointers lead to at each launch.
TEST_F(CudaRuntimeTest, ARecordedRunSeesNewInput) {
  Result<Stream> stream = Stream::Create();
  ASSERT_TRUE(stream.ok());
  Result<PinnedBuffer> host = PinnedBuffer::Allocate(2 * sizeof(float));
  ASSERT_TRUE(host.ok());
  const DeviceBuffer x = OnDevice(std::vector<float>{1, 1});
  const auto normalise = [&] {
    return L2Normalize(static_cast<float*>(x.data()), 1, 2, stream->handle());
  };
  const Result<Graph> graph = stream->Record(normalise);
  ASSERT_TRUE(graph.ok());
  for (const float size : {5.0f, -20.0f}) {
    const float in[2] = {0.6f * size, 0.8f * size};
    std::memcpy(host->data(), in, sizeof in);
    ASSERT_TRUE(stream->Upload(x.data(), host->data(), sizeof in).ok());
    ASSERT_TRUE(graph->Launch(*stream).ok());
    ASSERT_TRUE(stream->Download(host->data(), x.data(), sizeof in).ok());
    ASSERT_TRUE(stream->Wait().ok());
    float out[2];
    std::memcpy(out, host->data(), sizeof out);
    EXPECT_NEAR(out[0], size > 0 ? 0.6f : -0.6f, 1e-6f);
    EXPECT_NEAR(out[1], size > 0 ? 0.8f : -0.8f, 1e-6f);
  }
}

TEST_F(CudaRuntimeTest, AFailureWhileRecordingIsTheOneThatComesBack) {
  const Result<Stream> stream = Stream::Create();
  ASSERT_TRUE(stream.ok());
  const Result<Graph> graph = stream->Record([] { return Status::InvalidArgument("mine"); });
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().message(), "mine");
  EXPECT_TRUE(stream->Record([] { return Status::Ok(); }).ok());  // the stream is whole again
}

#ifdef ESPY_CUDA_EMULATED
// What was not waited for has not been done.
TEST_F(CudaRuntimeTest, TheEmulationDoesNothingBeforeItIsWaitedFor) {
  const Result<Stream> stream = Stream::Create();
  const Result<PinnedBuffer> host = PinnedBuffer::Allocate(sizeof(float));
  const DeviceBuffer x = OnDevice(std::vector<float>{3});
  ASSERT_TRUE(L2Normalize(static_cast<float*>(x.data()), 1, 1, stream->handle()).ok());
  ASSERT_TRUE(stream->Download(host->data(), x.data(), sizeof(float)).ok());
  float value = 0;
  ASSERT_TRUE(x.Download(&value).ok());
  EXPECT_EQ(value, 3);
  ASSERT_TRUE(stream->Wait().ok());
  std::memcpy(&value, host->data(), sizeof value);
  EXPECT_EQ(value, 1);
}

TEST_F(CudaRuntimeTest, MemoryRunsOutAndADeviceIsLost) {
  emulation::LimitMemory(emulation::CurrentCounts().memory + 1000);
  EXPECT_TRUE(DeviceBuffer::Allocate(1000).ok());
  EXPECT_EQ(DeviceBuffer::Allocate(1001).status().code(), StatusCode::kResourceExhausted);
  emulation::LimitMemory(0);

  const DeviceBuffer x = OnDevice(std::vector<float>{3});
  emulation::LoseDeviceAfter(1);
  EXPECT_TRUE(L2Normalize(static_cast<float*>(x.data()), 1, 1, nullptr).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(L2Normalize(static_cast<float*>(x.data()), 1, 1, nullptr).code(),
              StatusCode::kUnavailable);
  }
  emulation::LoseDeviceAfter(-1);
}
#endif

}  // namespace
}  // namespace espy::cuda
