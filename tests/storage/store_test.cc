#include "storage/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

using espy::testing::SampleRecord;
using espy::testing::SampleSpace;
using espy::testing::SampleThumbnail;
using espy::testing::SampleTransaction;
using espy::testing::SampleVector;
using espy::testing::TempDir;
using espy::testing::Why;

std::unique_ptr<Store> OpenOrDie(const std::string& directory, StoreOptions options = {}) {
  options.create_if_missing = !options.read_only;
  Result<std::unique_ptr<Store>> store = Store::Open(directory, options);
  EXPECT_TRUE(store.ok()) << Why(store);
  return store.ok() ? std::move(store).value() : nullptr;
}

std::uint64_t CommitOrDie(Store& store, Transaction transaction) {
  const Result<std::uint64_t> seq = store.Commit(std::move(transaction));
  EXPECT_TRUE(seq.ok()) << Why(seq);
  return seq.ok() ? *seq : 0;
}

TEST(Store, ATransactionIsVisibleWholeAndSurvivesReopening) {
  TempDir dir;
  {
    auto store = OpenOrDie(dir / "lib");
    ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
    EXPECT_EQ(CommitOrDie(*store, SampleTransaction(1)), 2u);
    EXPECT_EQ(CommitOrDie(*store, SampleTransaction(2)), 4u);
  }
  for (const bool read_only : {false, true, false}) {
    auto store = OpenOrDie(dir / "lib", {.read_only = read_only});
    EXPECT_EQ(store->last_seq(), 4u);
    for (std::uint64_t n = 1; n <= 2; ++n) {
      Record expected = SampleRecord(n);
      expected.seq = 2 * n - 1;
      const Result<Record> record = store->GetItem(expected.id);
      ESPY_ASSERT_OK(record);
      EXPECT_EQ(*record, expected);
      EXPECT_EQ(*store->FindHash(expected.content_hash), expected.id);
      EXPECT_EQ(store->GetPath(expected.paths[0])->item, expected.id);
      std::vector<std::uint16_t> half;
      ESPY_ASSERT_OK(store->GetVector(1, expected.id, &half));
      EXPECT_EQ(half, SampleVector(n));
      EXPECT_EQ(*store->GetThumbnail(expected.id), SampleThumbnail(n));
    }
    EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});
  }
}

TEST(Store, ForgetRemovesEveryRowOfAnItem) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
  CommitOrDie(*store, SampleTransaction(1));
  CommitOrDie(*store, SampleTransaction(2));
  Transaction forget;
  const SpaceNumber spaces[] = {1};
  forget.Forget(SampleRecord(1), spaces);
  EXPECT_EQ(CommitOrDie(*store, std::move(forget)), 5u);
  const Record gone = SampleRecord(1);
  std::vector<std::uint16_t> half;
  EXPECT_EQ(store->GetItem(gone.id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->FindHash(gone.content_hash).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->GetPath(gone.paths[0]).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->GetVector(1, gone.id, &half).code(), StatusCode::kNotFound);
  EXPECT_EQ(store->GetThumbnail(gone.id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->Count()->items, 1u);
  EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});
}

TEST(Store, ASnapshotNeverChanges) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  CommitOrDie(*store, SampleTransaction(1));
  const auto before = store->TakeSnapshot();
  Transaction change = SampleTransaction(2);
  Record first = SampleRecord(1);
  first.caption = "changed";
  change.PutItem(first);
  CommitOrDie(*store, std::move(change));
  EXPECT_EQ(store->SeqOf(*before), 2u);
  EXPECT_EQ(store->GetItem(first.id, before.get())->caption, SampleRecord(1).caption);
  EXPECT_EQ(store->GetItem(SampleRecord(2).id, before.get()).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(store->Count(before.get())->items, 1u);
  EXPECT_EQ(store->GetItem(first.id)->caption, "changed");
  store.reset();  // a snapshot may outlive the store
}

TEST(Store, GetItemsAnswersInTheOrderAskedAndNamesWhatIsAbsent) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  for (std::uint64_t n = 1; n <= 5; ++n) CommitOrDie(*store, SampleTransaction(n));
  const std::vector<ItemId> ids = {SampleRecord(4).id, SampleRecord(1).id, SampleRecord(4).id};
  const Result<std::vector<Record>> records = store->GetItems(ids);
  ESPY_ASSERT_OK(records);
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ((*records)[0].id, ids[0]);
  EXPECT_EQ((*records)[1].id, ids[1]);
  const std::vector<ItemId> absent = {ids[0], 77};
  const Status status = store->GetItems(absent).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find(FormatItemId(77)), std::string::npos);
}

