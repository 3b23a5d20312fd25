// Each kind of damage between truth and index, or among the truth's own rows, is found and mended.
#include "index/segment_format.h"
#include "storage/store.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

using espy::testing::LibraryTest;
using storage::Transaction;

class RepairTest : public LibraryTest {
 protected:
  static constexpr int kPictures = 12;

  void SetUp() override {
    LibraryTest::SetUp();
    MakePictures(kPictures);
    auto library = Open();
    Ingest(library.get());
    ASSERT_TRUE(library->Compact().ok());  // into a segment
    before_ = Answers(library.get());
    victim_ = library->Find(pictures() + "/" + Name(3))->id;
  }

  // Ids and scores of a question.
  std::vector<std::pair<ItemId, float>> Answers(Library* library) const {
    QueryTerm term;
    term.kind = QueryTerm::Kind::kPicture;
    term.text = pictures() + "/" + Name(1);
    SearchOptions options;
    options.k = kPictures;
    auto result = library->Search({{term}}, options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    std::vector<std::pair<ItemId, float>> answers;
    if (result.ok()) {
      for (const Hit& hit : result->hits) answers.emplace_back(hit.id, hit.score);
    }
    return answers;
  }

  // Writes into the library as a program with a mistake would.
  template <class F>
  void Damage(F damage) const {
    auto store = storage::Store::Open(library_path(), {});
    ASSERT_TRUE(store.ok()) << store.status().message();
    damage(store->get());
  }
  void Commit(Transaction transaction) const {
    Damage([&](storage::Store* store) { ASSERT_TRUE(store->Commit(std::move(transaction)).ok()); });
  }

  // The damage shows, is mended, and the answers are those of before.
  void ExpectMended(std::string_view words) const {
    auto library = Open();
    const auto found = library->Verify();
    ASSERT_TRUE(found.ok()) << found.status().message();
    bool named = false;
    for (const std::string& problem : found->problems) {
      named = named || problem.find(words) != std::string::npos;
    }
    EXPECT_TRUE(named) << words;
    const auto mended = library->Verify(true);
    ASSERT_TRUE(mended.ok()) << mended.status().message();
    EXPECT_EQ(mended->problems, std::vector<std::string>{});
    EXPECT_EQ(Answers(library.get()), before_);
    library.reset();
    library = Open();
    ExpectSound(library.get());
    EXPECT_EQ(Answers(library.get()), before_);
  }

  // The damage took a vector: it is mended up to that, and an ingest makes it again.
  void ExpectMendedByIngest() const {
    auto library = Open();
    const auto mended = library->Verify(true);
    ASSERT_TRUE(mended.ok()) << mended.status().message();
    ASSERT_EQ(mended->problems.size(), 1u);
    EXPECT_NE(mended->problems[0].find("without a vector"), std::string::npos);
    EXPECT_NE(mended->problems[0].find(FormatItemId(victim_)), std::string::npos);
    EXPECT_EQ(Ingest(library.get()).retaken, 1u);
    ExpectSound(library.get());
    EXPECT_EQ(Answers(library.get()), before_);
    EXPECT_EQ(Ingest(library.get()).retaken, 0u);
  }

  std::vector<std::pair<ItemId, float>> before_;
  ItemId victim_ = kNoItem;
};

TEST_F(RepairTest, APathThatLeadsNowhere) {
  Transaction wrong;
  wrong.PutPath("/nowhere", {12345, 1, 2, 3});
  Commit(std::move(wrong));
  ExpectMended("/nowhere");
}

TEST_F(RepairTest, APathThatIsMissing) {
  Transaction wrong;
  wrong.DeletePath(pictures() + "/" + Name(3));
  Commit(std::move(wrong));
  ExpectMended("does not lead to it");
}

TEST_F(RepairTest, AThumbnailOfNoItem) {
  Transaction wrong;
  wrong.PutThumbnail(777, "jpeg");
  Commit(std::move(wrong));
  ExpectMended("thumbnail of item");
}

TEST_F(RepairTest, AVectorOfNoItem) {
  Transaction wrong;
  wrong.PutVector(1, 777, std::vector<std::uint16_t>(16, 0x3400));  // sixteen quarters: length 1
  Commit(std::move(wrong));
  ExpectMended("the item is not in the library");
}

TEST_F(RepairTest, AVectorOfAnUnknownSpace) {
  Transaction wrong;
  wrong.PutVector(9, victim_, std::vector<std::uint16_t>(16, 0x3400));
  Commit(std::move(wrong));
  ExpectMended("the space is unknown");
}

TEST_F(RepairTest, AVectorThatIsGone) {
  Transaction wrong;
  wrong.DropVector(1, victim_);
  Commit(std::move(wrong));
  ExpectMendedByIngest();
}

TEST_F(RepairTest, AVectorThatIsNoUnitVector) {
  Transaction wrong;
  wrong.PutVector(1, victim_, std::vector<std::uint16_t>(16, 0x4400));
  Commit(std::move(wrong));
  ExpectMendedByIngest();
}

TEST_F(RepairTest, AVectorOfAnotherDimension) {
  // Behind the index's back: the log does not tell it, as after a write that went astray.
  Damage([&](storage::Store* store) {
    Transaction wrong;
    wrong.PutVector(1, victim_, std::vector<std::uint16_t>(4, 0x3800));
    ASSERT_TRUE(store->Commit(std::move(wrong)).ok());
    // The index stands past that change already.
    auto manifest = index::ParseManifest(*store->GetManifest(1));
    ASSERT_TRUE(manifest.ok());
    manifest->applied_seq = store->last_seq();
    ASSERT_TRUE(store->PutManifest(1, index::EncodeManifest(*manifest)).ok());
  });
  ExpectMendedByIngest();
}

TEST_F(RepairTest, RowsMissingFromTheIndex) {
  Damage([&](storage::Store* store) {
    auto manifest = index::ParseManifest(*store->GetManifest(1));
    ASSERT_TRUE(manifest.ok());
    ASSERT_FALSE(manifest->segments.empty());
    manifest->segments[0].dead = {2, 5};
    ASSERT_TRUE(store->PutManifest(1, index::EncodeManifest(*manifest)).ok());
  });
  ExpectMended("vectors missing from the index");
}

TEST_F(RepairTest, RowsOfTheIndexWithoutAVector) {
  // An item that left while the index was told that it had heard of that.
  Damage([&](storage::Store* store) {
    Record record = *store->GetItem(victim_);
    record.id = 778;
    record.content_hash[0] ^= 1;
    record.paths.clear();
    Transaction add;
    add.PutItem(record);
    add.PutVector(1, record.id, std::vector<std::uint16_t>(16, 0x3400));
    ASSERT_TRUE(store->Commit(std::move(add)).ok());
  });
  {
    auto library = Open();
    ASSERT_TRUE(library->Compact().ok());
  }
  Damage([&](storage::Store* store) {
    const storage::SpaceNumber space = 1;
    Transaction forget;
    forget.Forget(*store->GetItem(778), {&space, 1});
    ASSERT_TRUE(store->Commit(std::move(forget)).ok());
    auto manifest = index::ParseManifest(*store->GetManifest(1));
    ASSERT_TRUE(manifest.ok());
    manifest->applied_seq = store->last_seq();
    ASSERT_TRUE(store->PutManifest(1, index::EncodeManifest(*manifest)).ok());
  });
  ExpectMended("not among the stored ones");
}

TEST_F(RepairTest, AManifestThatNobodyCanRead) {
  Damage([](storage::Store* store) { ASSERT_TRUE(store->PutManifest(1, "no manifest").ok()); });
  ExpectMended("index");
}

TEST_F(RepairTest, SegmentsThatAreGone) {
  Damage([](storage::Store* store) {
    const auto segments = store->ListSegments(1);
    ASSERT_TRUE(segments.ok());
    ASSERT_FALSE(segments->empty());
    for (const std::uint64_t segment : *segments) {
      ASSERT_TRUE(store->DeleteSegment(1, segment).ok());
    }
  });
  ExpectMended("index");
}

}  // namespace
}  // namespace espy
