#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/engine/fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;
using IngestTest = testing::LibraryTest;

TEST_F(IngestTest, AFolderBecomesItemsAndASecondRunReadsNothing) {
  MakePictures(20);
  auto library = Open();
  const IngestReport first = Ingest(library.get());
  EXPECT_EQ(first.found, 20u);
  EXPECT_EQ(first.added, 20u);
  const IngestReport second = Ingest(library.get());
  EXPECT_EQ(second.unchanged, 20u);
  EXPECT_EQ(second.added, 0u);
  EXPECT_EQ(second.bytes_read, 0u);
  EXPECT_EQ(Items(library.get()), 20u);
  ExpectSound(library.get());
}

TEST_F(IngestTest, ARenamedFileIsTheSameItemWithItsTags) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  const ItemId id = library->Find(pictures() + "/p1.bmp")->id;
  ESPY_ASSERT_OK(library->Tag(id, {"mine"}, {}));
  fs::rename(pictures() + "/p1.bmp", pictures() + "/renamed.bmp");
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.moved, 1u);
  EXPECT_EQ(report.added, 0u);
  EXPECT_EQ(report.vanished, 0u);
  auto record = library->Find(pictures() + "/renamed.bmp");
  ESPY_ASSERT_OK(record);
  EXPECT_EQ(record->id, id);
  EXPECT_EQ(record->tags, std::vector<std::string>{"mine"});
  EXPECT_EQ(record->paths.size(), 1u);
  ExpectSound(library.get());
}

TEST_F(IngestTest, TwoFilesThatSwapNamesKeepTheirItems) {
  MakePictures(2);
  auto library = Open();
  Ingest(library.get());
  const ItemId a = library->Find(pictures() + "/p0.bmp")->id;
  ESPY_ASSERT_OK(library->Tag(a, {"first"}, {}));
  fs::rename(pictures() + "/p0.bmp", pictures() + "/t.bmp");
  fs::rename(pictures() + "/p1.bmp", pictures() + "/p0.bmp");
  fs::rename(pictures() + "/t.bmp", pictures() + "/p1.bmp");
  for (const char* name : {"/p0.bmp", "/p1.bmp"}) {  // files of one size: only the times tell
    fs::last_write_time(pictures() + name,
                        fs::file_time_type::clock::now() + std::chrono::hours(1));
  }
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.replaced, 2u);
  EXPECT_EQ(library->Find(pictures() + "/p1.bmp")->id, a);
  EXPECT_EQ(library->Find(pictures() + "/p1.bmp")->tags, std::vector<std::string>{"first"});
  EXPECT_EQ(Items(library.get()), 2u);
  ExpectSound(library.get());
}

TEST_F(IngestTest, ACopyIsASecondPathOfOneItem) {
  MakePictures(1);
  fs::copy_file(pictures() + "/p0.bmp", pictures() + "/copy.bmp");
  auto library = Open();
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.added, 1u);
  EXPECT_EQ(report.known, 1u);
  EXPECT_EQ(library->Find(pictures() + "/copy.bmp")->paths.size(), 2u);
  auto groups = library->Duplicates();
  ESPY_ASSERT_OK(groups);
  ASSERT_EQ(groups->size(), 1u);
  EXPECT_TRUE((*groups)[0].exact);
}

TEST_F(IngestTest, ChangedBytesReplaceTheItemAndLostFilesLeave) {
  MakePictures(4);
  auto library = Open();
  Ingest(library.get());
  const ItemId before = library->Find(pictures() + "/p0.bmp")->id;
  Picture("p0.bmp", 99);
  fs::last_write_time(pictures() + "/p0.bmp",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  fs::remove(pictures() + "/p3.bmp");
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.added, 1u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(report.vanished, 1u);
  EXPECT_EQ(library->Get(before).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Items(library.get()), 3u);
  ExpectSound(library.get());
}

TEST_F(IngestTest, AnEmptyMountPointLosesNothing) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  for (int i = 0; i < 3; ++i) fs::remove(pictures() + "/" + Name(i));
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.vanished, 0u);
  EXPECT_EQ(Items(library.get()), 3u);
}

TEST_F(IngestTest, BadFilesAreCountedNamedAndNotTriedAgainUntilTheyChange) {
  MakePictures(2);
  dir_.Write("pictures/empty.jpg", "");
  dir_.Write("pictures/text.png", "this is not a picture");
  dir_.Write("pictures/cut.bmp", testing::MakeBmp(5).substr(0, 2000));
  dir_.Write("pictures/notes.txt", "nothing to see");
  auto library = Open();
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.added, 2u);
  EXPECT_EQ(report.failed, 3u);
  EXPECT_EQ(report.skipped, 1u);
  auto failures = library->Failures();
  ESPY_ASSERT_OK(failures);
  ASSERT_EQ(failures->size(), 3u);
  for (const Failure& failure : *failures) {
    EXPECT_TRUE(failure.message.starts_with(failure.path)) << failure.message;
  }
  const IngestReport again = Ingest(library.get());
  EXPECT_EQ(again.failed, 3u);
  EXPECT_EQ(again.bytes_read, 0u) << "an unchanged bad file was read again";
  failures = library->Failures();
  ESPY_ASSERT_OK(failures);
  for (const Failure& failure : *failures) EXPECT_EQ(failure.attempts, 1u);
  dir_.Write("pictures/empty.jpg", testing::MakeBmp(77));
  EXPECT_EQ(Ingest(library.get()).added, 1u);
  EXPECT_EQ(library->Failures()->size(), 2u);
}