TEST(Store, ConcurrentCommitsAreNumberedWithoutGapsAndKeepTheirOrder) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  constexpr int kThreads = 8, kEach = 25;
  std::vector<std::vector<std::uint64_t>> seqs(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        seqs[t].push_back(CommitOrDie(*store, SampleTransaction(1 + t * kEach + i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::uint64_t, std::uint64_t> item_of;  // seq of the record -> picture
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_TRUE(std::is_sorted(seqs[t].begin(), seqs[t].end()));
    for (int i = 0; i < kEach; ++i) item_of[seqs[t][i] - 1] = SampleRecord(1 + t * kEach + i).id;
  }
  EXPECT_EQ(store->last_seq(), 2u * kThreads * kEach);
  std::uint64_t next = 1;
  ESPY_ASSERT_OK(store->ScanLog(0, [&](const LogEntry& entry) {
    EXPECT_EQ(entry.seq, next++);
    if (entry.kind == ChangeKind::kPutItem) {
      EXPECT_EQ(entry.item, item_of[entry.seq]);
      EXPECT_EQ(store->GetItem(entry.item)->seq, entry.seq);
    }
    return true;
  }));
  EXPECT_EQ(next - 1, store->last_seq());
  EXPECT_EQ(store->Verify(false)->size(), 200u);  // the vectors' space was never added
}

TEST(Store, ScansFollowTheirRangeAndStopWhenTold) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  Transaction transaction;
  for (const char* path : {"/a/1", "/a/2", "/ab", "/b/1", "/a\xff"})
    transaction.PutPath(path, {1, 2, 3, 4});
  CommitOrDie(*store, std::move(transaction));
  std::vector<std::string> seen;
  const auto collect = [&](std::string_view path, const PathRow&) {
    seen.emplace_back(path);
    return seen.size() < 3;
  };
  ESPY_ASSERT_OK(store->ScanPaths("/a/", collect));
  EXPECT_EQ(seen, (std::vector<std::string>{"/a/1", "/a/2"}));
  seen.clear();
  ESPY_ASSERT_OK(store->ScanPaths("", collect));
  EXPECT_EQ(seen, (std::vector<std::string>{"/a/1", "/a/2", "/ab"}));
  EXPECT_EQ(store->last_seq(), 0u);  // paths alone take no number
  for (std::uint64_t n = 1; n <= 3; ++n) CommitOrDie(*store, SampleTransaction(n));
  std::vector<ItemId> items, behind;
  const auto item = [&](std::vector<ItemId>* into) {
    return [into](const Record& record) {
      into->push_back(record.id);
      return true;
    };
  };
  ESPY_ASSERT_OK(store->ScanItems(item(&items)));
  ASSERT_EQ(items.size(), 3u);
  ESPY_ASSERT_OK(store->ScanItems(item(&behind), nullptr, items[0]));
  EXPECT_EQ(behind, (std::vector{items[1], items[2]}));
  ESPY_ASSERT_OK(store->ScanItems(item(&behind), nullptr, UINT64_MAX));
  EXPECT_EQ(behind.size(), 2u);
  std::vector<std::uint64_t> log;
  ESPY_ASSERT_OK(store->ScanLog(4, [&](const LogEntry& entry) {
    log.push_back(entry.seq);
    return true;
  }));
  EXPECT_EQ(log, (std::vector<std::uint64_t>{5, 6}));
  std::vector<ItemId> vectors;
  ESPY_ASSERT_OK(store->ScanVectors(1, [&](ItemId id, std::span<const std::uint16_t> half) {
    vectors.push_back(id);
    EXPECT_EQ(half.size(), 8u);
    return true;
  }));
  EXPECT_EQ(vectors.size(), 3u);
  EXPECT_TRUE(std::is_sorted(vectors.begin(), vectors.end()));
  ESPY_ASSERT_OK(store->ScanVectors(2, [&](ItemId, std::span<const std::uint16_t>) {
    ADD_FAILURE() << "space 2 holds nothing";
    return true;
  }));
}

TEST(Store, FailuresAreKeptByPathAndRemovable) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  const FailureRow row{StatusCode::kCorruption, "not a JPEG", 5, 1, 6, 7};
  Transaction put;
  put.PutFailure("/x", row);
  put.PutFailure("/y", row);
  CommitOrDie(*store, std::move(put));
  Transaction remove;
  remove.DeleteFailure("/x");
  CommitOrDie(*store, std::move(remove));
  int count = 0;
  ESPY_ASSERT_OK(store->ScanFailures([&](std::string_view path, const FailureRow& failure) {
    EXPECT_EQ(path, "/y");
    EXPECT_EQ(failure, row);
    return ++count > 0;
  }));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(store->Count()->failures, 1u);
  EXPECT_EQ(*store->GetFailure("/y"), row);
  EXPECT_EQ(store->GetFailure("/x").status().code(), StatusCode::kNotFound);
}

