#include "captioning/kv_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "captioning/decoder.h"

namespace espy::captioning {
namespace {

constexpr std::int64_t kLayers = 2;
constexpr std::int64_t kWidth = 3;

// A pass whose row i has the number values[i] everywhere in its keys, its negative in its values.
void Pass(KvCache* cache, std::int32_t sequence, const std::vector<float>& values,
          const std::vector<std::int32_t>& parents, std::int32_t first_row = 0) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(cache->sequences()), 0);
  counts[static_cast<std::size_t>(sequence)] = static_cast<std::int64_t>(values.size());
  cache->BeginPass(counts);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t slot =
        cache->AddPending(sequence, first_row + static_cast<std::int32_t>(i), parents[i]);
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      for (std::int64_t c = 0; c < kWidth; ++c) {
        cache->keys(sequence, layer)[slot * kWidth + c] = values[i] + static_cast<float>(layer);
        cache->values(sequence, layer)[slot * kWidth + c] = -values[i] - static_cast<float>(layer);
      }
    }
  }
}

// The kept rows, of the last layer; every number is looked at.
std::vector<float> Kept(KvCache* cache, std::int32_t sequence) {
  std::vector<float> rows;
  for (std::int64_t i = 0; i < cache->length(sequence); ++i) {
    rows.push_back(cache->keys(sequence, 0)[i * kWidth]);
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      for (std::int64_t c = 0; c < kWidth; ++c) {
        const float expected = rows.back() + static_cast<float>(layer);
        EXPECT_EQ(cache->keys(sequence, layer)[i * kWidth + c], expected);
        EXPECT_EQ(cache->values(sequence, layer)[i * kWidth + c], -expected);
      }
    }
  }
  return rows;
}

TEST(KvCache, KeepsAPathOfATreeInPlace) {
  KvCache cache(kLayers, kWidth);
  cache.Add(0);
  Pass(&cache, 0, {10, 11}, {-1, 0});
  cache.Keep(0, std::vector<std::int32_t>{0, 1});
  // 20 and 21 follow the end; 22 and 23 follow 21; 24 follows 23.
  Pass(&cache, 0, {20, 21, 22, 23, 24}, {-1, -1, 1, 1, 3});
  cache.Keep(0, std::vector<std::int32_t>{1, 3, 4});
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{10, 11, 21, 23, 24}));
  // Nothing of a pass is kept unless asked for.
  Pass(&cache, 0, {30}, {-1});
  Pass(&cache, 0, {40}, {-1});
  cache.Keep(0, std::vector<std::int32_t>{0});
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{10, 11, 21, 23, 24, 40}));
}

TEST(KvCache, GrowsWithoutLosingRows) {
  KvCache cache(kLayers, kWidth);
  cache.Add(0);
  std::vector<float> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(static_cast<float>(i));
    Pass(&cache, 0, {all.back()}, {-1});
    cache.Keep(0, std::vector<std::int32_t>{0});
  }
  EXPECT_EQ(Kept(&cache, 0), all);
  cache.Truncate(0, 3);
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{0, 1, 2}));
}

TEST(KvCache, ReordersBeams) {
  KvCache cache(kLayers, kWidth);
  for (int s = 0; s < 3; ++s) cache.Add(10 + s);
  for (int s = 0; s < 3; ++s) {
    Pass(&cache, s, {static_cast<float>(100 * s), static_cast<float>(100 * s + 1)}, {-1, 7}, 7);
    cache.Keep(s, std::vector<std::int32_t>{7, 8});
  }
  cache.Reorder(std::vector<std::int32_t>{2, 0, 2});
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{200, 201}));
  EXPECT_EQ(Kept(&cache, 1), (std::vector<float>{0, 1}));
  EXPECT_EQ(Kept(&cache, 2), (std::vector<float>{200, 201}));
  EXPECT_EQ(cache.picture(0), 12);
  EXPECT_EQ(cache.picture(1), 10);
  // The copies are separate.
  Pass(&cache, 0, {300}, {-1});
  cache.Keep(0, std::vector<std::int32_t>{0});
  Pass(&cache, 2, {400}, {-1});
  cache.Keep(2, std::vector<std::int32_t>{0});
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{200, 201, 300}));
  EXPECT_EQ(Kept(&cache, 2), (std::vector<float>{200, 201, 400}));
  // More than there were, and fewer.
  cache.Reorder(std::vector<std::int32_t>{1, 1, 1, 1, 0});
  EXPECT_EQ(cache.sequences(), 5);
  EXPECT_EQ(Kept(&cache, 3), (std::vector<float>{0, 1}));
  cache.Reorder(std::vector<std::int32_t>{4});
  EXPECT_EQ(Kept(&cache, 0), (std::vector<float>{200, 201, 300}));
  cache.Clear();
  EXPECT_EQ(cache.sequences(), 0);
  cache.Add(5);
  EXPECT_EQ(cache.length(0), 0);
}

