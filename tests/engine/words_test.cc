// Words beside vectors: found in what records say, at the same state as the records, whatever
// happens to the text folder.
#include <filesystem>
#include <fstream>

#include "engine/search/fuse.h"
#include "storage/store.h"
#include "tests/engine/fixture.h"
#include "text/text_index.h"

namespace espy {
namespace {

class WordsTest : public testing::LibraryTest {
 protected:
  static std::vector<ItemId> Ask(Library* library, const std::string& text,
                                 const std::string& where = "") {
    SearchOptions options;
    options.text = text;
    options.where = where;
    options.k = 1000;
    const auto result = library->Search({}, options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    std::vector<ItemId> ids;
    if (!result.ok()) return ids;
    for (const Hit& hit : result->hits) ids.push_back(hit.id);
    return ids;
  }
  // Captions come from the store: no verb writes them.
  void Caption(const std::string& file, const std::string& caption) {
    auto library = Open();
    const ItemId id = library->Find(pictures() + "/" + file)->id;
    library.reset();
    auto store = storage::Store::Open(library_path(), {});
    ESPY_ASSERT_OK(store);
    Record record = *(*store)->GetItem(id);
    record.caption = caption;
    storage::Transaction transaction;
    transaction.PutItem(record);
    ESPY_ASSERT_OK((*store)->Commit(std::move(transaction)));
  }
  std::string text_folder() const { return library_path() + "/text"; }
};

TEST_F(WordsTest, WordsAreFoundInNamesTagsCaptionsAndFields) {
  MakePictures(6);
  {
    auto library = Open();
    Ingest(library.get());
    ESPY_ASSERT_OK(library->Tag(library->Find(pictures() + "/p1.bmp")->id, {"red cars"}, {}));
    SetFieldsOptions note;
    note.targets = {pictures() + "/p2.bmp"};
    note.changes.push_back({.name = "note", .value = std::string("with Anna at the lake")});
    ESPY_ASSERT_OK(library->SetFields(note));
  }
  Caption("p3.bmp", "A car parked beside a lake");
  auto library = Open();
  const auto id = [&](const std::string& name) {
    return library->Find(pictures() + "/" + name)->id;
  };
  EXPECT_EQ(Ask(library.get(), "car"), (std::vector{id("p1.bmp"), id("p3.bmp")}));
  EXPECT_EQ(Ask(library.get(), "text:anna"), (std::vector{id("p2.bmp")}));
  EXPECT_EQ(Ask(library.get(), "+lake +caption:parking"), (std::vector{id("p3.bmp")}));
  EXPECT_EQ(Ask(library.get(), "name:p4"), (std::vector{id("p4.bmp")}));
  EXPECT_EQ(Ask(library.get(), "bmp").size(), 6u);
  EXPECT_EQ(Ask(library.get(), "bmp", "tag = \"red cars\""), (std::vector{id("p1.bmp")}));
  // What changes is seen at once, and what is forgotten is gone.
  ESPY_ASSERT_OK(library->Tag(id("p1.bmp"), {"blue"}, {"red cars"}));
  EXPECT_EQ(Ask(library.get(), "car"), (std::vector{id("p3.bmp")}));
  ESPY_ASSERT_OK(library->Forget({.targets = {pictures() + "/p3.bmp"}}));
  EXPECT_EQ(Ask(library.get(), "car"), std::vector<ItemId>{});
  const auto info = library->Info();
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->text.language, "english");
  EXPECT_EQ(info->text.items, 5u);
  EXPECT_EQ(info->text.behind, 0u);
}

TEST_F(WordsTest, HitsTellTheirParts) {
  MakePictures(10);
  auto library = Open();
  Ingest(library.get());
  const ItemId tagged = library->Find(pictures() + "/p7.bmp")->id;
  ESPY_ASSERT_OK(library->Tag(tagged, {"beach"}, {}));
  for (const Hybrid hybrid : {Hybrid::kRrf, Hybrid::kWeights}) {
    SearchOptions options;
    options.k = 10;
    options.hybrid = hybrid;
    const auto plain = library->Search(*ParseQuery({"a beach"}), {.k = 10});
    const auto fused = library->Search(*ParseQuery({"a beach"}), options);
    ESPY_ASSERT_OK(plain);
    ESPY_ASSERT_OK(fused);
    ASSERT_EQ(fused->hits.size(), 10u);
    EXPECT_EQ(fused->hits[0].id, tagged);
    EXPECT_EQ(fused->hits[0].parts.text_rank, 1);
    EXPECT_GT(fused->hits[0].parts.text, 0);
    for (const Hit& hit : fused->hits) {
      EXPECT_EQ(hit.parts.text > 0, hit.id == tagged);
      const auto& same = plain->hits[static_cast<std::size_t>(hit.parts.dense_rank - 1)];
      EXPECT_EQ(same.id, hit.id);
      EXPECT_EQ(same.score, hit.parts.dense);
    }
    EXPECT_NE(fused->plan.find("words a beach: 1 of 10"), std::string::npos) << fused->plan;
  }
  // Words beside a picture.
  SearchOptions options;
  options.text = "tag:beach";
  const auto both = library->Search(*ParseQuery({pictures() + "/p2.bmp"}), options);
  ESPY_ASSERT_OK(both);
  EXPECT_EQ(both->hits[0].id, tagged);
  EXPECT_EQ(both->hits[1].record.paths[0], pictures() + "/p2.bmp");
}

TEST_F(WordsTest, WhatHoldsNothingToLookForIsRefused) {
  MakePictures(2);
  auto library = Open();
  Ingest(library.get());
  SearchOptions options;
  options.text = "-beach";
  EXPECT_EQ(library->Search({}, options).status().code(), StatusCode::kInvalidArgument);
  options.text = std::string(5000, 'a');
  EXPECT_EQ(library->Search({}, options).status().code(), StatusCode::kResourceExhausted);
  options.text = "beach";
  options.text_weight = 2;
  EXPECT_EQ(library->Search({}, options).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->Search({}, {}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(WordsTest, TheTextFolderCanBeLostDamagedOrOld) {
  MakePictures(20);
  {
    auto library = Open();
    Ingest(library.get());
    ESPY_ASSERT_OK(library->WaitForBackground());
  }
  const auto all = [&](Library* library) { return Ask(library, "bmp").size(); };
  const auto old = dir_ / "old_text";
  std::filesystem::copy(text_folder(), old, std::filesystem::copy_options::recursive);
  {
    auto library = Open();
    ESPY_ASSERT_OK(library->Tag(library->Find(pictures() + "/p1.bmp")->id, {"late"}, {}));
    ESPY_ASSERT_OK(library->Forget({.targets = {pictures() + "/p2.bmp"}}));
  }
  const auto check = [&](bool read_only) {
    auto library = Open(read_only);
    EXPECT_EQ(all(library.get()), 19u) << read_only;
    EXPECT_EQ(Ask(library.get(), "late").size(), 1u) << read_only;
  };
  const auto damage = [&](const std::string& bytes) {
    std::filesystem::remove_all(text_folder());
    std::filesystem::create_directory(text_folder());
    std::ofstream(text_folder() + "/words.db") << bytes;
  };
  check(true);
  std::filesystem::remove_all(text_folder());  // lost
  check(true);
  EXPECT_FALSE(std::filesystem::exists(text_folder()));  // a reader writes nothing
  check(false);
  check(true);
  std::filesystem::remove_all(text_folder());  // old: it is followed from where it stands
  std::filesystem::copy(old, text_folder(), std::filesystem::copy_options::recursive);
  check(true);
  check(false);
  damage("no database at all, and long enough to be taken for one ......................");
  {
    auto library = Open(/*read_only=*/true);
    const auto report = library->Verify();
    ESPY_ASSERT_OK(report);
    ASSERT_EQ(report->problems.size(), 1u);
    EXPECT_NE(report->problems[0].find("text index"), std::string::npos);
  }
  check(true);
  check(false);
  {
    auto library = Open(/*read_only=*/true);
    EXPECT_TRUE(library->Verify()->problems.empty());
  }
  const std::string whole = testing::ReadFileOrDie(text_folder() + "/words.db");
  damage(whole.substr(0, whole.size() / 2));
  check(true);
  check(false);
}

TEST_F(WordsTest, MadeAgainInPartsItHoldsEveryRecordOnce) {
  constexpr ItemId kItems = 2500;  // more than two transactions
  MakePictures(1);
  Ingest(Open().get());
  {
    auto store = storage::Store::Open(library_path(), {});
    ESPY_ASSERT_OK(store);
    storage::Transaction transaction;
    for (ItemId n = 1; n <= kItems; ++n) {
      Record record;
      record.id = n * 1'000'003;
      record.caption = "thing number" + std::to_string(n);
      transaction.PutItem(record);
    }
    ESPY_ASSERT_OK((*store)->Commit(std::move(transaction)));
  }
  std::filesystem::remove_all(text_folder());
  auto library = Open();
  ESPY_ASSERT_OK(library->WaitForBackground());
  const auto info = library->Info();
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->text.items, kItems + 1);
  EXPECT_EQ(info->text.behind, 0u);
  for (const ItemId n : {1, 999, 1000, 1001, 1002, 2000, 2001, 2500}) {
    EXPECT_EQ(Ask(library.get(), "number" + std::to_string(n)), (std::vector{n * 1'000'003})) << n;
  }
}

TEST_F(WordsTest, AnIndexOfAnotherLogIsMadeAgain) {
  MakePictures(5);
  {
    auto library = Open();
    Ingest(library.get());
  }
  // One that is ahead of this library's log.
  {
    auto index = text::TextIndex::Open(text_folder(), text::TextIndex::Mode::kWrite, "english");
    ESPY_ASSERT_OK(index);
    text::Batch batch;
    batch.puts.push_back({.id = 7, .seq = 1'000'000, .fields = {"stranger"}});
    batch.position.seq = 1'000'000;
    batch.position.item = 7;
    ESPY_ASSERT_OK((*index)->Apply(batch));
  }
  for (const bool read_only : {true, false}) {
    auto library = Open(read_only);
    EXPECT_EQ(Ask(library.get(), "bmp").size(), 5u);
    EXPECT_EQ(Ask(library.get(), "stranger").size(), 0u);
  }
}

TEST_F(WordsTest, TheLanguageIsTheLibrarys) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  ESPY_ASSERT_OK(library->Tag(library->Find(pictures() + "/p1.bmp")->id, {"Häuser"}, {}));
  EXPECT_EQ(Ask(library.get(), "haus").size(), 0u);
  ESPY_ASSERT_OK(library->SetTextLanguage("german"));
  EXPECT_EQ(Ask(library.get(), "haus").size(), 1u);
  EXPECT_EQ(library->SetTextLanguage("klingon").code(), StatusCode::kInvalidArgument);
  library.reset();
  library = Open(/*read_only=*/true);
  EXPECT_EQ(Ask(library.get(), "haus").size(), 1u);
  EXPECT_EQ(library->Info()->text.language, "german");
}

TEST_F(WordsTest, AReaderStaysAtTheStateOfItsOpening) {
  MakePictures(5);
  auto writer = Open();
  Ingest(writer.get());
  auto reader = Open(/*read_only=*/true);
  ESPY_ASSERT_OK(writer->Tag(writer->Find(pictures() + "/p1.bmp")->id, {"late"}, {}));
  ESPY_ASSERT_OK(writer->WaitForBackground());
  EXPECT_EQ(Ask(writer.get(), "late").size(), 1u);
  EXPECT_EQ(Ask(reader.get(), "late").size(), 0u);
  EXPECT_EQ(Ask(reader.get(), "bmp").size(), 5u);
}

TEST(FuseTest, ByRankIsThePapersSum) {
  using search::Fused;
  std::vector<Fused> rows = {
      {.id = 1, .parts = {.dense = 0.3f, .dense_rank = 1}},
      {.id = 2, .parts = {.dense = 0.2f, .text = 5, .dense_rank = 2, .text_rank = 2}},
      {.id = 3, .parts = {.dense = 0.0f, .text = 9, .text_rank = 1}},
      {.id = 5, .parts = {.dense = 0.0f}},
      {.id = 4, .parts = {.dense = 0.0f}}};
  search::FuseByRank(&rows);
  EXPECT_EQ(rows[0].id, 2u);
  EXPECT_FLOAT_EQ(rows[0].score, 2.0f / 62);
  EXPECT_EQ(rows[1].id, 1u);  // equal to 3, and nearer
  EXPECT_FLOAT_EQ(rows[1].score, 1.0f / 61);
  EXPECT_EQ(rows[2].id, 3u);
  EXPECT_EQ(rows[3].id, 4u);  // equal in all: by id
}

TEST(FuseTest, ByWeightGoesFromOneRankingToTheOther) {
  using search::Fused;
  const std::vector<Fused> rows = {{.id = 1, .parts = {.dense = 0.3f}},
                                   {.id = 2, .parts = {.dense = 0.2f, .text = 5}},
                                   {.id = 3, .parts = {.dense = 0.1f, .text = 9}}};
  const auto order = [&](float weight) {
    std::vector<Fused> fused = rows;
    search::FuseByWeight(&fused, weight);
    std::string ids;
    for (const Fused& row : fused) ids += std::to_string(row.id);
    return ids;
  };
  EXPECT_EQ(order(0), "123");
  EXPECT_EQ(order(1), "321");
  EXPECT_EQ(order(0.5f), "213");
}

}  // namespace
}  // namespace espy
