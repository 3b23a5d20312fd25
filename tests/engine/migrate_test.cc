// Another model for a library: resumed, fed, cut over, rolled back, dropped.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "engine/import.h"
#include "engine/testing.h"
#include "espy/model.h"
#include "storage/store.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;

class MigrateTest : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    testing::WriteTinyModel(other(), 2);
  }
  std::string other() const { return dir_ / "other"; }
  std::string NewId() const { return DescribeId(other()); }
  static std::string DescribeId(const std::string& model) {
    const auto described = DescribeModel(model);
    EXPECT_TRUE(described.ok());
    return described.ok() ? described->space_id : "";
  }

  // Without a model, as `espy` opens it: the library's own.
  std::unique_ptr<Library> Reopen(bool read_only = false) const {
    OpenOptions options;
    options.read_only = read_only;
    options.threads = 1;
    auto library = Library::Open(library_path(), options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }

  using Answer = std::vector<std::pair<ItemId, float>>;
  static Answer Ask(Library* library, const std::string& space = "", std::int64_t k = 1000) {
    SearchOptions options;
    options.k = k;
    options.space = space;
    auto result = library->Search(*ParseQuery({"a red car"}), options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    Answer answer;
    if (result.ok()) {
      for (const Hit& hit : result->hits) answer.emplace_back(hit.id, hit.score);
    }
    return answer;
  }

  // What a library says that took the same pictures with `model` from the start.
  Answer Fresh(const std::string& model) const {
    OpenOptions options;
    options.create_if_missing = true;
    options.model = model;
    options.threads = 1;
    const std::string path = dir_ / ("fresh" + std::to_string(++fresh_));
    auto library = Library::Open(path, options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    Ingest(library->get());
    return Ask(library->get());
  }

  static SpaceInfo SpaceOf(Library* library, const std::string& id) {
    auto info = library->Info();
    EXPECT_TRUE(info.ok()) << info.status().message();
    for (const SpaceInfo& space : info->spaces) {
      if (space.id == id) return space;
    }
    return {};
  }

  mutable int fresh_ = 0;
};

TEST_F(MigrateTest, AfterTheSwitchAnswersAreThoseOfALibraryMadeWithTheNewModel) {
  MakePictures(40);
  auto library = Open();
  Ingest(library.get());
  const Answer before = Ask(library.get());
  const auto report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_TRUE(report->switched);
  EXPECT_EQ(report->items, 40u);
  EXPECT_EQ(report->embedded, 40u);
  EXPECT_EQ(report->by_thumbnail, 0u);
  const Answer after = Ask(library.get());
  EXPECT_EQ(after, Fresh(other()));
  EXPECT_NE(after, before);
  EXPECT_EQ(Ask(library.get(), DescribeId(model())), before);  // the old one still answers
  EXPECT_EQ(SpaceOf(library.get(), NewId()).state, "current");
  EXPECT_EQ(SpaceOf(library.get(), DescribeId(model())).state, "retired");
  ExpectSound(library.get());
  library.reset();
  library = Reopen();
  EXPECT_EQ(Ask(library.get()), after);
  EXPECT_EQ(Ask(library.get(), "1"), before);
  ExpectSound(library.get());
  // A second run has nothing to do.
  const auto again = library->UseModel(other());
  ESPY_ASSERT_OK(again);
  EXPECT_TRUE(again->switched);
  EXPECT_EQ(again->already, 40u);
  EXPECT_EQ(again->embedded, 0u);
}

TEST_F(MigrateTest, StoppedAtAnyPointItGoesOnAndTheOldSpaceAnswersMeanwhile) {
  MakePictures(60);
  auto library = Open();
  Ingest(library.get());
  const Answer before = Ask(library.get());
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 draw(seed);
  MigrationOptions options;
  options.jobs = 1;
  options.batch_size = 1;
  std::uint64_t had = 0;
  int stops = 0;
  for (bool switched = false; !switched;) {
    std::stop_source stop;
    std::jthread stopper([&, wait = draw() % 30] {
      std::this_thread::sleep_for(std::chrono::milliseconds(wait));
      stop.request_stop();
    });
    const auto report = library->UseModel(other(), options, {}, stop.get_token());
    ESPY_ASSERT_OK(report);
    EXPECT_NE(report->switched, report->cancelled);
    switched = report->switched;
    if (switched) break;
    ++stops;
    EXPECT_EQ(Ask(library.get()), before);
    const SpaceInfo space = SpaceOf(library.get(), NewId());
    EXPECT_EQ(space.state, "migrating");
    EXPECT_GE(space.vectors, had);
    EXPECT_EQ(space.missing, 60 - space.vectors);
    had = space.vectors;
    if (draw() % 3 == 0) {
      library.reset();
      library = Reopen();
    }
    ExpectSound(library.get());
    ASSERT_LT(stops, 2000);
  }
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  ExpectSound(library.get());
}

TEST_F(MigrateTest, PicturesThatComeGoAndChangeMeanwhileAreInBothSpaces) {
  MakePictures(40);
  auto library = Open();
  Ingest(library.get());
  MigrationOptions options;
  options.batch_size = 1;
  ESPY_ASSERT_OK(library->StartUseModel(other(), options));
  EXPECT_EQ(library->StartUseModel(other()).code(), StatusCode::kUnavailable);
  for (int i = 40; i < 60; ++i) {
    Picture(Name(i), static_cast<std::uint32_t>(i));
    if (i % 5 == 0) Ingest(library.get());
    const auto old = library->Find(pictures() + "/" + Name(i - 40));
    ESPY_ASSERT_OK(old);
    if (i % 2 == 0) {
      ESPY_ASSERT_OK(library->Tag(old->id, {"seen"}, {}));
    } else {
      fs::remove(pictures() + "/" + Name(i - 40));
      ESPY_ASSERT_OK(library->Forget({.targets = {pictures() + "/" + Name(i - 40)}}));
    }
    ASSERT_FALSE(Ask(library.get()).empty());
  }
  Ingest(library.get());
  const auto report = library->WaitForMigration();
  ESPY_ASSERT_OK(report);
  EXPECT_TRUE(report->switched);
  EXPECT_EQ(Items(library.get()), 50u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  EXPECT_EQ(library->List("tag = seen")->size(), 10u);
  ExpectSound(library.get());
  library.reset();
  library = Reopen();
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  ExpectSound(library.get());
}

TEST_F(MigrateTest, AnIngestBetweenTwoRunsFeedsTheSpaceThatIsBeingFilled) {
  MakePictures(10);
  auto library = Open();
  Ingest(library.get());
  std::stop_source stopped;
  stopped.request_stop();
  const auto stopped_at_once = library->UseModel(other(), {}, {}, stopped.get_token());
  ESPY_ASSERT_OK(stopped_at_once);
  EXPECT_TRUE(stopped_at_once->cancelled);
  library.reset();
  library = Reopen();
  Picture("new.bmp", 99);
  Ingest(library.get());
  EXPECT_EQ(SpaceOf(library.get(), NewId()).vectors, 1u);
  // A model that is gone does not keep pictures out.
  fs::rename(other(), dir_ / "away");
  library.reset();
  library = Reopen();
  Picture("newer.bmp", 98);
  EXPECT_EQ(Ingest(library.get()).added, 1u);
  fs::rename(dir_ / "away", other());
  const auto report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->already, 1u);
  EXPECT_EQ(report->embedded, 11u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
}

TEST_F(MigrateTest, RollingBackIsAtOnceAndCatchesUpWithWhatCameSince) {
  MakePictures(12);
  auto library = Open();
  Ingest(library.get());
  const Answer before = Ask(library.get());
  EXPECT_EQ(library->RollBack().status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(library->UseModel(other()));
  auto back = library->RollBack();
  ESPY_ASSERT_OK(back);
  EXPECT_TRUE(back->switched);
  EXPECT_EQ(back->embedded, 0u);
  EXPECT_EQ(Ask(library.get()), before);
  ESPY_ASSERT_OK(library->RollBack());  // and forth
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  Picture("new.bmp", 99);
  Ingest(library.get());
  EXPECT_EQ(SpaceOf(library.get(), DescribeId(model())).missing, 1u);
  ExpectSound(library.get());
  back = library->RollBack();
  ESPY_ASSERT_OK(back);
  EXPECT_EQ(back->embedded, 1u);
  EXPECT_EQ(Ask(library.get()), Fresh(model()));
  ExpectSound(library.get());
  // A retired space that is fed needs no catching up.
  ESPY_ASSERT_OK(library->UseModel(other(), {.feed_old = true}));
  EXPECT_EQ(SpaceOf(library.get(), DescribeId(model())).state, "fed");
  Picture("newer.bmp", 98);
  Ingest(library.get());
  back = library->RollBack();
  ESPY_ASSERT_OK(back);
  EXPECT_EQ(back->embedded, 0u);
  EXPECT_EQ(Ask(library.get()), Fresh(model()));
}

// Its vectors would be of the old model, and its items would lack those of the new one.
TEST_F(MigrateTest, AnImportThatBeganBeforeTheSwitchIsStoppedByIt) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  const auto before = SpaceForImport(&testing::ImplOf(*library), {});
  ASSERT_TRUE(before.ok());
  const auto batch = [&](const std::string& path) {
    Record record;
    record.paths = {path};
    std::vector<float> vector(static_cast<std::size_t>(before->dimension), 0.0f);
    vector[0] = 1;
    auto row = PrepareImport(vector, {}, record, before->dimension, path);
    EXPECT_TRUE(row.ok());
    ImportReport report;
    std::vector<ImportRow> rows;
    rows.push_back(*std::move(row));
    return ImportRows(&testing::ImplOf(*library), *before, std::move(rows), &report);
  };
  MigrationOptions options;
  options.allow_missing = true;  // nobody can embed what was imported
  ASSERT_TRUE(batch("/imported/before").ok());
  ASSERT_TRUE(library->UseModel(other(), options).ok());
  const Status late = batch("/imported/after");
  EXPECT_EQ(late.code(), StatusCode::kUnavailable) << late.message();
  EXPECT_FALSE(library->Find("/imported/after").ok());
  ExpectSound(library.get());
}

TEST_F(MigrateTest, ADroppedSpaceIsGoneAndNeverTheCurrentOne) {
  MakePictures(12);
  auto library = Open();
  Ingest(library.get());
  ESPY_ASSERT_OK(library->UseModel(other()));
  const Answer after = Ask(library.get());
  Ask(library.get(), "1");
  EXPECT_EQ(library->DropSpace(NewId()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->DropSpace("none").status().code(), StatusCode::kNotFound);
  const auto dropped = library->DropSpace("1");
  ESPY_ASSERT_OK(dropped);
  EXPECT_EQ(dropped->vectors, 12u);
  EXPECT_EQ(library->Search(*ParseQuery({"a"}), {.space = "1"}).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(library->RollBack().status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Ask(library.get()), after);
  EXPECT_EQ(library->Info()->spaces.size(), 1u);
  ExpectSound(library.get());
  library.reset();
  library = Reopen();
  EXPECT_EQ(Ask(library.get()), after);
  ExpectSound(library.get());
  // The way back is the way forth again.
  ESPY_ASSERT_OK(library->UseModel(model()));
  EXPECT_EQ(Ask(library.get()), Fresh(model()));
}

TEST_F(MigrateTest, OnlyOneMigrationIsUnderWayUntilItIsGivenUp) {
  testing::WriteTinyModel(dir_ / "third", 3);
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  std::stop_source stopped;
  stopped.request_stop();
  ESPY_ASSERT_OK(library->UseModel(other(), {}, {}, stopped.get_token()));
  const Status refused = library->UseModel(dir_ / "third").status();
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("espy model drop other"), std::string::npos);
  ESPY_ASSERT_OK(library->DropSpace("other"));
  ESPY_ASSERT_OK(library->UseModel(dir_ / "third"));
  EXPECT_EQ(Ask(library.get()), Fresh(dir_ / "third"));
  ExpectSound(library.get());
}

TEST_F(MigrateTest, ThumbnailsServeWhenAllowedAreNotedAndAreMadeGoodLater) {
  MakePictures(6);
  auto library = Open();
  Ingest(library.get());
  auto report = library->UseModel(other(), {.from_thumbnails = true});
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->by_thumbnail, 6u);
  EXPECT_EQ(SpaceOf(library.get(), NewId()).by_thumbnail, 6u);
  EXPECT_EQ(library->Find(pictures() + "/p1.bmp")->spaces_by_thumbnail,
            std::vector<std::uint32_t>{2});
  EXPECT_NE(Ask(library.get()), Fresh(other()));
  report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->embedded, 6u);
  EXPECT_EQ(report->by_thumbnail, 0u);
  EXPECT_EQ(SpaceOf(library.get(), NewId()).by_thumbnail, 0u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  ExpectSound(library.get());
}

TEST_F(MigrateTest, FilesThatAreGoneOrChangedAreTakenByTheirThumbnails) {
  MakePictures(6);
  auto library = Open();
  Ingest(library.get());
  fs::remove(pictures() + "/p1.bmp");
  Picture("p2.bmp", 77);  // other bytes at an item's path
  auto report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_TRUE(report->switched);
  EXPECT_EQ(report->embedded, 6u);
  EXPECT_EQ(report->by_thumbnail, 2u);
  EXPECT_EQ(library->List("name = p2.bmp")->front().spaces_by_thumbnail.size(), 1u);
  ExpectSound(library.get());
  // Once they are back the next run takes them whole; while they are gone it leaves them.
  report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->embedded, 0u);
  Picture("p1.bmp", 1);
  Picture("p2.bmp", 2);
  report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->embedded, 2u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
}

TEST_F(MigrateTest, MembersOfArchivesAreReadFromThem) {
  MakePictures(8);
  const std::string tar = "cd '" + pictures() +
                          "' && tar cf all.tar p0.bmp p1.bmp p2.bmp p3.bmp && " +
                          "rm p0.bmp p1.bmp p2.bmp p3.bmp";
  ASSERT_EQ(std::system(tar.c_str()), 0);
  auto library = Open();
  EXPECT_EQ(Ingest(library.get()).added, 8u);
  const auto report = library->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->by_thumbnail, 0u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
}

TEST_F(MigrateTest, APictureThatFailsIsJournalledAndBlocksUnlessItMayBeMissing) {
  MakePictures(6);
  auto library = Open();
  Ingest(library.get());
  const Record lost = *library->Find(pictures() + "/p1.bmp");
  fs::remove(pictures() + "/p1.bmp");
  {  // and its thumbnail is no picture
    storage::Transaction transaction;
    transaction.PutThumbnail(lost.id, "not a JPEG");
    library.reset();
    auto store = storage::Store::Open(library_path(), {});
    ESPY_ASSERT_OK(store);
    ESPY_ASSERT_OK((*store)->Commit(std::move(transaction)));
  }
  library = Reopen();
  const Answer before = Ask(library.get());
  const Status blocked = library->UseModel(other()).status();
  EXPECT_EQ(blocked.code(), StatusCode::kUnavailable);
  EXPECT_NE(blocked.message().find("1 of 6"), std::string::npos) << blocked.message();
  EXPECT_NE(blocked.message().find("espy failures"), std::string::npos);
  EXPECT_EQ(Ask(library.get()), before);
  ASSERT_EQ(library->Failures()->size(), 1u);
  EXPECT_EQ(library->Failures()->front().path, pictures() + "/p1.bmp");
  EXPECT_NE(library->Failures()->front().message.find("with model 'other'"), std::string::npos);
  const auto report = library->UseModel(other(), {.allow_missing = true});
  ESPY_ASSERT_OK(report);
  EXPECT_TRUE(report->switched);
  EXPECT_EQ(report->failed, 1u);
  EXPECT_EQ(library->Failures()->front().attempts, 2u);
  EXPECT_EQ(Ask(library.get()).size(), 5u);
  EXPECT_EQ(library->Get(lost.id)->spaces_without, std::vector<std::uint32_t>{2});
  EXPECT_EQ(SpaceOf(library.get(), NewId()).missing, 1u);
  ExpectSound(library.get());
  // When it comes back it is found again.
  Picture("p1.bmp", 1);
  ESPY_ASSERT_OK(library->UseModel(other()));
  EXPECT_EQ(library->Failures()->size(), 0u);
  EXPECT_EQ(library->Get(lost.id)->spaces_without.size(), 0u);
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
}

TEST_F(MigrateTest, VectorsOfDifferentSpacesAreNeverCompared) {
  MakePictures(4);
  auto library = Open();
  Ingest(library.get());
  ESPY_ASSERT_OK(library->UseModel(other()));
  const ItemId id = library->Find(pictures() + "/p1.bmp")->id;
  Query query;
  query.terms.resize(1);
  query.terms[0].kind = QueryTerm::Kind::kVector;
  query.terms[0].vector = *library->Vector(id, "1");
  query.terms[0].space = DescribeId(model());
  EXPECT_EQ(library->Search(query).status().code(), StatusCode::kInvalidArgument);
  auto result = library->Search(query, {.k = 1, .space = "1"});
  ESPY_ASSERT_OK(result);
  EXPECT_EQ(result->hits[0].id, id);
  EXPECT_NE(*library->Vector(id, "1"), *library->Vector(id));
}

TEST_F(MigrateTest, ReadersKeepTheStateThatTheyOpenedWith) {
  MakePictures(20);
  auto library = Open();
  Ingest(library.get());
  auto reader = Reopen(/*read_only=*/true);
  const Answer before = Ask(reader.get());
  ESPY_ASSERT_OK(library->UseModel(other()));
  EXPECT_EQ(Ask(reader.get()), before);
  EXPECT_EQ(reader->Info()->spaces.size(), 1u);
  auto later = Reopen(/*read_only=*/true);
  EXPECT_EQ(Ask(later.get()), Ask(library.get()));
  EXPECT_EQ(Ask(later.get(), "1"), before);
  ESPY_ASSERT_OK(library->DropSpace("1"));
  EXPECT_EQ(Ask(reader.get()), before);
  EXPECT_EQ(Ask(later.get(), "1"), before);
  ExpectSound(later.get());
  EXPECT_EQ(later->UseModel(model()).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(MigrateTest, SearchesOfAnyMomentAnswerFromOneSpace) {
  MakePictures(30);
  auto library = Open();
  Ingest(library.get());
  const Answer before = Ask(library.get()), after = Fresh(other());
  std::atomic<bool> done{false};
  std::atomic<int> asked{0};
  std::jthread searcher([&] {
    bool switched = false;
    while (!done) {
      const Answer now = Ask(library.get());
      EXPECT_TRUE(now == (switched ? after : before) || now == after);
      switched = switched || now == after;
      ++asked;
    }
    EXPECT_TRUE(Ask(library.get()) == after);
  });
  ESPY_ASSERT_OK(library->StartUseModel(other(), {.batch_size = 1}));
  ESPY_ASSERT_OK(library->WaitForMigration());
  done = true;
  searcher.join();
  EXPECT_GT(asked, 0);
}

TEST_F(MigrateTest, ClosingTheLibraryStopsAMigrationInTheBackground) {
  MakePictures(40);
  auto library = Open();
  Ingest(library.get());
  EXPECT_EQ(library->WaitForMigration().status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(library->StartUseModel(other(), {.batch_size = 1}));
  library.reset();
  library = Reopen();
  ESPY_ASSERT_OK(library->UseModel(other()));
  EXPECT_EQ(Ask(library.get()), Fresh(other()));
  ExpectSound(library.get());
}

TEST_F(MigrateTest, RebuildCompactAndForgetServeEverySpace) {
  MakePictures(30);
  auto library = Open();
  Ingest(library.get());
  ESPY_ASSERT_OK(library->UseModel(other()));
  ESPY_ASSERT_OK(library->Forget({.where = "name ~ \"p1*\""}));
  const Answer now = Ask(library.get()), old = Ask(library.get(), "1");
  EXPECT_EQ(now.size(), 19u);
  EXPECT_EQ(old.size(), 19u);
  ESPY_ASSERT_OK(library->Compact());
  EXPECT_EQ(Ask(library.get(), "1"), old);
  ESPY_ASSERT_OK(library->Rebuild());
  EXPECT_EQ(Ask(library.get()), now);
  EXPECT_EQ(Ask(library.get(), "1"), old);
  library.reset();
  library = Reopen();
  EXPECT_EQ(Ask(library.get()), now);
  EXPECT_EQ(Ask(library.get(), "1"), old);
  ExpectSound(library.get());
}

TEST_F(MigrateTest, AnEmptyLibraryTakesTheModelAtOnce) {
  OpenOptions options;
  options.create_if_missing = true;
  options.threads = 1;
  auto library = Library::Open(library_path(), options);
  ESPY_ASSERT_OK(library);
  const auto report = (*library)->UseModel(other());
  ESPY_ASSERT_OK(report);
  EXPECT_TRUE(report->switched);
  MakePictures(3);
  Ingest(library->get());
  EXPECT_EQ(Ask(library->get()), Fresh(other()));
  EXPECT_EQ((*library)->UseModel("no-such-model").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace espy
