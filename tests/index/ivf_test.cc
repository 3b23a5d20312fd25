// Inverted files as indexes of segments: what they find beside exact search, their bytes, and what
// damaged bytes meet.
#include <gtest/gtest.h>

#include <cstring>
#include <iostream>
#include <set>

#include "index/ivf/ivf_index.h"
#include "index/segment_format.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;

constexpr std::int64_t kDimension = 64;
constexpr std::uint64_t kRows = 12'000;

struct Kind {
  IndexKind kind;
  CodeKind codes;
  const char* name;
};
constexpr Kind kKinds[] = {{IndexKind::kIvfFlat, CodeKind::kNone, "IVF-flat"},
                           {IndexKind::kIvfPq, CodeKind::kPq4, "IVF-PQ"},
                           {IndexKind::kIvfRabitq, CodeKind::kRabitq, "IVF-RaBitQ"}};

IndexOptions OptionsOf(IndexKind kind) {
  IndexOptions options;
  options.dimension = kDimension;
  options.kind = kind;
  options.seal_rows = kRows;
  options.threads = 2;
  return options;
}

struct Library {
  MemoryStore store;
  std::unique_ptr<VectorIndex> index;
  std::shared_ptr<const View> view;
};

// One of each kind, over the same rows.
Library& LibraryOf(const Kind& kind) {
  static auto* libraries = new std::map<IndexKind, Library>();
  Library& library = (*libraries)[kind.kind];
  if (library.index != nullptr) return library;
  library.index = VectorIndex::Empty(OptionsOf(kind.kind), &library.store);
  ClusteredData data(31, kDimension, 200);
  for (std::uint64_t id = 1; id <= kRows; ++id) library.index->Add(id, id, data.NextHalf());
  library.index->Publish(kRows);
  EXPECT_TRUE(library.index->Maintain(false, {}).ok());
  library.view = library.index->TakeView();
  return library;
}

class IvfTest : public ::testing::TestWithParam<Kind> {
 protected:
  static double RecallAt10(const View& view, const AllowedIds& allowed = {}) {
    ClusteredData near(31, kDimension, 200), far(32, kDimension, 200);
    near.random().seed(36);
    int hits = 0, wanted = 0;
    for (int q = 0; q < 100; ++q) {
      const std::vector<float> query = q % 4 != 0 ? near.Next() : far.Next();
      const auto exact = view.Search(query, {.exact = true, .allowed = allowed});
      const auto found = view.Search(query, {.allowed = allowed});
      EXPECT_TRUE(exact.ok() && found.ok());
      EXPECT_EQ(found->size(), exact->size()) << "k is filled whenever k rows match";
      std::map<std::uint64_t, float> scores;
      for (const Candidate& candidate : *found) scores[candidate.id] = candidate.score;
      EXPECT_EQ(scores.size(), found->size()) << "no row twice";
      for (const Candidate& candidate : *exact) {
        ++wanted;
        const auto same = scores.find(candidate.id);
        if (same == scores.end()) continue;
        ++hits;
        EXPECT_EQ(same->second, candidate.score) << "scores have exact search's bits";
      }
    }
    const double recall = static_cast<double>(hits) / wanted;
    std::cout << "recall@10 " << recall << ", " << view.Plan({.allowed = allowed}) << "\n";
    return recall;
  }
  static std::vector<std::uint64_t> OneIn(std::uint64_t n) {
    std::mt19937_64 random(n);
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= kRows; ++id) {
      if (random() % n == 0) ids.push_back(id);
    }
    return ids;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, IvfTest, ::testing::ValuesIn(kKinds), [](const auto& instance) {
  std::string name = instance.param.name;
  std::erase(name, '-');
  return name;
});

TEST_P(IvfTest, FindsWhatExactSearchFinds) {
  const Library& library = LibraryOf(GetParam());
  ASSERT_NE(library.view->Plan({}).find(std::string(GetParam().name) + " over 12000 rows"),
            std::string::npos)
      << library.view->Plan({});
  EXPECT_GE(RecallAt10(*library.view), 0.95);
}

TEST_P(IvfTest, FiltersAreFilledAndFound) {
  const Library& library = LibraryOf(GetParam());
  for (const std::uint64_t n : {2, 10, 100}) {
    const std::vector<std::uint64_t> allowed = OneIn(n);
    EXPECT_GE(RecallAt10(*library.view, allowed), 0.95) << "one in " << n;
  }
}

