// Columns that are stored: the same table again, whatever was damaged, stopped or changed since.
#include "engine/stored_fields.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "engine/fields/block_format.h"
#include "engine/library_impl.h"
#include "engine/testing.h"
#include "tests/engine/made_library.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using espy::testing::MadeRecord;
using espy::testing::TempDir;
using fields::Block;
using fields::BlockFormat;
using storage::kColumnsSpace;

Record SomeRecord(std::uint64_t n, std::mt19937& random) {
  Record record = MadeRecord(n);
  record.width = static_cast<std::int32_t>(random() % 100);
  record.height = static_cast<std::int32_t>(random() % 4000) + 1;
  record.modified_unix = static_cast<std::int64_t>(random()) - 2'000'000'000;
  if (random() % 2 == 0) record.taken_unix = static_cast<std::int64_t>(random());
  if (random() % 3 == 0) record.place = Place{random() % 90 * 0.7, -0.0};
  if (random() % 3 == 0) record.tags = {"a", "b" + std::to_string(random() % 9)};
  if (random() % 3 == 0) record.caption = "words " + std::to_string(n);
  record.pixels_from = static_cast<PixelSource>(random() % 4);
  if (random() % 4 == 0) record.fields["rating"] = static_cast<std::int64_t>(random() % 5) - 2;
  if (random() % 4 == 0) record.fields["who"] = std::string(random() % 3, 'x');
  if (random() % 4 == 0) record.fields["sharp"] = random() % 2 == 0;
  if (random() % 4 == 0) record.fields["weight"] = 0.25 * static_cast<double>(random() % 9);
  if (random() % 4 == 0) record.fields["due"] = Date{static_cast<std::int64_t>(random())};
  return record;
}

std::vector<Record> SomeRecords(std::uint64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < n; ++i) records.push_back(SomeRecord(i, random));
  std::sort(records.begin(), records.end(),
            [](const Record& a, const Record& b) { return a.id < b.id; });
  return records;
}

std::vector<std::string> ChunksOf(const Block& block) {
  std::vector<std::string> chunks;
  fields::SectionWriter writer([&](std::string_view chunk) {
    chunks.emplace_back(chunk);
    return Status::Ok();
  });
  EXPECT_TRUE(BlockFormat::Write(block, &writer).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return chunks;
}

Result<std::shared_ptr<const Block>> BlockOf(const std::vector<std::string>& chunks) {
  fields::SectionReader reader(
      static_cast<std::uint32_t>(chunks.size()),
      [&](std::uint32_t chunk) -> Result<std::string> { return chunks[chunk]; });
  auto block = BlockFormat::Read(&reader);
  if (block.ok() && !reader.AtEnd()) return Status::Corruption("more than a block");
  return block;
}

TEST(StoredFields, ABlockComesBackAsItWas) {
  for (const std::uint64_t n : {0, 1, 2, 300, 70'000}) {
    SCOPED_TRACE(n);
    Block block;
    const std::vector<Record> records = SomeRecords(n, 3);
    for (const Record& record : records) block.Add(record);
    block.Finish();
    const std::vector<std::string> chunks = ChunksOf(block);
    EXPECT_EQ(chunks.size() > 1, n == 70'000);  // a section that lies in two chunks, too
    const auto again = BlockOf(chunks);
    ASSERT_TRUE(again.ok()) << again.status().message();
    ASSERT_EQ((*again)->rows(), n);
    for (std::uint32_t row = 0; row < n; ++row) {
      ASSERT_EQ((*again)->Restore(row), Block::Held(records[row])) << row;
      ASSERT_EQ((*again)->Find(records[row].id), row);
    }
    for (const char* expression : {"width < 7", "tag = b3", "field.rating > 0", "has place",
                                   "field.who = xx", "path contains 17", "not has taken"}) {
      const auto filter = where::Parse(expression);
      ASSERT_TRUE(filter.ok());
      EXPECT_EQ(*(*again)->Rows(**filter), *block.Rows(**filter)) << expression;
    }
  }
}

TEST(StoredFields, DamagedBlocksAreRefusedOrCanBeAskedAnything) {
  Block block;
  for (const Record& record : SomeRecords(40, 5)) block.Add(record);
  block.Finish();
  const std::string whole = ChunksOf(block).at(0);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(BlockOf({whole.substr(0, length)}).ok()) << length;
  }
  EXPECT_FALSE(BlockOf({whole + "x"}).ok());
  const auto filter =
      where::Parse("width < 9 or tag = a or field.who = x or path ~ *7* or day = 3");
  ASSERT_TRUE(filter.ok());
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x81);
    const auto read = BlockOf({damaged});
    if (!read.ok()) {
      ++refused;
      EXPECT_EQ(read.status().code(), StatusCode::kCorruption);
      continue;
    }
    (*read)->Rows(**filter);
    for (std::uint32_t row = 0; row < (*read)->rows(); ++row) (*read)->Restore(row);
  }
  EXPECT_GT(refused, 100);
}

