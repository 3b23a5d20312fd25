// Views searched on a GPU, or on the emulation of one, against plain search: the same ids and the
// same bits of scores, whatever happens to the index or to the device.
#include "index/device_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <thread>

#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"
#ifdef ESPY_CUDA_EMULATED
#include "kernels/cuda/emulation/fibers.h"
#endif

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;
using espy::testing::OracleSearch;
using espy::testing::Rows;

constexpr std::int64_t kDimension = 40;

class DeviceSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto device = OpenDeviceSearch({});
    if (!device.ok()) GTEST_SKIP() << device.status().message();
    Make({});
  }

  // An empty index; every part is taken to the device.
  void Make(DeviceSearchOptions device_options) {
    device_options.least_rows = device_options.least_allowed = 1;
    auto device = OpenDeviceSearch(device_options);
    ESPY_ASSERT_OK(device);
    device_ = *device;
    options_.dimension = kDimension;
    options_.seal_rows = 90;
    options_.index_rows = 150;  // merged segments have graphs, which the device does without
    options_.merge_fan_in = 3;
    options_.threads = 1;
    options_.device = device_;
    index_ = VectorIndex::Empty(options_, &store_);
    rows_.clear();
    seq_ = 0;
  }

  void Put(std::uint64_t id) {
    rows_[id] = data_.NextHalf();
    index_->Add(++seq_, id, rows_[id]);
  }
  void Remove(std::uint64_t id) {
    rows_.erase(id);
    index_->Remove(++seq_, id);
  }
  void Fill(std::uint64_t n) {
    for (std::uint64_t id = 1; id <= n; ++id) Put(id * 3);
    index_->Publish(seq_);
  }

  static void ExpectSame(const View& view, const Rows& rows, const std::vector<float>& query,
                         std::int64_t k, const std::vector<std::uint64_t>* allowed = nullptr) {
    SearchParams params{.k = k};
    if (allowed != nullptr) params.allowed = *allowed;
    const auto got = view.Search(query, params);
    ESPY_ASSERT_OK(got);
    const std::vector<Candidate> want = OracleSearch(rows, query, k, allowed);
    ASSERT_EQ(got->size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ((*got)[i].id, want[i].id) << "at " << i;
      ASSERT_EQ(std::bit_cast<std::uint32_t>((*got)[i].score),
                std::bit_cast<std::uint32_t>(want[i].score));
    }
  }
  void ExpectSameNow(std::int64_t k) { ExpectSame(*index_->TakeView(), rows_, data_.Next(), k); }
  bool OnDevice() const {
    return index_->TakeView()->Plan({}).find(device_->name()) != std::string::npos;
  }

  IndexOptions options_;
  MemoryStore store_;
  std::shared_ptr<DeviceSearch> device_;
  std::unique_ptr<VectorIndex> index_;
  ClusteredData data_{7, kDimension, 8};
  Rows rows_;
  std::uint64_t seq_ = 0;
};

// Additions, replacements and deaths in any order, ids not in the order of rows, sealing and
// merging between.
TEST_F(DeviceSearchTest, AnswersAsTheCpuDoesWhateverHappens) {
  std::mt19937_64& random = data_.random();
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t id = random() % 600;
      if (random() % 4 == 0) {
        Remove(id);
      } else {
        Put(id);
      }
    }
    index_->Publish(seq_);
    if (round % 3 == 2) ESPY_ASSERT_OK(index_->Maintain(round % 2 == 0, {}));
    ASSERT_TRUE(OnDevice());
    const auto view = index_->TakeView();
    for (const std::int64_t k : {1, 10, 1024}) ExpectSame(*view, rows_, data_.Next(), k);
    std::vector<std::uint64_t> allowed;
    for (std::uint64_t id = 0; id < 600; ++id) {
      if (random() % 3 == 0) allowed.push_back(id);
    }
    ExpectSame(*view, rows_, data_.Next(), 10, &allowed);
    allowed.resize(1);
    ExpectSame(*view, rows_, data_.Next(), 10, &allowed);
  }
  EXPECT_GT(device_->memory_bytes(), 0u);
}

