#include "captioning/kv_cache.h"

#include <gtest/gtest.h>

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