TEST(StoredFields, AManifestIsReadWhole) {
  const fields::Manifest manifest{77, 5, {4, 1}, {{1, 3}, {900, 2}}};
  const std::string bytes = fields::EncodeManifest(manifest);
  const auto parsed = fields::ParseManifest(bytes);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, manifest);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(fields::ParseManifest(bytes.substr(0, length)).ok());
  }
  EXPECT_FALSE(fields::ParseManifest(bytes + '\0').ok());
  std::string newer = bytes;
  newer[0] = 9;
  EXPECT_EQ(fields::ParseManifest(newer).status().code(), StatusCode::kUnsupported);
}

class StoredFieldsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937 random(1);
    const Status made = testing::MakeLibrary(path(), 3000, 8, [&](std::uint64_t i, Record* record) {
      *record = SomeRecord(i, random);
      record->pixels_from = PixelSource::kImported;
      return std::vector<float>{1, 0, 0, 0, 0, 0, 0, 0};
    });
    ASSERT_TRUE(made.ok()) << made.message();
  }

  std::string path() const { return dir_ / "library"; }
  std::unique_ptr<Library> Open(std::uint64_t columns_changes = 1, bool read_only = false) const {
    testing::LibraryHooks hooks;
    hooks.columns_changes = columns_changes;
    OpenOptions options;
    options.read_only = read_only;
    auto library = testing::OpenWithHooks(path(), options, hooks);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }
  // Has the builder store columns, as at the end of an ingest.
  void Store() const {
    auto library = Open();
    ASSERT_TRUE(library->WaitForBackground().ok());
    ASSERT_EQ(testing::ImplOf(*library).stored_fields->Behind(), 0u);
  }
  template <class F>
  void InStore(F f) const {
    auto store = storage::Store::Open(path(), {});
    ASSERT_TRUE(store.ok()) << store.status().message();
    f(store->get());
  }
  static fields::Manifest ManifestOf(storage::Store* store) {
    const auto bytes = store->GetManifest(kColumnsSpace);
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    const auto manifest = bytes.ok() ? fields::ParseManifest(*bytes) : bytes.status();
    EXPECT_TRUE(manifest.ok());
    return manifest.ok() ? *manifest : fields::Manifest{};
  }
  // A filter's answer is that of the records read one by one.
  static void ExpectRight(Library* library) {
    for (const char* expression : {"width < 7", "tag = b3 and height > 100", "field.rating > 0",
                                   "pixels_from = imported", "seq > 2900"}) {
      const auto filter = where::Parse(expression);
      ASSERT_TRUE(filter.ok()) << filter.status().message();
      std::vector<ItemId> expected, got;
      ASSERT_TRUE(testing::ImplOf(*library)
                      .store
                      ->ScanItems([&](const Record& record) {
                        if ((*filter)->Matches(record)) expected.push_back(record.id);
                        return true;
                      })
                      .ok());
      const auto found = library->List(expression);
      ASSERT_TRUE(found.ok()) << found.status().message();
      for (const Record& record : *found) got.push_back(record.id);
      std::sort(got.begin(), got.end());
      EXPECT_EQ(got, expected) << expression;
    }
  }
  // What is stored holds every item, and nothing lies beside it.
  void ExpectStoredWhole() const {
    InStore([&](storage::Store* store) {
      const fields::Manifest manifest = ManifestOf(store);
      std::set<std::uint64_t> named = {manifest.head.number};
      for (const fields::StoredPart& part : manifest.blocks) named.insert(part.number);
      const auto listed = store->ListSegments(kColumnsSpace);
      ASSERT_TRUE(listed.ok());
      EXPECT_EQ(std::set<std::uint64_t>(listed->begin(), listed->end()), named);
      StoredFields stored(store);
      const FieldsAt loaded = stored.Load();
      ASSERT_NE(loaded.table, nullptr);
      EXPECT_EQ(loaded.table->TakeView()->items(), store->Count()->items);
    });
  }

  TempDir dir_;
};

