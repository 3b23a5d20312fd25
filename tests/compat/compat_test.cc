// Libraries of every released format open, hold what they held, and can be written.
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>

#include "engine/index_store.h"
#include "index/dot.h"
#include "index/vector_index.h"
#include "storage/store.h"
#include "tests/compat/format1.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using namespace espy::testing::format1;
using espy::testing::TempDir;

std::string CopyOf(const TempDir& dir) {
  std::filesystem::copy(std::string(ESPY_SOURCE_DIR) + "/tests/compat/format1", dir / "lib",
                        std::filesystem::copy_options::recursive);
  return dir / "lib";
}

void ExpectPictures(storage::Store& store) {
  for (std::uint64_t n = 1; n <= kPictures; ++n) {
    const Record expected = PictureRecord(n);
    if (n == kForgotten) {
      EXPECT_EQ(store.GetItem(expected.id).status().code(), StatusCode::kNotFound);
      continue;
    }
    const auto record = store.GetItem(expected.id);
    ESPY_ASSERT_OK(record);
    EXPECT_EQ(*record, expected);
    EXPECT_EQ(*store.FindHash(expected.content_hash), expected.id);
    for (const std::string& path : expected.paths) {
      EXPECT_EQ(*store.GetPath(path), (storage::PathRow{expected.id, expected.file_bytes, -5, n}));
    }
    std::vector<std::uint16_t> half;
    ESPY_ASSERT_OK(store.GetVector(1, expected.id, &half));
    EXPECT_EQ(half, PictureVector(n));
    EXPECT_EQ(*store.GetThumbnail(expected.id), PictureThumbnail(n));
  }
  EXPECT_EQ(*store.GetFailure("/format1/bad.jpg"), PictureFailure());
  EXPECT_EQ(*store.CurrentSpace(), 1u);
  EXPECT_EQ(store.Spaces()->front(), Space());
}

TEST(Format1, OpensHoldsWhatItHeldAndVerifies) {
  TempDir dir;
  const std::string library = CopyOf(dir);
  for (const bool read_only : {true, false}) {
    const auto store = storage::Store::Open(library, {.read_only = read_only});
    ESPY_ASSERT_OK(store);
    EXPECT_EQ((*store)->last_seq(), kLastSeq);
    ExpectPictures(**store);
    EXPECT_EQ(*(*store)->Verify(false), std::vector<std::string>{});
  }
}

TEST(Format1, ItsIndexAnswersAsItDid) {
  TempDir dir;
  const auto store = storage::Store::Open(CopyOf(dir), {});
  ESPY_ASSERT_OK(store);
  IndexStore segments(store->get(), 1);
  index::IndexOptions options;
  options.dimension = kDimension;
  options.threads = 1;
  const auto index = index::VectorIndex::Open(options, &segments);
  ESPY_ASSERT_OK(index);
  ASSERT_EQ((*index)->applied_seq(), 2 * kInTables);
  EXPECT_EQ((*index)->TakeView()->live_rows(), static_cast<std::int64_t>(kInTables));
  std::vector<std::uint16_t> half;
  ESPY_ASSERT_OK((*store)->ScanLog((*index)->applied_seq(), [&](const storage::LogEntry& entry) {
    if (entry.kind == storage::ChangeKind::kForget) (*index)->Remove(entry.seq, entry.item);
    if (entry.kind == storage::ChangeKind::kPutVector) {
      EXPECT_TRUE((*store)->GetVector(1, entry.item, &half).ok());
      (*index)->Add(entry.seq, entry.item, half);
    }
    return true;
  }));
  (*index)->Publish(kLastSeq);
  std::vector<float> query(kDimension);
  HalfToFloat(PictureVector(8).data(), query.size(), query.data());
  std::vector<index::Candidate> want;
  query.resize(index::PaddedDimension(kDimension));
  for (std::uint64_t n = 1; n <= kPictures; ++n) {
    if (n == kForgotten) continue;
    std::vector<std::uint16_t> row = PictureVector(n);
    row.resize(query.size());
    want.push_back({index::internal::DotPlain(query.data(), row.data(),
                                              static_cast<std::int64_t>(query.size())),
                    n * 1'000'003});
  }
  std::sort(want.begin(), want.end(), [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  const auto found = (*index)->TakeView()->Search(
      {query.data(), static_cast<std::size_t>(kDimension)}, {.k = 19, .exact = true});
  ESPY_ASSERT_OK(found);
  ASSERT_EQ(found->size(), want.size());
  EXPECT_EQ(found->front().id, 8u * 1'000'003);
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ((*found)[i].id, want[i].id);
    EXPECT_EQ(std::bit_cast<std::uint32_t>((*found)[i].score),
              std::bit_cast<std::uint32_t>(want[i].score));
  }
}

TEST(Format1, CanBeWrittenAndOpenedAgain) {
  TempDir dir;
  const std::string library = CopyOf(dir);
  Record record = PictureRecord(1);
  record.caption = "a new caption";
  {
    const auto store = storage::Store::Open(library, {});
    ESPY_ASSERT_OK(store);
    storage::Transaction transaction;
    transaction.PutItem(record);
    EXPECT_EQ(*(*store)->Commit(std::move(transaction)), kLastSeq + 1);
    ESPY_ASSERT_OK((*store)->CompactAll());
  }
  const auto store = storage::Store::Open(library, {});
  ESPY_ASSERT_OK(store);
  EXPECT_EQ((*store)->GetItem(record.id)->caption, "a new caption");
  EXPECT_EQ(*(*store)->Verify(false), std::vector<std::string>{});
}

}  // namespace
}  // namespace espy
