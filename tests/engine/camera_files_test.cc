// What cameras write: raw files taken by their preview, and JPEGs taken by their thumbnail when
// that is asked for.
#include <fstream>

#include "tests/engine/fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;

class CameraFiles : public testing::LibraryTest {
 protected:
  static std::string Sample(const std::string& name) {
    return testing::ReadFileOrDie(std::string(ESPY_SOURCE_DIR) + "/tests/imaging/data/" + name);
  }
  IngestReport IngestBy(Library* library, bool thumbnails, bool dry_run = false) const {
    IngestOptions options;
    options.paths = {pictures()};
    options.embedded_thumbnails = thumbnails;
    options.dry_run = dry_run;
    auto report = library->Ingest(options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : IngestReport{};
  }
  Record At(Library* library, const std::string& name) const {
    auto record = library->Find(pictures() + "/" + name);
    EXPECT_TRUE(record.ok()) << record.status().message();
    return record.ok() ? *record : Record{};
  }
};

TEST_F(CameraFiles, ARawFileIsAnItemByItsPreview) {
  dir_.Write("pictures/a.NEF", Sample("preview.nef"));
  dir_.Write("pictures/b.jpg", Sample("preview.cr3"));  // by its bytes, whatever its name says
  auto library = Open();
  EXPECT_EQ(Ingest(library.get()).added, 2u);
  const Record record = At(library.get(), "a.NEF");
  EXPECT_EQ(record.format, "raw");
  EXPECT_EQ(record.pixels_from, PixelSource::kPreview);
  EXPECT_EQ(record.width, 48);
  EXPECT_EQ(record.camera, "NIKON Z 99");
  EXPECT_TRUE(record.place.has_value());
  EXPECT_EQ(library->List("format = \"raw\" and pixels_from = \"preview\"")->size(), 2u);
  EXPECT_EQ(Ingest(library.get()).unchanged, 2u);
  ExpectSound(library.get());
}

TEST_F(CameraFiles, AThumbnailServesUntilAnIngestWantsThePictureWhole) {
  dir_.Write("pictures/t.jpg", Sample("thumbnail.jpg"));
  fs::copy_file(pictures() + "/t.jpg", pictures() + "/copy.jpg");
  dir_.Write("pictures/plain.jpg", Sample("large.jpg"));
  auto library = Open();
  EXPECT_EQ(IngestBy(library.get(), true).added, 2u);
  const Record small = At(library.get(), "t.jpg");
  EXPECT_EQ(small.pixels_from, PixelSource::kThumbnail);
  EXPECT_EQ(small.width, 384);
  EXPECT_EQ(At(library.get(), "plain.jpg").pixels_from, PixelSource::kPicture);
  const std::vector<float> before = *library->Vector(small.id);
  const std::string thumbnail = *library->Thumbnail(small.id);
  ESPY_ASSERT_OK(library->Tag(small.id, {"mine"}, {}));
  EXPECT_EQ(IngestBy(library.get(), true).unchanged, 3u);

  const IngestReport dry = IngestBy(library.get(), false, true);
  EXPECT_EQ(dry.retaken, 2u);
  EXPECT_EQ(dry.unchanged, 1u);
  EXPECT_EQ(At(library.get(), "t.jpg").pixels_from, PixelSource::kThumbnail);

  const IngestReport again = IngestBy(library.get(), false);
  EXPECT_EQ(again.retaken, 1u);
  EXPECT_EQ(again.known, 1u);
  EXPECT_EQ(again.unchanged, 1u);
  EXPECT_EQ(again.added + again.failed, 0u);
  const Record whole = At(library.get(), "t.jpg");
  EXPECT_EQ(whole.id, small.id);
  EXPECT_EQ(whole.pixels_from, PixelSource::kPicture);
  EXPECT_EQ(whole.tags, std::vector<std::string>{"mine"});
  EXPECT_EQ(whole.paths.size(), 2u);
  EXPECT_NE(*library->Vector(small.id), before);
  EXPECT_GT(library->Thumbnail(small.id)->size(), thumbnail.size());
  EXPECT_EQ(Items(library.get()), 2u);
  auto found = library->Search(*ParseQuery({pictures() + "/t.jpg"}), {.k = 10});
  ESPY_ASSERT_OK(found);
  ASSERT_EQ(found->hits.size(), 2u) << "the old vector is still found, or the new one is not";
  EXPECT_EQ(found->hits[0].record.id, whole.id);
  EXPECT_NEAR(found->hits[0].score, 1.0, 1e-3);
  ExpectSound(library.get());

  // Whole is whole: neither kind of run has anything left to do.
  EXPECT_EQ(IngestBy(library.get(), false).unchanged, 3u);
  EXPECT_EQ(IngestBy(library.get(), true).unchanged, 3u);
  EXPECT_EQ(At(library.get(), "t.jpg").pixels_from, PixelSource::kPicture);
}

TEST_F(CameraFiles, WhatWasRetakenIsAsIfItHadAlwaysBeenWhole) {
  dir_.Write("pictures/t.jpg", Sample("thumbnail.jpg"));
  std::vector<float> vectors[2];
  Record records[2];
  for (const bool first_by_thumbnail : {false, true}) {
    fs::remove_all(library_path());
    auto library = Open();
    if (first_by_thumbnail) IngestBy(library.get(), true);
    IngestBy(library.get(), false);
    records[first_by_thumbnail] = At(library.get(), "t.jpg");
    vectors[first_by_thumbnail] = *library->Vector(records[first_by_thumbnail].id);
  }
  EXPECT_EQ(vectors[0], vectors[1]);
  records[1].seq = records[0].seq;
  records[1].added_unix = records[0].added_unix;
  EXPECT_EQ(records[0], records[1]);
}

TEST_F(CameraFiles, APictureThatTurnsOutDamagedKeepsWhatItsThumbnailGave) {
  std::string bytes = Sample("thumbnail.jpg");
  bytes.resize(bytes.size() / 2);
  dir_.Write("pictures/t.jpg", bytes);
  auto library = Open();
  EXPECT_EQ(IngestBy(library.get(), true).added, 1u);
  EXPECT_EQ(IngestBy(library.get(), false).failed, 1u);
  EXPECT_EQ(At(library.get(), "t.jpg").pixels_from, PixelSource::kThumbnail);
  const IngestReport again = IngestBy(library.get(), false);
  EXPECT_EQ(again.failed, 1u);
  EXPECT_EQ(again.bytes_read, 0u) << "an unchanged bad file was read again";
  ExpectSound(library.get());
}

}  // namespace
}  // namespace espy