TEST_F(StoredFieldsTest, TheNextProcessReadsColumnsAndNotRecords) {
  Store();
  ExpectStoredWhole();
  for (const bool read_only : {true, false}) {
    auto library = Open(1, read_only);
    EXPECT_EQ(testing::ImplOf(*library).stored_fields->Behind(), 0u);
    ExpectRight(library.get());
    const auto verified = library->Verify();
    ASSERT_TRUE(verified.ok());
    EXPECT_EQ(verified->problems, std::vector<std::string>{});
  }
}

TEST_F(StoredFieldsTest, WhatChangedSinceIsReadFromTheLog) {
  Store();
  std::mt19937 random(4);
  for (int round = 0; round < 6; ++round) {
    // Stored anew in every other round, at closing.
    auto library = Open(round % 2 == 0 ? 1'000'000 : 1);
    const auto items = library->List("width < 50");
    ASSERT_TRUE(items.ok());
    for (int i = 0; i < 20; ++i) {
      const ItemId id = (*items)[random() % items->size()].id;
      if (random() % 4 == 0) {
        [[maybe_unused]] const auto gone = library->Forget({.targets = {FormatItemId(id)}});
      } else if (library->Get(id).ok()) {
        ASSERT_TRUE(library->Tag(id, {"b3"}, {}).ok());
      }
    }
    ExpectRight(library.get());
    library.reset();
    library = Open(1'000'000, /*read_only=*/true);
    EXPECT_EQ(testing::ImplOf(*library).stored_fields->Behind() > 0, round % 2 == 0);
    ExpectRight(library.get());
    library.reset();
    if (round % 2 == 1) ExpectStoredWhole();
  }
}

TEST_F(StoredFieldsTest, BlocksThatAreThereAreNotWrittenAgain) {
  Store();
  std::set<std::uint64_t> before;
  InStore([&](storage::Store* store) {
    for (const auto& part : ManifestOf(store).blocks) before.insert(part.number);
  });
  ASSERT_FALSE(before.empty());
  {
    auto library = Open();
    const auto items = library->List("width < 3");
    ASSERT_TRUE(items.ok() && !items->empty());
    ASSERT_TRUE(library->Tag(items->front().id, {"new"}, {}).ok());
  }
  InStore([&](storage::Store* store) {
    const fields::Manifest after = ManifestOf(store);
    EXPECT_EQ(after.seq, store->last_seq());
    for (const auto& part : after.blocks) EXPECT_TRUE(before.contains(part.number));
  });
}