TEST(Store, SpacesAreNumberedOnceAndTheFirstIsCurrent) {
  TempDir dir;
  {
    auto store = OpenOrDie(dir / "lib");
    EXPECT_EQ(store->CurrentSpace().status().code(), StatusCode::kNotFound);
    EXPECT_EQ(store->AddSpace(SampleSpace())->number, 1u);
    EXPECT_EQ(store->AddSpace(SampleSpace())->number, 2u);
    EXPECT_EQ(*store->CurrentSpace(), 1u);
    ESPY_ASSERT_OK(store->SwitchSpace(2, SpaceRole::kKept));
    EXPECT_EQ(store->SwitchSpace(3, SpaceRole::kKept).code(), StatusCode::kNotFound);
  }
  auto store = OpenOrDie(dir / "lib", {.read_only = true});
  EXPECT_EQ(*store->CurrentSpace(), 2u);
  const Result<std::vector<SpaceRow>> spaces = store->Spaces();
  ASSERT_EQ(spaces->size(), 2u);
  EXPECT_EQ((*spaces)[1].space_id, "space-id");
}

TEST(Store, ASwitchKeepsTheWayBackAndADroppedSpaceLeavesNothing) {
  TempDir dir;
  {
    auto store = OpenOrDie(dir / "lib");
    SpaceRow filling = SampleSpace();
    filling.role = SpaceRole::kFilling;
    ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
    ESPY_ASSERT_OK(store->AddSpace(filling));
    EXPECT_EQ(store->PreviousSpace().status().code(), StatusCode::kNotFound);
    CommitOrDie(*store, SampleTransaction(1));
    Transaction both;
    both.PutVector(2, SampleRecord(1).id, SampleVector(2));
    CommitOrDie(*store, std::move(both));
    ESPY_ASSERT_OK(store->PutChunk(1, 4, 0, std::string(10'000, 'x')));
    ESPY_ASSERT_OK(store->PutManifest(1, "one"));
    ESPY_ASSERT_OK(store->SwitchSpace(2, SpaceRole::kFed));
    EXPECT_EQ(*store->PreviousSpace(), 1u);
    EXPECT_EQ((*store->Spaces())[0].role, SpaceRole::kFed);
    EXPECT_EQ((*store->Spaces())[1].role, SpaceRole::kKept);
    ESPY_ASSERT_OK(store->SetSpaceRole(1, SpaceRole::kKept));
    EXPECT_EQ((*store->Spaces())[0].role, SpaceRole::kKept);
    EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});

    EXPECT_EQ(store->DropSpace(2).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store->DropSpace(9).code(), StatusCode::kNotFound);
    ESPY_ASSERT_OK(store->DropSpace(1));
    ESPY_ASSERT_OK(store->FreeDropped(1));
    EXPECT_EQ(store->PreviousSpace().status().code(), StatusCode::kNotFound);
  }
  auto store = OpenOrDie(dir / "lib");
  EXPECT_EQ(store->Spaces()->size(), 1u);
  EXPECT_EQ(*store->CountVectors(1), 0u);
  EXPECT_EQ(*store->CountVectors(2), 1u);
  EXPECT_EQ(store->GetManifest(1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->GetChunk(1, 4, 0).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*store->ListSegments(1), std::vector<std::uint64_t>{});
  EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});
  // A number stands in the log for ever.
  ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
  ESPY_ASSERT_OK(store->DropSpace(3));
  EXPECT_EQ(store->AddSpace(SampleSpace())->number, 4u);
}

