// Everything at once: ingest, search, forget, tag, compact, rebuild and looking things up, each in
// a thread of its own. Every answer is right for some moment, and the library is sound in the end.
// Run it with the preset tsan to have ThreadSanitizer watch (tests/faults/README.md).
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "engine/testing.h"
#include "tests/engine/fixture.h"

namespace espy::testing {
namespace {

constexpr int kPictures = 60;
constexpr int kRounds = 12;

class ConcurrentTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    MakePictures(kPictures);
    LibraryHooks hooks;
    hooks.storage.write_buffer_bytes = 256 << 10;
    hooks.seal_rows = 16;
    hooks.index_rows = 12;
    OpenOptions options;
    options.create_if_missing = true;
    options.model = model();
    options.threads = 1;
    auto opened = OpenWithHooks(library_path(), options, hooks);
    ESPY_ASSERT_OK(opened);
    library_ = std::move(*opened);
    Ingest(library_.get());
  }

  // Runs `work` again and again until the writers are through.
  std::jthread Until(std::function<void(std::mt19937&)> work, unsigned seed) {
    return std::jthread([this, work = std::move(work), seed] {
      std::mt19937 random(seed);
      while (!done_) work(random);
    });
  }

  ItemId AnyItem(std::mt19937& random) {
    const auto records = library_->List("");
    if (!records.ok() || records->empty()) return kNoItem;
    return (*records)[random() % records->size()].id;
  }

  static void Expected(const Status& status) {
    // An item may be gone by the time that it is asked for.
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kNotFound) << status.message();
  }

  std::unique_ptr<Library> library_;
  std::atomic<bool> done_{false};
};

TEST_F(ConcurrentTest, IngestSearchForgetTagCompactAndRebuildTogether) {
  std::atomic<int> searches{0}, forgotten{0}, tagged{0};
  std::vector<std::jthread> others;
  for (unsigned seed : {1u, 2u}) {
    others.push_back(Until(
        [&](std::mt19937& random) {
          Query query;
          query.terms.emplace_back();
          query.terms[0].text = "word" + std::to_string(random() % 50);
          SearchOptions options;
          options.k = 1 + static_cast<std::int64_t>(random() % 20);
          options.exact = random() % 2 == 0;
          options.log = random() % 4 == 0;
          if (random() % 3 == 0) options.where = "tag = \"kept\"";
          const auto found = library_->Search(query, options);
          ASSERT_TRUE(found.ok()) << found.status().message();
          for (std::size_t i = 1; i < found->hits.size(); ++i) {
            ASSERT_GE(found->hits[i - 1].score, found->hits[i].score);
          }
          ++searches;
          if (!options.log || found->hits.empty() || found->query_id.empty()) return;
          Feedback feedback;
          feedback.query_id = found->query_id;
          feedback.item = found->hits[random() % found->hits.size()].id;
          const Status given = library_->GiveFeedback({&feedback, 1});
          EXPECT_TRUE(given.ok()) << given.message();
        },
        seed));
  }
  others.push_back(Until(
      [&](std::mt19937& random) {
        ForgetOptions options;
        if (const ItemId id = AnyItem(random); id != kNoItem) {
          options.targets = {FormatItemId(id)};
          const auto report = library_->Forget(options);
          Expected(report.status());
          ++forgotten;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      },
      3));
  others.push_back(Until(
      [&](std::mt19937& random) {
        if (const ItemId id = AnyItem(random); id != kNoItem) {
          Expected(library_->Tag(id, {"kept", std::to_string(random() % 9)}, {}).status());
          ++tagged;
        }
      },
      4));
  others.push_back(Until(
      [&](std::mt19937& random) {
        if (const ItemId id = AnyItem(random); id != kNoItem) {
          Expected(library_->Get(id).status());
          Expected(library_->Thumbnail(id).status());
          Expected(library_->Vector(id).status());
        }
        EXPECT_TRUE(library_->Info().ok());
        EXPECT_TRUE(library_->Duplicates().ok());
      },
      5));
  others.push_back(Until(
      [&](std::mt19937& random) {
        if (random() % 3 == 0) {  // what a library does at rest
          const Status built = library_->WaitForBackground();
          EXPECT_TRUE(built.ok()) << built.message();
        } else if (random() % 3 == 0) {
          const Status rebuilt = library_->Rebuild();
          EXPECT_TRUE(rebuilt.ok()) << rebuilt.message();
        } else {
          const auto compacted = library_->Compact();
          EXPECT_TRUE(compacted.ok()) << compacted.status().message();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      },
      6));

  for (int round = 0; round < kRounds; ++round) {
    // What was forgotten comes back, and pictures that were not there before come in.
    for (int i = 0; i < 10; ++i) {
      Picture("r" + std::to_string(round) + "-" + std::to_string(i) + ".bmp",
              static_cast<std::uint32_t>(1000 + round * 10 + i));
    }
    Ingest(library_.get());
  }
  done_ = true;
  others.clear();
  EXPECT_GT(searches, 10);
  EXPECT_GT(forgotten, 3);
  EXPECT_GT(tagged, 10);
  Ingest(library_.get());
  EXPECT_EQ(Items(library_.get()), static_cast<std::uint64_t>(kPictures + 10 * kRounds));
  ExpectSound(library_.get());
  library_.reset();
  ExpectSound(Open().get());
}

}  // namespace
}  // namespace espy::testing