TEST_P(IvfTest, DeadRowsAreNotFound) {
  Library library;
  library.index = VectorIndex::Empty(OptionsOf(GetParam().kind), &library.store);
  ClusteredData data(33, kDimension, 50);
  constexpr std::uint64_t kFew = 4'000;
  auto options = OptionsOf(GetParam().kind);
  options.seal_rows = kFew;
  library.index = VectorIndex::Empty(options, &library.store);
  for (std::uint64_t id = 1; id <= kFew; ++id) library.index->Add(id, id, data.NextHalf());
  library.index->Publish(kFew);
  ESPY_ASSERT_OK(library.index->Maintain(false, {}));
  const auto before = library.index->TakeView();
  for (std::uint64_t id = 1; id <= kFew; id += 3) library.index->Remove(kFew + id, id);
  library.index->Publish(2 * kFew);
  const auto after = library.index->TakeView();
  bool seen = false;
  for (int q = 0; q < 20; ++q) {
    const std::vector<float> query = data.Next();
    const auto then = before->Search(query, {}), now = after->Search(query, {});
    ASSERT_TRUE(then.ok() && now.ok());
    ASSERT_EQ(now->size(), 10u);
    for (const Candidate& c : *now) EXPECT_NE(c.id % 3, 1u);
    for (const Candidate& c : *then) seen |= c.id % 3 == 1;
  }
  EXPECT_TRUE(seen) << "an older view still sees them";
}

TEST_P(IvfTest, ComesBackFromItsBytes) {
  Library& library = LibraryOf(GetParam());
  auto again = VectorIndex::Open(OptionsOf(GetParam().kind), &library.store);
  ESPY_ASSERT_OK(again.status());
  const auto view = (*again)->TakeView();
  ASSERT_EQ(view->Plan({}), library.view->Plan({}));
  ClusteredData data(31, kDimension, 200);
  for (int q = 0; q < 50; ++q) {
    const std::vector<float> query = data.Next();
    const auto a = library.view->Search(query, {}), b = view->Search(query, {});
    ASSERT_TRUE(a.ok() && b.ok());
    ASSERT_EQ(a->size(), b->size());
    for (std::size_t i = 0; i < a->size(); ++i) {
      EXPECT_EQ((*a)[i].id, (*b)[i].id);
      EXPECT_EQ((*a)[i].score, (*b)[i].score);
    }
  }
}

// Rows and an index's bytes, to be damaged.
struct Encoded {
  std::vector<std::uint16_t> halves;
  HalfRows rows;
  std::string bytes;
};

Encoded EncodedOf(const Kind& kind) {
  Encoded encoded;
  ClusteredData data(34, kDimension, 10);
  constexpr std::int64_t kN = 300;
  for (std::int64_t i = 0; i < kN; ++i) {
    const auto half = data.NextHalf();
    encoded.halves.insert(encoded.halves.end(), half.begin(), half.end());
  }
  encoded.rows = {encoded.halves.data(), kN, kDimension};
  const auto index = IvfIndex::Build(kind.codes, encoded.rows, 1, {});
  EXPECT_TRUE(index.ok());
  EXPECT_TRUE((*index)
                  ->Encode([&](const void* from, std::size_t size) {
                    encoded.bytes.append(static_cast<const char*>(from), size);
                    return Status::Ok();
                  })
                  .ok());
  EXPECT_EQ(encoded.bytes.size(), (*index)->EncodedBytes());
  return encoded;
}

Result<std::unique_ptr<RowIndex>> ParseBytes(const Kind& kind, const HalfRows& rows,
                                             std::string_view bytes) {
  std::string_view left = bytes;
  return IvfIndex::Parse(kind.codes, rows, bytes.size(), [&](void* to, std::size_t size) -> Status {
    if (size > left.size()) return Status::Corruption("it ends early");
    std::memcpy(to, left.data(), size);
    left.remove_prefix(size);
    return Status::Ok();
  });
}

// A search of whatever parsed: it must stay within the rows.
void SearchAll(const RowIndex& index, const HalfRows& rows) {
  std::vector<float> query(static_cast<std::size_t>(rows.padded), 0.125f);
  RowQuery row_query;
  row_query.vector = query.data();
  row_query.k = 10;
  row_query.effort = 64;
  row_query.max_cost = 1e9;
  std::vector<FoundRow> found;
  index.Search(rows, row_query, &found);
  std::set<std::int32_t> seen;
  for (const FoundRow& row : found) {
    ASSERT_GE(row.row, 0);
    ASSERT_LT(row.row, rows.n);
    ASSERT_TRUE(seen.insert(row.row).second);
  }
}

