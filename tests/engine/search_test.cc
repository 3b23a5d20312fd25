#include "tests/engine/fixture.h"

namespace espy {
namespace {

using SearchTest = testing::LibraryTest;

Query Q(const std::vector<std::string>& arguments) { return *ParseQuery(arguments); }

TEST_F(SearchTest, APictureOfTheLibraryFindsItselfFirst) {
  MakePictures(30);
  auto library = Open();
  Ingest(library.get());
  const std::string path = pictures() + "/p7.bmp";
  auto result = library->Search(Q({path}), {.k = 5});
  ESPY_ASSERT_OK(result);
  ASSERT_EQ(result->hits.size(), 5u);
  EXPECT_EQ(result->hits[0].record.paths[0], path);
  EXPECT_NEAR(result->hits[0].score, 1.0, 1e-3);
  EXPECT_EQ(result->searched, 30);
  // The same bytes elsewhere are encoded afresh and find the same item.
  const std::string outside = dir_.Write("elsewhere.bmp", testing::MakeBmp(7));
  auto again = library->Search(Q({outside}), {.k = 1});
  ESPY_ASSERT_OK(again);
  EXPECT_EQ(again->hits[0].id, result->hits[0].id);
  EXPECT_NEAR(again->hits[0].score, 1.0, 1e-3);
}

TEST_F(SearchTest, APictureOfTheLibraryIsAskedWithAfterItsFileIsGone) {
  MakePictures(5);
  auto library = Open();
  Ingest(library.get());
  const std::string path = pictures() + "/p3.bmp";
  std::filesystem::remove(path);
  auto result = library->Search(Q({path}), {.k = 1});
  ESPY_ASSERT_OK(result);
  EXPECT_EQ(result->hits[0].record.paths[0], path);
}

TEST_F(SearchTest, SimilarLeavesTheItemItselfOut) {
  MakePictures(10);
  auto library = Open();
  Ingest(library.get());
  const ItemId id = library->Find(pictures() + "/p3.bmp")->id;
  auto result =
      library->Search(Q({"id:" + FormatItemId(id)}), {.k = 20, .exclude_query_items = true});
  ESPY_ASSERT_OK(result);
  EXPECT_EQ(result->hits.size(), 9u);
  for (const Hit& hit : result->hits) EXPECT_NE(hit.id, id);
}

TEST_F(SearchTest, FiltersKeepOnlyWhatMatchesAndStillFillK) {
  MakePictures(40);
  auto library = Open();
  Ingest(library.get());
  for (int i = 0; i < 40; i += 8) {
    ESPY_ASSERT_OK(library->Tag(library->Find(pictures() + "/" + Name(i))->id, {"eighth"}, {}));
  }
  SearchOptions options;
  options.k = 5;
  options.where = "tag = eighth";
  auto result = library->Search(Q({"a dog"}), options);
  ESPY_ASSERT_OK(result);
  ASSERT_EQ(result->hits.size(), 5u);
  EXPECT_EQ(result->searched, 5);
  for (const Hit& hit : result->hits) {
    EXPECT_EQ(hit.record.tags, std::vector<std::string>{"eighth"});
  }
}

TEST_F(SearchTest, TheSameQuestionHasTheSameAnswerAfterReopeningAndRebuilding) {
  MakePictures(50);
  auto library = Open();
  Ingest(library.get());
  const auto ask = [&](Library* l) {
    auto result = l->Search(Q({"a", "red", "car", "-", "night"}), {.k = 50});
    EXPECT_TRUE(result.ok()) << result.status().message();
    std::vector<std::pair<ItemId, float>> answer;
    for (const Hit& hit : result->hits) answer.emplace_back(hit.id, hit.score);
    return answer;
  };
  const auto before = ask(library.get());
  ASSERT_EQ(before.size(), 50u);
  for (std::size_t i = 1; i < before.size(); ++i) EXPECT_GE(before[i - 1].second, before[i].second);
  library.reset();
  library = Open();
  EXPECT_EQ(ask(library.get()), before);
  ESPY_ASSERT_OK(library->Rebuild());
  EXPECT_EQ(ask(library.get()), before);
  ESPY_ASSERT_OK(library->Compact());
  EXPECT_EQ(ask(library.get()), before);
  library.reset();
  library = Open(/*read_only=*/true);
  EXPECT_EQ(ask(library.get()), before);
}

TEST_F(SearchTest, ForgottenItemsAreGoneAtOnceAndForGood) {
  MakePictures(10);
  auto library = Open();
  Ingest(library.get());
  const std::string path = pictures() + "/p4.bmp";
  const ItemId id = library->Find(path)->id;
  auto dry = library->Forget({.targets = {path}, .dry_run = true});
  ESPY_ASSERT_OK(dry);
  EXPECT_EQ(dry->forgotten, 1u);
  ESPY_ASSERT_OK(library->Get(id));
  ESPY_ASSERT_OK(library->Forget({.targets = {path}}));
  EXPECT_EQ(library->Get(id).status().code(), StatusCode::kNotFound);
  auto result = library->Search(Q({"a dog"}), {.k = 20});
  ESPY_ASSERT_OK(result);
  EXPECT_EQ(result->hits.size(), 9u);
  ExpectSound(library.get());
  library.reset();
  library = Open();
  EXPECT_EQ(library->Search(Q({"a dog"}), {.k = 20})->hits.size(), 9u);
  EXPECT_EQ(Ingest(library.get()).added, 1u) << "a forgotten file that is still there comes back";
}

TEST_F(SearchTest, QueriesThatCannotBeAnsweredSayWhy) {
  MakePictures(2);
  auto library = Open();
  Ingest(library.get());
  EXPECT_EQ(library->Search({}, {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->Search(Q({"a"}), {.k = 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->Search(Q({"a", "-", "a"}), {}).status().code(), StatusCode::kInvalidArgument);
  Query empty;
  empty.terms.push_back({.kind = QueryTerm::Kind::kText, .text = " "});
  EXPECT_EQ(library->Search(empty, {}).status().message(),
            "query: an empty phrase; say what to look for");
  auto gone = library->Search(Q({"./gone.jpg"}), {});
  EXPECT_EQ(gone.status().code(), StatusCode::kNotFound);
  const std::string text = dir_.Write("text.jpg", "not a picture");
  auto wrong = library->Search(Q({text}), {});
  EXPECT_EQ(wrong.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(wrong.status().message().find("text.jpg"), std::string::npos);
  EXPECT_EQ(library->Search(Q({"id:0000000000000001"}), {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(library->Search(Q({"a"}), {.where = "colour = red"}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(SearchTest, AMinimumScoreCutsTheList) {
  MakePictures(20);
  auto library = Open();
  Ingest(library.get());
  auto all = library->Search(Q({"a dog"}), {.k = 20});
  ESPY_ASSERT_OK(all);
  SearchOptions options;
  options.k = 20;
  options.has_min_score = true;
  options.min_score = all->hits[4].score;
  EXPECT_EQ(library->Search(Q({"a dog"}), options)->hits.size(), 5u);
}

TEST_F(SearchTest, NearCopiesAreFoundAndTheLargestStandsFirst) {
  MakePictures(12);
  dir_.Write("pictures/small.bmp", testing::MakeBmp(3, 36, 30));
  dir_.Write("pictures/large.bmp", testing::MakeBmp(3, 144, 120));
  auto library = Open();
  Ingest(library.get());
  auto groups = library->Duplicates();
  ESPY_ASSERT_OK(groups);
  ASSERT_EQ(groups->size(), 1u);
  EXPECT_FALSE((*groups)[0].exact);
  ASSERT_EQ((*groups)[0].records.size(), 3u);
  EXPECT_EQ((*groups)[0].records[0].paths[0], pictures() + "/large.bmp");
  EXPECT_EQ(library->Duplicates({.keep = "best"}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SearchTest, AnotherModelIsRefusedNotCompared) {
  MakePictures(2);
  Ingest(Open().get());
  testing::WriteTinyModel(dir_ / "other", 2);
  OpenOptions options;
  options.model = dir_ / "other";
  auto library = Library::Open(library_path(), options);
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(library.status().message().find("cannot be compared"), std::string::npos);
}

TEST_F(SearchTest, ASecondWriterIsRefusedAndReadersAreNot) {
  MakePictures(2);
  auto writer = Open();
  Ingest(writer.get());
  auto second = Library::Open(library_path(), {});
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  auto reader = Open(/*read_only=*/true);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->Search(Q({"a dog"}), {})->hits.size(), 2u);
  EXPECT_EQ(reader->Forget({.where = "width > 0"}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SearchTest, ANewerFormatIsRefusedByName) {
  MakePictures(1);
  Ingest(Open().get());
  dir_.Write("library/FORMAT", "espy 999\n");
  auto library = Library::Open(library_path(), {});
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.status().code(), StatusCode::kUnsupported);
  EXPECT_NE(library.status().message().find("999"), std::string::npos);
}

TEST_F(SearchTest, ALibraryWithoutItsSegmentsIsRebuiltWhole) {
  MakePictures(30);
  auto library = Open();
  Ingest(library.get());
  ESPY_ASSERT_OK(library->Compact());  // seals what there is
  EXPECT_GE(library->Info()->spaces[0].sealed_segments, 1u);
  ExpectSound(library.get());
  ESPY_ASSERT_OK(library->Rebuild());
  ExpectSound(library.get());
  EXPECT_EQ(library->Search(Q({"a dog"}), {.k = 30})->hits.size(), 30u);
}

TEST(FindLibrary, IsTheNearestUpward) {
  testing::TempDir dir;
  std::filesystem::create_directories(dir / "a/.espy");
  std::filesystem::create_directories(dir / "a/b/c");
  EXPECT_EQ(*FindLibrary(dir / "a/b/c"), dir / "a/.espy");
  EXPECT_EQ(FindLibrary(dir.path()).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace espy