TEST_F(IngestTest, FailuresOfFilesThatAreGoneAreForgotten) {
  MakePictures(2);
  dir_.Write("pictures/text.png", "this is not a picture");
  dir_.Write("pictures/sub/other.png", "neither is this");
  dir_.Write("pictures-too/third.png", "nor this");
  auto library = Open();
  Ingest(library.get());
  IngestOptions too;
  too.paths = {pictures() + "-too"};
  ESPY_ASSERT_OK(library->Ingest(too));
  fs::create_symlink("nowhere.png", pictures() + "/dangling.png");
  Ingest(library.get());
  ASSERT_EQ(library->Failures()->size(), 4u) << "a link that leads nowhere is one";
  fs::remove(pictures() + "/dangling.png");
  fs::remove(pictures() + "/text.png");
  fs::remove_all(pictures() + "/sub");
  fs::remove(pictures() + "-too/third.png");
  Ingest(library.get());
  const auto left = library->Failures();
  ESPY_ASSERT_OK(left);
  ASSERT_EQ(left->size(), 1u) << "of the folder that was not looked at";
  EXPECT_EQ((*left)[0].path, pictures() + "-too/third.png");
}

TEST_F(IngestTest, LoopsHiddenFoldersAndExcludedOnesAreNotEntered) {
  MakePictures(1);
  Picture("sub/a.bmp", 11);
  Picture(".hidden/b.bmp", 12);
  Picture("screens/c.bmp", 13);
  fs::create_directory_symlink("..", pictures() + "/sub/loop");
  auto library = Open();
  IngestOptions options;
  options.paths = {pictures()};
  options.exclude = {"screens"};
  auto report = library->Ingest(options);
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->added, 2u);
}

TEST_F(IngestTest, NamesAreBytes) {
  Picture("new\nline.bmp", 1);
  Picture("latin\xe9.bmp", 2);
  auto library = Open();
  EXPECT_EQ(Ingest(library.get()).added, 2u);
  ESPY_ASSERT_OK(library->Find(pictures() + "/latin\xe9.bmp"));
  EXPECT_EQ(Ingest(library.get()).unchanged, 2u);
}

TEST_F(IngestTest, UnreadableFilesAreFailuresThatAreTriedAgain) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  MakePictures(1);
  ::chmod((pictures() + "/p0.bmp").c_str(), 0);
  auto library = Open();
  EXPECT_EQ(Ingest(library.get()).failed, 1u);
  ::chmod((pictures() + "/p0.bmp").c_str(), 0644);
  EXPECT_EQ(Ingest(library.get()).added, 1u);
}

TEST_F(IngestTest, AFifoDoesNotHangTheRun) {
  MakePictures(1);
  ASSERT_EQ(::mkfifo((pictures() + "/pipe.jpg").c_str(), 0600), 0);
  auto library = Open();
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.added, 1u);
  EXPECT_EQ(report.failed, 1u);
}

TEST_F(IngestTest, ADryRunChangesNothing) {
  MakePictures(5);
  auto library = Open();
  IngestOptions options;
  options.paths = {pictures()};
  options.dry_run = true;
  auto report = library->Ingest(options);
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->added, 5u);
  EXPECT_EQ(Items(library.get()), 0u);
}

TEST_F(IngestTest, ADryRunCountsWhatFailedBefore) {
  MakePictures(2);
  dir_.Write("pictures/bad.bmp", "BM and no picture");
  auto library = Open();
  EXPECT_EQ(Ingest(library.get()).failed, 1u);
  IngestOptions options;
  options.paths = {pictures()};
  options.dry_run = true;
  auto report = library->Ingest(options);
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->failed, 1u);
  EXPECT_EQ(report->unchanged, 2u);
}

TEST_F(IngestTest, AStoppedRunKeepsWhatItDidAndTheNextGoesOn) {
  MakePictures(200);
  auto library = Open();
  std::stop_source stop;
  IngestOptions options;
  options.paths = {pictures()};
  options.jobs = 1;
  options.batch_size = 1;
  auto report = library->Ingest(
      options,
      [&](const IngestProgress& progress) {
        if (progress.done > 0) stop.request_stop();
      },
      stop.get_token());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(Items(library.get()), report->added);
  ExpectSound(library.get());
  Ingest(library.get());
  EXPECT_EQ(Items(library.get()), 200u);
  ExpectSound(library.get());
}

TEST_F(IngestTest, APathThatDoesNotExistIsAnErrorThatNamesIt) {
  auto library = Open();
  IngestOptions options;
  options.paths = {dir_ / "nowhere"};
  auto report = library->Ingest(options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kNotFound);
  EXPECT_NE(report.status().message().find("nowhere"), std::string::npos);
}

TEST_F(IngestTest, SearchesRunBesideIngestAndSeeWholeItems) {
  MakePictures(150);
  auto library = Open();
  Ingest(library.get());
  for (int i = 150; i < 400; ++i) Picture(Name(i), static_cast<std::uint32_t>(i));
  std::atomic<bool> done{false};
  std::thread searcher([&] {
    while (!done) {
      auto result = library->Search(*ParseQuery({"a dog"}), {.k = 20});
      ASSERT_TRUE(result.ok()) << result.status().message();
      ASSERT_EQ(result->hits.size(), 20u);
      for (const Hit& hit : result->hits) ASSERT_FALSE(hit.record.paths.empty());
    }
  });
  Ingest(library.get());
  done = true;
  searcher.join();
  EXPECT_EQ(Items(library.get()), 400u);
}

}  // namespace
}  // namespace espy
