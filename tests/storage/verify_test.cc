#include <gtest/gtest.h>

#include "storage/store.h"
#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

using espy::testing::SampleRecord;
using espy::testing::SampleSpace;
using espy::testing::SampleTransaction;
using espy::testing::TempDir;

class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::Open(dir_ / "lib", {.create_if_missing = true});
    ESPY_ASSERT_OK(store);
    store_ = std::move(store).value();
    ESPY_ASSERT_OK(store_->AddSpace(SampleSpace()));
    for (std::uint64_t n = 1; n <= 10; ++n) ESPY_ASSERT_OK(store_->Commit(SampleTransaction(n)));
    EXPECT_EQ(*store_->Verify(false), std::vector<std::string>{});
  }

  // Whether some finding holds the words.
  bool Finds(std::string_view words) {
    const Result<std::vector<std::string>> findings = store_->Verify(false);
    EXPECT_TRUE(findings.ok());
    for (const std::string& finding : *findings) {
      if (finding.find(words) != std::string::npos) return true;
    }
    return false;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
};

TEST_F(VerifyTest, APathThatLeadsElsewhereIsFoundAndMended) {
  Transaction wrong;
  wrong.PutPath("/pictures/3.jpg", {SampleRecord(4).id, 1, 2, 3});
  wrong.PutPath("/nowhere", {SampleRecord(5).id, 1, 2, 3});
  wrong.PutPath("/nobody", {12345, 1, 2, 3});
  wrong.DeletePath("/pictures/7.jpg");
  ESPY_ASSERT_OK(store_->Commit(std::move(wrong)));
  EXPECT_TRUE(Finds("/pictures/3.jpg does not lead to it"));
  EXPECT_TRUE(Finds("/nowhere"));
  EXPECT_TRUE(Finds("/nobody"));
  EXPECT_TRUE(Finds("/pictures/7.jpg does not lead to it"));
  EXPECT_FALSE(store_->Verify(true)->empty());
  EXPECT_EQ(*store_->Verify(false), std::vector<std::string>{});
  EXPECT_EQ(store_->GetPath("/pictures/3.jpg")->item, SampleRecord(3).id);
  EXPECT_EQ(store_->GetPath("/pictures/7.jpg")->size, 0u);  // so that ingest reads the file again
  EXPECT_EQ(store_->GetPath("/nowhere").status().code(), StatusCode::kNotFound);
}

TEST_F(VerifyTest, AHashThatLeadsElsewhereIsFoundAndMended) {
  Record thief = SampleRecord(20);
  thief.content_hash = SampleRecord(2).content_hash;  // takes the hash's row over
  Transaction wrong;
  wrong.PutItem(thief);
  wrong.PutPath(thief.paths[0], {thief.id, 1, 2, 3});
  ESPY_ASSERT_OK(store_->Commit(std::move(wrong)));
  EXPECT_TRUE(Finds("content hash does not lead to it"));
}

TEST_F(VerifyTest, AVectorOfTheWrongDimensionSpaceOrItemIsFoundAndDropped) {
  Transaction wrong;
  wrong.PutVector(1, SampleRecord(1).id, std::vector<std::uint16_t>(4));
  wrong.PutVector(9, SampleRecord(2).id, std::vector<std::uint16_t>(8));
  wrong.PutVector(1, 777, std::vector<std::uint16_t>(8));
  ESPY_ASSERT_OK(store_->Commit(std::move(wrong)));
  EXPECT_TRUE(Finds("has dimension 4, not 8"));
  EXPECT_TRUE(Finds("the space is unknown"));
  EXPECT_TRUE(Finds("vector of item " + FormatItemId(777)));
  EXPECT_FALSE(store_->Verify(true)->empty());
  EXPECT_EQ(*store_->Verify(false), std::vector<std::string>{});
}

TEST_F(VerifyTest, AThumbnailWithoutItsItemIsFoundAndMended) {
  Transaction wrong;
  wrong.PutThumbnail(777, "jpeg");
  ESPY_ASSERT_OK(store_->Commit(std::move(wrong)));
  EXPECT_TRUE(Finds("thumbnail of item " + FormatItemId(777)));
  ESPY_ASSERT_OK(store_->Verify(true));
  EXPECT_EQ(*store_->Verify(false), std::vector<std::string>{});
}

TEST_F(VerifyTest, AReaderVerifiesAndMayNotRepair) {
  const auto reader = Store::Open(dir_ / "lib", {.read_only = true});
  ESPY_ASSERT_OK(reader);
  EXPECT_EQ(*(*reader)->Verify(false), std::vector<std::string>{});
  EXPECT_EQ((*reader)->Verify(true).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::storage