TEST(Store, SegmentsAreListedReadCheckedAndDeletedBySpace) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  const std::string big(4u << 20, 'x');
  for (const SpaceNumber space : {1u, 2u}) {
    for (const std::uint64_t segment : {3u, 9u}) {
      ESPY_ASSERT_OK(store->PutChunk(space, segment, 0, big));
      ESPY_ASSERT_OK(store->PutChunk(space, segment, 1, "tail" + std::to_string(space)));
    }
  }
  EXPECT_EQ(store->GetManifest(1).status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(store->PutManifest(1, "manifest"));
  ESPY_ASSERT_OK(store->DeleteSegment(1, 3));
  EXPECT_EQ(*store->ListSegments(1), std::vector<std::uint64_t>{9});
  EXPECT_EQ(*store->ListSegments(2), (std::vector<std::uint64_t>{3, 9}));
  EXPECT_EQ(store->GetChunk(1, 3, 0).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*store->GetChunk(1, 9, 0), big);
  EXPECT_EQ(*store->GetChunk(2, 3, 1), "tail2");
  EXPECT_EQ(*store->GetManifest(1), "manifest");
  EXPECT_EQ(store->PutChunk(1, 4, 0, big + "x").code(), StatusCode::kInvalidArgument);
  ESPY_ASSERT_OK(store->CompactAll());
  EXPECT_EQ(*store->GetChunk(2, 9, 0), big);
  EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});
}

TEST(Store, ListsAreReadAsOfASnapshotAndGoWithTheirSegment) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  for (const std::uint64_t segment : {3u, 4u}) {
    for (std::uint32_t list = 0; list < 3; ++list) {
      for (std::uint32_t chunk = 0; chunk < list; ++chunk) {
        ESPY_ASSERT_OK(store->PutListChunk(
            1, segment, list, chunk,
            std::to_string(segment) + std::to_string(list) + std::to_string(chunk)));
      }
    }
  }
  const auto read = [&](std::uint64_t segment, std::uint32_t list, const Snapshot* snapshot) {
    std::string all;
    const auto add = [&](std::string_view chunk) {
      all += std::string(chunk) + " ";
      return Status::Ok();
    };
    EXPECT_TRUE(store->GetList(1, segment, list, add, snapshot).ok());
    return all;
  };
  EXPECT_EQ(read(3, 0, nullptr), "");
  EXPECT_EQ(read(3, 1, nullptr), "310 ");
  EXPECT_EQ(read(3, 2, nullptr), "320 321 ");
  EXPECT_EQ(*store->ListSegments(1), (std::vector<std::uint64_t>{3, 4}));
  const auto before = store->TakeSnapshot();
  ESPY_ASSERT_OK(store->DeleteSegment(1, 3));
  EXPECT_EQ(read(3, 2, nullptr), "");
  EXPECT_EQ(read(3, 2, before.get()), "320 321 ");
  EXPECT_EQ(read(4, 2, nullptr), "420 421 ");
  EXPECT_EQ(*store->Verify(false), std::vector<std::string>{});
}

TEST(Store, VectorsAreReadByManyIdsAndThoseThatAreNotThereArePassedOver) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
  Transaction transaction;
  for (ItemId id = 2; id <= 2'000; id += 2) {
    transaction.PutVector(1, id, std::vector<std::uint16_t>(4, static_cast<std::uint16_t>(id)));
  }
  CommitOrDie(*store, std::move(transaction));
  for (const std::size_t step : {1u, 7u, 150u}) {
    std::vector<ItemId> ids, expected, found;
    for (ItemId id = 1; id <= 2'100; id += step) {
      ids.push_back(id);
      if (id % 2 == 0 && id <= 2'000) expected.push_back(id);
    }
    ESPY_ASSERT_OK(
        store->GetVectors(1, ids, [&](std::size_t i, std::span<const std::uint16_t> half) {
          EXPECT_EQ(half.size(), 4u);
          EXPECT_EQ(half[0], ids[i]);
          found.push_back(ids[i]);
        }));
    EXPECT_EQ(found, expected) << step;
  }
}

TEST(Store, DeletedSegmentsGiveTheirSpaceBack) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  std::mt19937 random(1);
  std::string noise(4u << 20, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  for (std::uint64_t segment = 1; segment <= 20; ++segment) {
    for (std::uint32_t chunk = 0; chunk < 4; ++chunk)
      ESPY_ASSERT_OK(store->PutChunk(1, segment, chunk, noise));
    if (segment > 1) ESPY_ASSERT_OK(store->DeleteSegment(1, segment - 1));
  }
  EXPECT_LT(*store->DiskBytes(), 200u << 20);  // 320 MB were written, 16 MB are alive
  ESPY_ASSERT_OK(store->CompactAll());
  EXPECT_LT(*store->DiskBytes(), 100u << 20);
  EXPECT_EQ(*store->GetChunk(1, 20, 3), noise);
}

