#include "index/graph_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/thread_pool.h"
#include "index/dot.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

constexpr std::int64_t kRows = 6000;
constexpr double kUnlimited = 1e12;

// Unit vectors in a cone that vary along `latent` directions, and a little along all others.
class Cone {
 public:
  Cone(std::int64_t dimension, std::int64_t latent, float noise)
      : dimension_(dimension), noise_(noise) {
    std::mt19937_64 random(7);
    for (std::int64_t i = 0; i <= latent; ++i) directions_.push_back(Gaussian(random, 1.0f));
  }
  std::vector<float> Next() {
    std::vector<float> x = Gaussian(random_, noise_);
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < directions_.size(); ++i) {
      const float along = i == 0 ? 2.0f : normal(random_);
      for (std::size_t j = 0; j < x.size(); ++j) x[j] += along * directions_[i][j];
    }
    float squares = 0;
    for (const float value : x) squares += value * value;
    for (float& value : x) value /= std::sqrt(squares);
    return x;
  }

 private:
  std::vector<float> Gaussian(std::mt19937_64& random, float deviation) const {
    std::normal_distribution<float> normal(0.0f, deviation);
    std::vector<float> x(static_cast<std::size_t>(dimension_));
    for (float& value : x) value = normal(random);
    return x;
  }
  std::mt19937_64 random_{8};
  const std::int64_t dimension_;
  const float noise_;
  std::vector<std::vector<float>> directions_;
};

struct Data {
  std::int64_t dimension = 0;
  std::vector<std::uint16_t> halves;
  std::vector<std::uint64_t> ids;
  std::vector<std::vector<float>> queries;
  HalfRows rows() const {
    return {halves.data(), static_cast<std::int64_t>(ids.size()), dimension};
  }
};

Data Make(std::int64_t dimension, std::int64_t latent, float noise, std::int64_t n = kRows) {
  Cone cone(dimension, latent, noise);
  Data data;
  data.dimension = dimension;
  data.halves.resize(static_cast<std::size_t>(n * dimension));
  for (std::int64_t i = 0; i < n; ++i) {
    FloatToHalf(cone.Next().data(), static_cast<std::size_t>(dimension),
                data.halves.data() + i * dimension);
    data.ids.push_back(static_cast<std::uint64_t>(3 * i + 1));
  }
  for (int i = 0; i < 50; ++i) data.queries.push_back(cone.Next());
  return data;
}

std::unique_ptr<RowIndex> Built(const Data& data, int threads = 2) {
  auto index = GraphIndex::Build(data.rows(), {}, threads, {});
  EXPECT_TRUE(index.ok()) << index.status().message();
  return std::move(index).value();
}

RowQuery Query(const std::vector<float>& vector, std::int64_t effort, RowFilter filter = {}) {
  RowQuery query;
  query.vector = vector.data();
  query.k = 10;
  query.effort = effort;
  query.filter = filter;
  query.max_cost = kUnlimited;
  return query;
}

double Recall(const Data& data, const RowIndex& index, std::int64_t effort, RowFilter filter = {}) {
  int hits = 0, wanted = 0;
  for (const std::vector<float>& vector : data.queries) {
    std::vector<std::pair<float, std::int32_t>> exact;
    for (std::int32_t i = 0; i < data.rows().n; ++i) {
      if (filter(i)) {
        exact.emplace_back(-Dot(vector.data(), data.rows().row(i), data.dimension), i);
      }
    }
    std::sort(exact.begin(), exact.end());
    std::vector<FoundRow> found;
    EXPECT_TRUE(index.Search(data.rows(), Query(vector, effort, filter), &found));
    EXPECT_EQ(found.size(), std::min<std::size_t>(exact.size(), effort));
    std::set<std::int32_t> rows;
    for (const FoundRow& row : found) {
      EXPECT_TRUE(filter(row.row));
      EXPECT_TRUE(rows.insert(row.row).second) << "a row is found once";
      EXPECT_EQ(row.score, Dot(vector.data(), data.rows().row(row.row), data.dimension));
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(10, exact.size()); ++i) {
      hits += rows.contains(exact[i].second) ? 1 : 0;
      ++wanted;
    }
  }
  return static_cast<double>(hits) / wanted;
}

std::string Encoded(const RowIndex& index) {
  std::string bytes;
  EXPECT_TRUE(index
                  .Encode([&](const void* data, std::size_t size) {
                    bytes.append(static_cast<const char*>(data), size);
                    return Status::Ok();
                  })
                  .ok());
  return bytes;
}

Result<std::unique_ptr<RowIndex>> Parsed(const Data& data, const std::string& bytes) {
  std::size_t at = 0;
  return GraphIndex::Parse(data.rows(), bytes.size(), [&](void* out, std::size_t size) {
    if (bytes.size() - at < size) return Status::Corruption("it ends early");
    if (size > 0) std::memcpy(out, bytes.data() + at, size);  // nothing has no address
    at += size;
    return Status::Ok();
  });
}

std::int64_t Dims(const RowIndex& index) { return dynamic_cast<const GraphIndex&>(index).dims(); }

TEST(GraphIndex, RowsOfFewDirectionsGetShortCodesAndAreFound) {
  const Data data = Make(256, 24, 0.05f);
  const auto index = Built(data);
  EXPECT_EQ(Dims(*index), 56);
  EXPECT_GE(Recall(data, *index, 80), 0.98);
}

TEST(GraphIndex, RowsThatDoNotCompressKeepAllDimensionsAndAreFound) {
  const Data data = Make(256, 0, 1.0f);
  const auto index = Built(data);
  EXPECT_EQ(Dims(*index), 256);
  EXPECT_GE(Recall(data, *index, 400), 0.95);  // points without structure: the hardest there are
}