TEST_P(IvfTest, DamagedBytesAreRefusedOrHarmless) {
  const Encoded encoded = EncodedOf(GetParam());
  EXPECT_TRUE(ParseBytes(GetParam(), encoded.rows, encoded.bytes).ok());
  for (const std::size_t size : {std::size_t{0}, std::size_t{15}, std::size_t{16},
                                 encoded.bytes.size() / 2, encoded.bytes.size() - 1}) {
    const auto parsed =
        ParseBytes(GetParam(), encoded.rows, std::string_view(encoded.bytes).substr(0, size));
    EXPECT_EQ(parsed.status().code(), StatusCode::kCorruption) << size;
  }
  EXPECT_FALSE(ParseBytes(GetParam(), encoded.rows, encoded.bytes + "x").ok());
  std::mt19937_64 random(35);
  int refused = 0;
  for (int repeat = 0; repeat < 2'000; ++repeat) {
    std::string damaged = encoded.bytes;
    // Half of the time in the header, whose every number is checked.
    const std::size_t at = random() % (repeat % 2 == 0 ? 16 : damaged.size());
    damaged[at] = static_cast<char>(random());
    const auto parsed = ParseBytes(GetParam(), encoded.rows, damaged);
    if (!parsed.ok()) {
      EXPECT_EQ(parsed.status().code(), StatusCode::kCorruption);
      ++refused;
    } else {
      SearchAll(**parsed, encoded.rows);
    }
  }
  EXPECT_GT(refused, 400);
}

TEST_P(IvfTest, RowsThatAreNoNumbersDoNotSpoilTheOthers) {
  ClusteredData data(36, kDimension, 20);
  constexpr std::uint64_t kFew = 3'000;
  auto options = OptionsOf(GetParam().kind);
  options.seal_rows = kFew;
  MemoryStore store;
  auto index = VectorIndex::Empty(options, &store);
  for (std::uint64_t id = 1; id <= kFew; ++id) {
    auto half = data.NextHalf();
    if (id % 100 == 0) half[id % kDimension] = 0x7e00;  // NaN
    index->Add(id, id, half);
  }
  index->Publish(kFew);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  const auto view = index->TakeView();
  for (int q = 0; q < 10; ++q) {
    const auto found = view->Search(data.Next(), {});
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 10u);
    for (const Candidate& c : *found) EXPECT_TRUE(std::isfinite(c.score));
  }
}

TEST(Ivf, AnIndexKeepsTheKindThatItWasMadeAs) {
  MemoryStore store;
  IndexOptions made = OptionsOf(IndexKind::kIvfPq);
  made.seal_rows = 3'000;
  IndexOptions other = made;
  other.kind = IndexKind::kAuto;
  // Remembered before there is a segment.
  ASSERT_EQ((*VectorIndex::Open(made, &store))->stats().kind, IndexKind::kIvfPq);
  auto index = std::move(*VectorIndex::Open(other, &store));
  ASSERT_EQ(index->stats().kind, IndexKind::kIvfPq);
  ClusteredData data(38, kDimension, 20);
  for (std::uint64_t id = 1; id <= 3'000; ++id) index->Add(id, id, data.NextHalf());
  index->Publish(3'000);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  EXPECT_NE(index->TakeView()->Plan({}).find("IVF-PQ over 3000 rows"), std::string::npos);
  // A new index in its place has the kind asked for, unless it is to keep the old one's.
  EXPECT_EQ(VectorIndex::Empty(other, &store)->stats().kind, IndexKind::kAuto);
  other.keep_kind = true;
  EXPECT_EQ(VectorIndex::Empty(other, &store)->stats().kind, IndexKind::kIvfPq);
}

TEST(Ivf, StopsWhileBuilding) {
  const Encoded encoded = EncodedOf(kKinds[1]);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(IvfIndex::Build(CodeKind::kPq4, encoded.rows, 1, stop.get_token()).status().code(),
            StatusCode::kCancelled);
}

TEST(Ivf, EqualRowsAreFoundAll) {
  // Two thousand times the same two vectors: more lists than different rows.
  MemoryStore store;
  auto options = OptionsOf(IndexKind::kIvfPq);
  options.seal_rows = 4'000;
  auto index = VectorIndex::Empty(options, &store);
  ClusteredData data(37, kDimension, 2);
  const auto a = data.NextHalf(), b = data.NextHalf();
  for (std::uint64_t id = 1; id <= 4'000; ++id) index->Add(id, id, id % 2 == 0 ? a : b);
  index->Publish(4'000);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  std::vector<float> query(kDimension);
  HalfToFloat(a.data(), a.size(), query.data());
  const auto found = index->TakeView()->Search(query, {.k = 50});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 50u);
  for (const Candidate& c : *found) EXPECT_EQ(c.id % 2, 0u);
}

}  // namespace
}  // namespace espy::index