// Segments whose bytes share a blob file with others that live on.
TEST(Store, DeletedSegmentsAmongLivingOnesGiveTheirBytesBack) {
  TempDir dir;
  auto store = OpenOrDie(dir / "lib");
  ESPY_ASSERT_OK(store->AddSpace(SampleSpace()));
  std::mt19937_64 random(5);
  std::string noise(1 << 20, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  for (std::uint64_t segment = 1; segment <= 30; ++segment) {
    ESPY_ASSERT_OK(store->PutChunk(1, segment, 0, noise));
  }
  ESPY_ASSERT_OK(store->DeleteSegment(1, 15));  // writes the others out beside it
  EXPECT_GT(*store->DiskBytes(), 28u << 20);
  for (std::uint64_t segment = 1; segment <= 30; ++segment) {
    if (segment % 3 != 0 && segment != 15) ESPY_ASSERT_OK(store->DeleteSegment(1, segment));
  }
  // Nine live on; half as much again may be dead.
  EXPECT_LT(*store->DiskBytes(), 15u << 20);
  EXPECT_EQ(*store->GetChunk(1, 30, 0), noise);
}

TEST(Store, ReadersWorkBesideAWriterAndKeepWhatTheyOpened) {
  TempDir dir;
  auto writer = OpenOrDie(dir / "lib");
  ESPY_ASSERT_OK(writer->AddSpace(SampleSpace()));
  for (std::uint64_t n = 1; n <= 300; ++n) CommitOrDie(*writer, SampleTransaction(n));
  ESPY_ASSERT_OK(writer->Flush());
  for (std::uint64_t n = 301; n <= 320; ++n) CommitOrDie(*writer, SampleTransaction(n));
  auto reader = OpenOrDie(dir / "lib", {.read_only = true});
  EXPECT_EQ(reader->last_seq(), 640u);
  const SpaceNumber spaces[] = {1};
  for (std::uint64_t n = 1; n <= 320; ++n) {
    Transaction forget;
    forget.Forget(SampleRecord(n), spaces);
    CommitOrDie(*writer, std::move(forget));
  }
  ESPY_ASSERT_OK(writer->Flush());
  ESPY_ASSERT_OK(writer->CompactAll());
  EXPECT_EQ(writer->Count()->items, 0u);
  EXPECT_EQ(reader->Count()->items, 320u);
  for (std::uint64_t n = 1; n <= 320; ++n) {
    std::vector<std::uint16_t> half;
    ESPY_ASSERT_OK(reader->GetVector(1, SampleRecord(n).id, &half));
    EXPECT_EQ(half, SampleVector(n));
  }
  EXPECT_EQ(OpenOrDie(dir / "lib", {.read_only = true})->last_seq(), 960u);
}

TEST(Store, ReadersOpenWhileAWriterFlushesAndCompacts) {
  TempDir dir;
  auto writer = OpenOrDie(dir / "lib");
  CommitOrDie(*writer, SampleTransaction(1));
  std::jthread writing([&](std::stop_token stop) {
    for (std::uint64_t n = 2; !stop.stop_requested(); ++n) {
      CommitOrDie(*writer, SampleTransaction(n));
      EXPECT_TRUE(n % 20 != 0 || writer->Flush().ok());
      EXPECT_TRUE(n % 100 != 0 || writer->CompactAll().ok());
    }
  });
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t before = writer->last_seq();
    auto reader = OpenOrDie(dir / "lib", {.read_only = true});
    ASSERT_NE(reader, nullptr);
    EXPECT_GE(reader->last_seq(), before);
    EXPECT_EQ(reader->Count()->items, reader->last_seq() / 2);
  }
}

TEST(Store, AReaderRefusesToWrite) {
  TempDir dir;
  OpenOrDie(dir / "lib");
  auto reader = OpenOrDie(dir / "lib", {.read_only = true});
  EXPECT_EQ(reader->Commit(SampleTransaction(1)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(reader->PutManifest(1, "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(reader->AddSpace(SampleSpace()).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::storage
