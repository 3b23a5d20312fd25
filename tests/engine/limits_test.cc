// A library takes no more of the machine than it may, loses nothing when it has to stop, and goes
// on when there is room.
#include "tests/engine/fixture.h"

namespace espy {
namespace {

using espy::testing::LibraryTest;

class LimitsTest : public LibraryTest {
 protected:
  static constexpr std::size_t kDimension = 512;

  Result<std::unique_ptr<Library>> TryOpen(OpenOptions options) const {
    options.create_if_missing = !options.read_only;
    return Library::Open(dir_ / "a", options);
  }
  std::unique_ptr<Library> OpenWith(const OpenOptions& options) const {
    auto library = TryOpen(options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return std::move(*library);
  }

  static Status Import(Library* library, int first, int n) {
    std::vector<std::vector<float>> vectors;
    std::vector<ImportItem> items(static_cast<std::size_t>(n));
    for (int i = first; i < first + n; ++i) {
      std::vector<float> vector(kDimension, 1.0f);
      for (std::size_t bit = 0; bit < 20; ++bit) vector[bit] += static_cast<float>(i >> bit & 1);
      vectors.push_back(std::move(vector));
    }
    for (int i = 0; i < n; ++i) {
      items[static_cast<std::size_t>(i)].vector = vectors[static_cast<std::size_t>(i)];
      items[static_cast<std::size_t>(i)].record.paths = {"/p/" + std::to_string(first + i)};
    }
    return library->Import(items, {.space = "elsewhere"}).status();
  }

  // Batches until one is refused: how many items were taken.
  static int Fill(Library* library, Status* refused) {
    for (int taken = 0; taken < 100'000; taken += 200) {
      *refused = Import(library, taken, 200);
      if (!refused->ok()) return taken;
    }
    ADD_FAILURE() << "nothing was refused";
    return 0;
  }
};

TEST_F(LimitsTest, ADiskQuotaStopsImportsBeforeItIsPassed) {
  constexpr std::uint64_t kQuota = 8u << 20;
  Status refused;
  int taken = 0;
  {
    auto library = OpenWith({.disk_quota = kQuota});
    taken = Fill(library.get(), &refused);
    EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
    EXPECT_NE(refused.message().find("--disk-quota"), std::string::npos);
    EXPECT_GT(taken, 0);
    EXPECT_LE(library->Info()->disk_bytes, kQuota);
    EXPECT_EQ(Items(library.get()), static_cast<std::uint64_t>(taken));
    ExpectSound(library.get());
    ASSERT_TRUE(library->Compact().ok());  // what its index takes was reckoned with
    EXPECT_LE(library->Info()->disk_bytes, kQuota);
  }
  // It is kept.
  auto library = OpenWith({});
  EXPECT_EQ(library->Info()->disk_quota, kQuota);
  Fill(library.get(), &refused);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
}

TEST_F(LimitsTest, RoomThatIsMadeIsUsed) {
  auto library = OpenWith({.disk_quota = 8u << 20});
  Status refused;
  const int taken = Fill(library.get(), &refused);
  ASSERT_FALSE(Import(library.get(), taken, 200).ok());
  ForgetOptions forget;
  forget.where = "path ~ \"/p/*\"";
  ASSERT_TRUE(library->Forget(forget).ok());  // needs no room
  ASSERT_TRUE(library->Compact().ok());
  EXPECT_TRUE(Import(library.get(), taken, 200).ok());
  ExpectSound(library.get());
}

TEST_F(LimitsTest, AGreaterQuotaOrNoneLetsItGoOn) {
  Status refused;
  int taken = 0;
  {
    auto library = OpenWith({.disk_quota = 4u << 20});
    taken = Fill(library.get(), &refused);
  }
  auto library = OpenWith({.disk_quota = 0});
  EXPECT_TRUE(Import(library.get(), taken, 2000).ok());
  EXPECT_EQ(library->Info()->disk_quota, 0u);
}

TEST_F(LimitsTest, AMemoryBudgetStopsImports) {
  auto library = OpenWith({.memory_budget = 4u << 20});
  Status refused;
  const int taken = Fill(library.get(), &refused);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(refused.message().find("--memory-budget"), std::string::npos);
  EXPECT_GT(taken, 1000);
  EXPECT_LE(library->Info()->memory_bytes, 4u << 20);
  EXPECT_EQ(Items(library.get()), static_cast<std::uint64_t>(taken));
}

TEST_F(LimitsTest, AnIngestStopsAndGoesOn) {
  MakePictures(40);
  {
    OpenOptions options{.create_if_missing = true, .model = model(), .threads = 1};
    options.memory_budget = 1;
    auto library = Library::Open(library_path(), options);
    ASSERT_TRUE(library.ok());
    IngestOptions ingest;
    ingest.paths = {pictures()};
    const auto report = (*library)->Ingest(ingest);
    EXPECT_EQ(report.status().code(), StatusCode::kResourceExhausted);
    ExpectSound(library->get());
  }
  OpenOptions options{.model = model(), .threads = 1};
  options.memory_budget = 0;
  auto library = Library::Open(library_path(), options);
  ASSERT_TRUE(library.ok());
  EXPECT_EQ(Ingest(library->get()).added, 40u);
}

TEST_F(LimitsTest, AReaderSeesTheLimitsAndKeepsNone) {
  OpenWith({.disk_quota = 5u << 20});
  OpenWith({.read_only = true, .disk_quota = 7u << 20});
  EXPECT_EQ(OpenWith({.read_only = true})->Info()->disk_quota, 5u << 20);
}

}  // namespace
}  // namespace espy