TEST_F(StoredFieldsTest, DamageIsPassedOverInSilenceAndVerifyNamesIt) {
  Store();
  for (int kind = 0; kind < 4; ++kind) {
    SCOPED_TRACE(kind);
    Store();
    InStore([&](storage::Store* store) {
      const fields::Manifest manifest = ManifestOf(store);
      const std::uint64_t block = manifest.blocks[0].number;
      const Status damaged =
          kind == 0   ? store->PutChunk(kColumnsSpace, block, 0, "not a block")
          : kind == 1 ? store->DeleteSegment(kColumnsSpace, block)
          : kind == 2 ? store->PutManifest(kColumnsSpace, "\1 no manifest")
                      : store->PutChunk(kColumnsSpace, manifest.head.number, 0, "no head");
      ASSERT_TRUE(damaged.ok()) << damaged.message();
    });
    ExpectRight(Open(1'000'000, /*read_only=*/true).get());
    auto library = Open(1'000'000);
    auto report = library->Verify();
    ASSERT_TRUE(report.ok());
    ASSERT_EQ(report->problems.size(), 1u);
    EXPECT_TRUE(report->problems[0].starts_with("filter columns: ")) << report->problems[0];
    report = library->Verify(/*repair=*/true);
    ASSERT_TRUE(report.ok());
    // The made vectors are whole, and nothing else was wrong.
    EXPECT_EQ(report->problems, std::vector<std::string>{});
    ExpectRight(library.get());
  }
}

TEST_F(StoredFieldsTest, ColumnsThatSayOtherThanTheRecordsAreFoundAndMade) {
  Store();
  InStore([&](storage::Store* store) {
    StoredFields stored(store);
    const FieldsAt loaded = stored.Load();
    ASSERT_NE(loaded.table, nullptr);
    Record record = *loaded.table->TakeView()->Find(MadeRecord(17).id);
    record.width += 1;
    loaded.table->Put(record);
    loaded.table->Publish();
    ASSERT_TRUE(stored.Save(*loaded.table->TakeView(), loaded.seq, {}).ok());
  });
  auto library = Open(1'000'000);
  auto report = library->Verify();
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_NE(report->problems[0].find(FormatItemId(MadeRecord(17).id)), std::string::npos);
  report = library->Verify(/*repair=*/true);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problems, std::vector<std::string>{});
  ExpectRight(library.get());
}

TEST_F(StoredFieldsTest, StoppedSavingLeavesWhatWasStored) {
  Store();
  InStore([&](storage::Store* store) {
    const std::string before = *store->GetManifest(kColumnsSpace);
    StoredFields stored(store);
    const FieldsAt loaded = stored.Load();
    ASSERT_NE(loaded.table, nullptr);
    for (std::uint64_t i = 0; i < 300; ++i) {
      loaded.table->Put(*loaded.table->TakeView()->Find(MadeRecord(i).id));
    }
    loaded.table->Publish();
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(stored.Save(*loaded.table->TakeView(), loaded.seq, stop.get_token()).code(),
              StatusCode::kCancelled);
    EXPECT_EQ(*store->GetManifest(kColumnsSpace), before);
    // What a crash between the parts and the manifest leaves is dropped by the next saving.
    ASSERT_TRUE(store->PutChunk(kColumnsSpace, 500, 0, "an orphan").ok());
    StoredFields later(store);
    ASSERT_TRUE(later.Save(*loaded.table->TakeView(), loaded.seq, {}).ok());
  });
  ExpectStoredWhole();
}

TEST_F(StoredFieldsTest, RebuildDropsThem) {
  Store();
  {
    auto library = Open(1'000'000);
    ASSERT_TRUE(library->Rebuild().ok());
    ExpectRight(library.get());
  }
  InStore([&](storage::Store* store) {
    EXPECT_EQ(store->GetManifest(kColumnsSpace).status().code(), StatusCode::kNotFound);
    EXPECT_TRUE(store->ListSegments(kColumnsSpace)->empty());
  });
}

}  // namespace
}  // namespace espy