TEST(GraphIndex, FewRowsOfFewDimensionsAreAllFound) {
  for (const std::int64_t n : {1, 2, 10, 300}) {
    const Data data = Make(32, 4, 0.1f, n);
    EXPECT_EQ(Recall(data, *Built(data), 300), 1.0) << n;
  }
}

TEST(GraphIndex, FiltersAndDeathsAreHeeded) {
  const Data data = Make(256, 24, 0.05f);
  const auto index = Built(data);
  std::vector<std::atomic<std::uint64_t>> died(data.ids.size());
  for (std::size_t i = 0; i < died.size(); ++i) died[i] = i % 10 < 3 ? 5 : UINT64_MAX;
  std::vector<std::uint64_t> allowed;
  for (std::size_t i = 0; i < data.ids.size(); i += 2) allowed.push_back(data.ids[i]);
  EXPECT_GE(Recall(data, *index, 80, {data.ids.data(), died.data(), 5, {}}), 0.98);
  EXPECT_GE(Recall(data, *index, 80, {data.ids.data(), died.data(), 4, {}}), 0.98);
  EXPECT_GE(Recall(data, *index, 80, {data.ids.data(), nullptr, 5, allowed}), 0.98);
  EXPECT_GE(Recall(data, *index, 80, {data.ids.data(), died.data(), 5, allowed}), 0.98);
}

TEST(GraphIndex, ASearchGivesUpAtItsCost) {
  const Data data = Make(256, 24, 0.05f);
  const auto index = Built(data);
  std::vector<FoundRow> found;
  const std::vector<std::uint64_t> nobody = {2};
  for (const RowFilter& filter : {RowFilter(), RowFilter(data.ids.data(), nullptr, 1, nobody)}) {
    RowQuery query = Query(data.queries[0], 200, filter);
    query.max_cost = 10;
    EXPECT_FALSE(index->Search(data.rows(), query, &found));
  }
}

TEST(GraphIndex, AnyNumberOfThreadsBuildsTheSameBytes) {
  const Data data = Make(128, 24, 0.05f, 3000);
  const std::string one = Encoded(*Built(data, 1));
  EXPECT_EQ(one, Encoded(*Built(data, 4)));
}

TEST(GraphIndex, ABuildStopsWhenTold) {
  const Data data = Make(64, 8, 0.05f, 500);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(GraphIndex::Build(data.rows(), {}, 2, stop.get_token()).status().code(),
            StatusCode::kCancelled);
}

TEST(GraphIndex, ComesBackFromItsBytesAndEveryCutIsRefused) {
  const Data data = Make(256, 24, 0.05f, 400);
  const auto index = Built(data);
  const std::string bytes = Encoded(*index);
  EXPECT_EQ(bytes.size(), index->EncodedBytes());
  const auto again = Parsed(data, bytes);
  ESPY_ASSERT_OK(again);
  EXPECT_EQ(Encoded(**again), bytes);
  std::vector<FoundRow> a, b;
  for (const std::vector<float>& vector : data.queries) {
    ASSERT_TRUE(index->Search(data.rows(), Query(vector, 30), &a));
    ASSERT_TRUE((*again)->Search(data.rows(), Query(vector, 30), &b));
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].row, b[i].row);
      EXPECT_EQ(a[i].score, b[i].score);
    }
  }
  for (std::size_t n = 0; n < bytes.size(); n += 97) {
    EXPECT_FALSE(Parsed(data, bytes.substr(0, n)).ok()) << n;
  }
  EXPECT_FALSE(Parsed(data, bytes + "x").ok());
}

TEST(GraphIndex, DamagedBytesAreRefusedOrLeadNowhereElse) {
  const Data data = Make(64, 8, 0.05f, 300);
  const std::string bytes = Encoded(*Built(data));
  std::mt19937_64 random(9);
  std::vector<FoundRow> found;
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string damaged = bytes;
    // The header every other time: most of the bytes are codes, of which any is as good.
    const std::size_t at = i % 2 == 0 ? random() % 16 : random() % bytes.size();
    damaged[at] = static_cast<char>(random());
    const auto index = Parsed(data, damaged);
    if (!index.ok()) {
      ++refused;
      continue;
    }
    (*index)->Search(data.rows(), Query(data.queries[0], 20), &found);
    for (const FoundRow& row : found) EXPECT_LT(row.row, 300);
  }
  EXPECT_GT(refused, 100);
}

TEST(LinkTable, KeepsLinksInOrderUpToItsDegree) {
  LinkTable table(1000, 1);
  EXPECT_EQ(table.degree(), 21);
  std::vector<std::int32_t> links;
  for (std::int32_t i = 0; i < 21; ++i) links.push_back(999 - 40 * i);
  table.Set(3, links);
  table.Set(4, std::vector<std::int32_t>{7});
  const auto read = [&](std::int64_t row) {
    std::vector<std::int32_t> out;
    table.ForEach(row, [&](std::int32_t to) { out.push_back(to); });
    return out;
  };
  EXPECT_EQ(read(3), links);
  EXPECT_EQ(read(4), std::vector<std::int32_t>{7});
  EXPECT_EQ(read(5), std::vector<std::int32_t>{});
  EXPECT_EQ(LinkTable(1000, 2).degree(), 42);
  EXPECT_EQ(LinkTable(1000, 3).degree(), 63) << "64 would be read a byte beyond the row";
  EXPECT_EQ(LinkTable::LinkBytes(0xfffffe), 3);
  EXPECT_EQ(LinkTable::LinkBytes(0xffffff), 4);
}

}  // namespace
}  // namespace espy::index