TEST_F(DeviceSearchTest, AViewStaysAsItWas) {
  Fill(200);
  Remove(30);
  index_->Publish(seq_);
  const auto view = index_->TakeView();
  const Rows then = rows_;
  const std::vector<float> query = data_.Next();
  ExpectSame(*view, then, query, 20);
  for (const Candidate& best : OracleSearch(then, query, 15)) Remove(best.id);
  for (std::uint64_t id = 1000; id < 1100; ++id) Put(id);
  index_->Publish(seq_);
  // By turns: neither's deaths are the other's.
  for (int i = 0; i < 2; ++i) {
    ExpectSame(*view, then, query, 20);
    ExpectSame(*index_->TakeView(), rows_, query, 20);
  }
  ESPY_ASSERT_OK(index_->Maintain(true, {}));
  ExpectSame(*view, then, query, 20);
  ExpectSame(*index_->TakeView(), rows_, query, 20);
}

TEST_F(DeviceSearchTest, WhatNoViewHasAnyMoreIsFreed) {
  Fill(500);
  ExpectSameNow(10);
  const std::uint64_t before = device_->memory_bytes();
  EXPECT_GE(before, 500 * 64 * 2u);
  for (std::uint64_t id = 1; id <= 450; ++id) Remove(id * 3);
  index_->Publish(seq_);
  ESPY_ASSERT_OK(index_->Maintain(true, {}));
  ExpectSameNow(10);
  EXPECT_LT(device_->memory_bytes(), before / 2);
}

TEST_F(DeviceSearchTest, WhatFindsNoRoomIsSearchedOnTheCpu) {
  for (const std::uint64_t memory : {std::uint64_t{100}, std::uint64_t{30'000}}) {
    Make({.memory_bytes = memory});
    Fill(500);
    for (const std::int64_t k : {5, 400}) ExpectSameNow(k);
    EXPECT_LE(device_->memory_bytes(), memory);
    if (memory > 100) {
      EXPECT_GT(device_->memory_bytes(), 0u);
    }
  }
}

TEST_F(DeviceSearchTest, MoreAnswersThanTheDeviceGivesComeFromTheCpu) {
  Fill(100);
  const auto view = index_->TakeView();
  EXPECT_EQ(view->Plan({.k = 2000}).find(device_->name()), std::string::npos);
  ExpectSame(*view, rows_, data_.Next(), 2000);
}

TEST_F(DeviceSearchTest, SmallPartsAreNotWorthTheWay) {
  const auto device = OpenDeviceSearch({});
  ESPY_ASSERT_OK(device);
  EXPECT_FALSE((*device)->Takes(100, 100, 10));
  EXPECT_FALSE((*device)->Takes(1'000'000, 10, 10));
  EXPECT_TRUE((*device)->Takes(1'000'000, 1'000'000, 10));
  EXPECT_FALSE((*device)->Takes(1'000'000, 1'000'000, 1025));
}

// Threads take turns; the emulation runs on one at a time.
TEST_F(DeviceSearchTest, ManyThreadsSearchAtOnce) {
  Fill(300);
  const auto view = index_->TakeView();
  std::vector<std::vector<float>> queries;
  for (int i = 0; i < 4; ++i) queries.push_back(data_.Next());
  std::vector<std::thread> threads;
  for (const std::vector<float>& query : queries) {
    threads.emplace_back([&] { ExpectSame(*view, rows_, query, 10); });
  }
  for (std::thread& thread : threads) thread.join();
}

#ifdef ESPY_CUDA_EMULATED
// At whichever copy it goes: the answer is the CPU's, and so are all that follow.
TEST_F(DeviceSearchTest, ALostDeviceCostsNoAnswer) {
  for (int copy = 1; copy <= 12; ++copy) {
    Make({});
    Fill(200);
    Remove(9);
    index_->Publish(seq_);
    cuda::emulation::FailCopiesFrom(copy);
    ExpectSameNow(10);
    ExpectSameNow(10);
    ExpectSameNow(10);
    EXPECT_FALSE(OnDevice()) << copy;
    EXPECT_EQ(device_->memory_bytes(), 0u);
    cuda::emulation::FailCopiesFrom(0);
    ExpectSameNow(10);
  }
}
#endif

}  // namespace
}  // namespace espy::index
