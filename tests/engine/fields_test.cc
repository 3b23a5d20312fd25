// The table of fields against the definition of a filter: records that match, one by one.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "engine/fields/table.h"
#include "engine/where/where.h"
#include "tests/engine/fixture.h"

namespace espy::fields {
namespace {

using Model = std::map<ItemId, Record>;

Record RandomRecord(ItemId id, std::uint64_t seq, std::mt19937& random) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  Record r;
  r.id = id;
  r.seq = seq;
  for (unsigned n = random() % 3; n > 0 || r.paths.empty(); n -= n > 0 ? 1 : 0) {
    static const char* const kFolders[] = {"/pics/2020/", "/pics/2021/screens/", "/", "", "/Pics/"};
    r.paths.push_back(kFolders[random() % 5] + std::string("img_") + std::to_string(random() % 50) +
                      (one_in(2) ? ".jpg" : ".PNG"));
  }
  if (one_in(20)) r.paths.clear();
  r.format = one_in(3) ? "png" : "jpeg";
  r.file_bytes = random() % 1000 * 1000;
  r.width = static_cast<std::int32_t>(random() % 40) * 100;
  r.height = static_cast<std::int32_t>(random() % 40) * 100;
  r.added_unix = 1'600'000'000 + static_cast<std::int64_t>(random() % 1000) * 86'400;
  r.modified_unix = static_cast<std::int64_t>(random() % 3000) * 86'400 * 10 - 86'400 * 365;
  if (!one_in(3)) r.taken_unix = static_cast<std::int64_t>(random() % 20'000) * 86'400;
  if (!one_in(4)) r.camera = std::string("Camera ") + static_cast<char>('A' + random() % 5);
  if (one_in(2)) {
    r.place =
        Place{static_cast<double>(random() % 180) - 90, static_cast<double>(random() % 360) - 180};
  }
  r.pixels_from = static_cast<PixelSource>(random() % 3);
  r.perceptual_hash = (std::uint64_t{random()} << 32) | random();
  for (const char* tag : {"beach", "dog", "Night", "sea side"}) {
    if (one_in(4)) r.tags.push_back(tag);
  }
  if (one_in(2)) r.caption = one_in(2) ? "A dog on a beach" : "a cat";
  if (one_in(2)) r.fields["rating"] = static_cast<std::int64_t>(random() % 6);
  if (one_in(3)) r.fields["sharp"] = one_in(2);
  if (one_in(3)) r.fields["weight"] = 0.5 * static_cast<double>(random() % 10);
  if (one_in(3)) r.fields["due"] = Date{1'600'000'000 + static_cast<std::int64_t>(random() % 900)};
  if (one_in(3)) r.fields["client"] = one_in(2) ? std::string("Zoo") : std::string("zoo of Berlin");
  if (one_in(9)) r.fields["mixed"] = one_in(2) ? FieldValue(std::int64_t{1}) : FieldValue("one");
  return r;
}

std::string RandomTest(std::mt19937& random) {
  static const char* const kTests[] = {"width > 2k",
                                       "width <= 1500",
                                       "height = 400",
                                       "height != 400",
                                       "pixels >= 4M",
                                       "file_bytes < 100k",
                                       "file_bytes > 950k",
                                       "taken >= 2000",
                                       "taken = 2010-03",
                                       "taken != 2010",
                                       "taken < 1975-06-01T12:00",
                                       "modified < 1970",
                                       "added > 1640000000",
                                       "year = 1999",
                                       "month = 2",
                                       "day <= 3",
                                       "seq < 500",
                                       "latitude > 60",
                                       "longitude <= -100",
                                       "has place",
                                       "has taken",
                                       "has caption",
                                       "has tag",
                                       "has camera",
                                       "has latitude",
                                       "has width",
                                       "has path",
                                       "has field.rating",
                                       "place near 0,0 2000",
                                       "place near 89,179 3000km",
                                       "place within -20,150,20,-150",
                                       "place within 10,10,30,30",
                                       "format = png",
                                       "format != png",
                                       "format ~ j*",
                                       "format > k",
                                       "camera = 'Camera A'",
                                       "camera ~ '*[bc]'",
                                       "camera < 'Camera C'",
                                       "camera contains 'RA D'",
                                       "pixels_from = thumbnail",
                                       "tag = beach",
                                       "tag != dog",
                                       "tag ~ n*",
                                       "tag !~ '*side'",
                                       "tag contains ea",
                                       "folder = /pics/2020",
                                       "folder = ''",
                                       "folder ~ *screens",
                                       "name = img_7.jpg",
                                       "name ~ '*.png'",
                                       "name !~ 'img_1*'",
                                       "path = /img_3.jpg",
                                       "path ~ '/pics/*'",
                                       "path ~ '*/screens/img_1*'",
                                       "path !~ '/pics/20*'",
                                       "path contains 'CREENS/IMG_2'",
                                       "path < /pics/2021",
                                       "caption contains dog",
                                       "caption = 'a cat'",
                                       "caption != 'a cat'",
                                       "id < 00005",
                                       "id ~ '*a'",
                                       "id = 0000000000000017",
                                       "id != 0000000000000017",
                                       "content_hash ~ 00*",
                                       "field.rating >= 4",
                                       "field.rating != 2",
                                       "field.sharp = true",
                                       "field.weight < 2",
                                       "field.due > 1600000500",
                                       "field.client ~ zoo*",
                                       "field.client = Zoo",
                                       "field.mixed = 1",
                                       "field.mixed = one",
                                       "field.nothing = 1",
                                       "field.nothing != 1"};
  return kTests[random() % std::size(kTests)];
}

std::string RandomExpression(std::mt19937& random, int depth = 0) {
  const unsigned kind = random() % (depth > 2 ? 1 : 5);
  if (kind == 1) return "not " + RandomExpression(random, depth + 1);
  if (kind < 3) return RandomTest(random);
  return "(" + RandomExpression(random, depth + 1) + (kind == 3 ? " and " : " or ") +
         RandomExpression(random, depth + 1) + ")";
}

std::vector<ItemId> Expected(const Model& model, const where::Filter& filter) {
  std::vector<ItemId> ids;
  for (const auto& [id, record] : model) {
    if (filter.Matches(record)) ids.push_back(id);
  }
  return ids;
}

void ExpectSame(const View& view, const Model& model, const std::string& expression) {
  SCOPED_TRACE(expression);
  const auto filter = where::Parse(expression);
  ASSERT_TRUE(filter.ok()) << filter.status().message();
  if (!Block::Answers(**filter)) return;
  const std::vector<ItemId> expected = Expected(model, **filter);
  const auto selection = view.Select(**filter);
  ASSERT_EQ(selection->size(), static_cast<std::int64_t>(expected.size()));
  const auto sorted = selection->Sorted();
  ASSERT_TRUE(std::equal(sorted.begin(), sorted.end(), expected.begin(), expected.end()));
  for (const auto& [id, record] : model) {
    ASSERT_EQ(selection->Contains(id), (*filter)->Matches(record)) << id;
  }
}

// Ids as content hashes give them: spread over 63 bits.
ItemId SpreadId(std::uint64_t i) { return (i * 0x9e3779b97f4a7c15ULL) >> 1 | 1; }

TEST(FieldTable, RandomRunsAgreeWithRecordsReadOneByOne) {
  const unsigned seed = 20240517;
  std::mt19937 random(seed);
  std::cout << "seed " << seed << "\n";
  for (const bool spread : {true, false}) {
    Table table;
    Model model;
    std::vector<std::pair<std::shared_ptr<const View>, Model>> kept;
    std::uint64_t seq = 0;
    for (int round = 0; round < 60; ++round) {
      for (unsigned n = random() % 200; n > 0; --n) {
        const std::uint64_t i = random() % 3000 + 1;
        const ItemId id = spread ? SpreadId(i) : i;
        if (random() % 5 == 0) {
          table.Remove(id);
          model.erase(id);
        } else {
          table.Put(model[id] = RandomRecord(id, ++seq, random));
        }
      }
      table.Publish();
      if (round % 13 == 5) table.Merge({});
      for (int i = 0; i < 4; ++i) {
        ExpectSame(*table.TakeView(), model, RandomExpression(random));
        if (HasFatalFailure()) return;
      }
      if (round % 20 == 10) kept.emplace_back(table.TakeView(), model);
    }
    // What a view was does not change.
    for (const auto& [view, then] : kept) ExpectSame(*view, then, RandomExpression(random));
  }
}

TEST(FieldTable, EveryTestAgreesOnOneLargeBlockAskedTwice) {
  std::mt19937 random(7);
  Model model;
  for (std::uint64_t i = 1; i <= 6000; ++i) {
    model[SpreadId(i)] = RandomRecord(SpreadId(i), i, random);
  }
  auto block = std::make_shared<Block>();
  for (const auto& [id, record] : model) block->Add(record);
  block->Finish();
  const Table table(block);
  for (int i = 0; i < 400; ++i) {  // the second question of a column goes by its order
    ExpectSame(*table.TakeView(), model, RandomTest(random));
    if (HasFatalFailure()) return;
  }
}

TEST(FieldTable, RestoredRecordsAreWhole) {
  std::mt19937 random(11);
  Block block;
  std::vector<Record> records;
  for (std::uint64_t id = 1; id < 300; ++id) {
    records.push_back(RandomRecord(id, id, random));
    block.Add(records.back());
  }
  block.Finish();
  for (std::uint32_t row = 0; row < block.rows(); ++row) {
    EXPECT_EQ(block.Restore(row), records[row]) << row;
  }
}

TEST(FieldTable, ManyCommitsLeaveFewBlocks) {
  std::mt19937 random(3);
  Table table;
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    table.Put(RandomRecord(SpreadId(i), i, random));
    if (i % 256 == 0) table.Publish();
  }
  table.Publish();
  EXPECT_TRUE(table.NeedsMerge() || table.TakeView()->blocks() <= 16);
  table.Merge({});
  table.Publish();
  EXPECT_FALSE(table.NeedsMerge());
  EXPECT_LE(table.TakeView()->blocks(), 16u);
  const auto all = where::Parse("width >= 0");
  EXPECT_EQ(table.TakeView()->Select(**all)->size(), 20'000);
}

TEST(FieldTable, MergingBesideCommitsLosesNothing) {
  Table table;
  Model model;
  std::mt19937 random(5);
  std::atomic<bool> done{false};
  std::thread merger([&] {
    while (!done) table.Merge({});
  });
  for (std::uint64_t i = 1; i <= 12'000; ++i) {
    const ItemId id = SpreadId(random() % 9000);
    if (i % 4 == 0) {
      table.Remove(id);
      model.erase(id);
    } else {
      table.Put(model[id] = RandomRecord(id, i, random));
    }
    if (i % 300 == 0) table.Publish();
  }
  table.Publish();
  done = true;
  merger.join();
  table.Publish();
  for (int i = 0; i < 30; ++i) ExpectSame(*table.TakeView(), model, RandomTest(random));
}

using LibraryFieldsTest = espy::testing::LibraryTest;

TEST_F(LibraryFieldsTest, FiltersFollowEveryCommit) {
  MakePictures(12);
  auto library = Open();
  Ingest(library.get());
  const auto count = [&](const std::string& where) { return library->List(where)->size(); };
  EXPECT_EQ(count("has path"), 12u);
  const ItemId id = library->Find(pictures() + "/p3.bmp")->id;
  ESPY_ASSERT_OK(library->Tag(id, {"one"}, {}));
  EXPECT_EQ(count("tag = one"), 1u);
  ESPY_ASSERT_OK(library->Tag(id, {}, {"one"}));
  EXPECT_EQ(count("tag = one"), 0u);
  ESPY_ASSERT_OK(library->Forget({.targets = {FormatItemId(id)}}));
  EXPECT_EQ(count("has path"), 11u);
  Picture("more.bmp", 77);
  Ingest(library.get());
  EXPECT_EQ(count("name = more.bmp"), 1u);
  EXPECT_EQ(count("name ~ '*.bmp'"), 13u) << "the forgotten one was there to be taken again";
  const std::string hash = FormatContentHash(library->Find(pictures() + "/more.bmp")->content_hash);
  EXPECT_EQ(count("content_hash = " + hash + " and name = more.bmp"), 1u);
  std::filesystem::rename(pictures() + "/more.bmp", pictures() + "/moved.bmp");
  Ingest(library.get());
  EXPECT_EQ(count("name = more.bmp"), 0u);
  EXPECT_EQ(count("name = moved.bmp"), 1u);
  EXPECT_EQ(library->List("has path", 5)->size(), 5u);
}

}  // namespace
}  // namespace espy::fields