// Whatever is done to both, a cache of rows on a device holds what one of rows here holds, and
// gives back what it dropped.
TEST(KvCache, OfADeviceHoldsTheSameRows) {
  const auto pool = std::make_shared<SlotPool>(400);
  std::vector<float> arena(400, -1);
  std::mt19937 random(7);
  const auto any = [&](std::size_t n) { return static_cast<std::int32_t>(random() % n); };
  for (int life = 0; life < 20; ++life) {
    KvCache here(kLayers, kWidth), there(pool);
    EXPECT_TRUE(there.on_device());
    for (int s = 0; s < 3; ++s) {
      here.Add(s);
      there.Add(s);
    }
    float next = 1;
    for (int step = 0; step < 12; ++step) {
      const std::int32_t sequence = any(static_cast<std::size_t>(here.sequences()));
      std::vector<float> values;
      std::vector<std::int32_t> parents;
      for (int i = 0; i < 1 + any(6); ++i) {
        values.push_back(next++);
        parents.push_back(any(static_cast<std::size_t>(i) + 1) - 1);
      }
      Pass(&here, sequence, values, parents);
      std::vector<std::int64_t> counts(static_cast<std::size_t>(there.sequences()), 0);
      counts[static_cast<std::size_t>(sequence)] = std::ssize(values);
      there.BeginPass(counts);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t slot =
            there.AddPending(sequence, static_cast<std::int32_t>(i), parents[i]);
        arena[static_cast<std::size_t>(there.places(sequence)[static_cast<std::size_t>(slot)])] =
            values[i];
      }
      std::vector<std::int32_t> path;
      for (std::int32_t at = any(values.size()); at >= 0;
           at = parents[static_cast<std::size_t>(at)]) {
        path.insert(path.begin(), at);
      }
      if (any(5) > 0) {
        here.Keep(sequence, path);
        there.Keep(sequence, path);
      }
      if (any(4) == 0) {
        std::vector<std::int32_t> sources;
        for (int i = 0; i < 1 + any(4); ++i) {
          sources.push_back(any(static_cast<std::size_t>(here.sequences())));
        }
        here.Reorder(sources);
        there.Reorder(sources);
      }
      if (any(6) == 0) {
        const std::int64_t length = here.length(0) / 2;
        here.Truncate(0, length);
        there.Truncate(0, length);
      }
      ASSERT_EQ(here.sequences(), there.sequences());
      std::set<std::int32_t> held;
      for (std::int32_t s = 0; s < here.sequences(); ++s) {
        ASSERT_EQ(here.picture(s), there.picture(s));
        std::vector<float> rows;
        for (std::int64_t i = 0; i < there.length(s); ++i) {
          rows.push_back(
              arena[static_cast<std::size_t>(there.places(s)[static_cast<std::size_t>(i)])]);
        }
        ASSERT_EQ(rows, Kept(&here, s));
        held.insert(there.places(s).begin(), there.places(s).end());
      }
      ASSERT_EQ(pool->size() - pool->free(), std::ssize(held));
    }
    KvCache moved = std::move(there);
    if (life % 2 == 0) moved.Clear();
  }
  EXPECT_EQ(pool->free(), pool->size());
  KvCache full(pool);
  full.Add(0);
  full.BeginPass(std::vector<std::int64_t>{401});
  for (int i = 0; i < 400; ++i) full.AddPending(0, i, -1);
  EXPECT_THROW(full.AddPending(0, 400, -1), std::bad_alloc);
}

TEST(KvCacheDeathTest, RefusesWhatIsNoPath) {
  KvCache cache(kLayers, kWidth);
  cache.Add(0);
  Pass(&cache, 0, {1, 2, 3}, {-1, 0, 0});
  EXPECT_DEATH(cache.Keep(0, std::vector<std::int32_t>{1}), "path from the sequence's end");
  EXPECT_DEATH(cache.Keep(0, std::vector<std::int32_t>{0, 1, 2}), "path from the sequence's end");
  EXPECT_DEATH(cache.Keep(0, std::vector<std::int32_t>{5}), "last pass");
}

}  // namespace
}  // namespace espy::captioning
