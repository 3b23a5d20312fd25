// Libraries through Parquet. What needs Python's pyarrow is passed over where that is not there.
#include <stdlib.h>

#include <fstream>
#include <random>

#include "base/half.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDimension = 24;

class ParquetTest : public testing::LibraryTest {
 protected:
  void SetUp() override { UseHelper(ESPY_PARQUET_PROGRAM); }
  void TearDown() override { ::unsetenv("ESPY_PARQUET"); }
  static void UseHelper(const std::string& program) {
    ::setenv("ESPY_PARQUET", program.c_str(), 1);
  }
  static bool HasPyarrow() {
    return std::system(("'" ESPY_PARQUET_PROGRAM "' --help >/dev/null 2>&1")) == 0;
  }
  // A program in the helper's place.
  void FakeHelper(const std::string& script) const {
    const std::string program = dir_.Write("fake", "#!/bin/sh\n" + script + "\n");
    fs::permissions(program, fs::perms::owner_all);
    UseHelper(program);
  }

  std::unique_ptr<Library> OpenAt(const std::string& name) const {
    OpenOptions options;
    options.create_if_missing = true;
    auto library = Library::Open(dir_ / name, options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return std::move(*library);
  }
  static std::vector<float> Vector(std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (float& x : vector) x = normal(random);
    return vector;
  }
  static void Fill(Library* library) {
    std::vector<std::vector<float>> vectors;
    for (std::uint32_t i = 0; i < 300; ++i) vectors.push_back(Vector(i));
    std::vector<ImportItem> items(300);
    for (std::uint32_t i = 0; i < 300; ++i) {
      Record& record = items[i].record;
      items[i].vector = vectors[i];
      record.paths = {"/photos/" + std::to_string(i) + ".jpg"};
      record.caption = "number " + std::to_string(i);
      record.tags = {i % 2 == 0 ? "even" : "odd"};
      if (i % 3 == 0) record.fields["rating"] = std::int64_t{i};
    }
    items[7].record.paths = {"/photos/\xff\xfe.jpg", "/photos/\"quoted\"\n.jpg"};
    items[8].record.taken_unix = -1'600'000'000;
    items[8].record.place = Place{47.123456789012345, -8.5};
    items[8].record.perceptual_hash = 0xfedcba9876543210u;
    items[8].record.width = 640;
    items[9].record.paths.clear();
    items[10].record.fields = {
        {"rating", std::int64_t{4}},      {"share", 2.0},       {"good", true},
        {"note", std::string("\"x\" é")}, {"day", Date{86400}}, {"small", 1e-300}};
    const auto report = library->Import(items, {.space = "elsewhere"});
    ASSERT_TRUE(report.ok()) << report.status().message();
  }
  static Result<ImportReport> ImportFile(Library* library, const std::string& file) {
    ImportFilesOptions from;
    from.files = {file};
    from.import.space = "elsewhere";
    return library->ImportFiles(from);
  }
  // Records and the bits of their vectors.
  static void ExpectSame(Library* a, Library* b) {
    const auto left = a->List(""), right = b->List("");
    ASSERT_TRUE(left.ok() && right.ok());
    ASSERT_EQ(left->size(), right->size());
    for (std::size_t i = 0; i < left->size(); ++i) {
      Record record = (*right)[i];
      record.seq = (*left)[i].seq;
      EXPECT_EQ((*left)[i], record);
      EXPECT_EQ(*a->Vector(record.id), *b->Vector(record.id));
    }
  }
};

TEST_F(ParquetTest, ALibraryComesBackBitForBit) {
  if (!HasPyarrow()) GTEST_SKIP() << "there is no pyarrow for " ESPY_PARQUET_PROGRAM;
  auto library = OpenAt("a");
  Fill(library.get());
  const auto report = library->Export({.to = dir_ / "out.parquet"});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->items, 300u);
  EXPECT_EQ(report->bytes, fs::file_size(dir_ / "out.parquet"));
  auto copy = OpenAt("copy");
  const auto taken = ImportFile(copy.get(), dir_ / "out.parquet");
  ASSERT_TRUE(taken.ok()) << taken.status().message();
  EXPECT_EQ(taken->added, 300u);
  EXPECT_EQ(taken->ignored_keys, std::vector<std::string>{});
  ExpectSame(library.get(), copy.get());
  ExpectSound(copy.get());
  EXPECT_EQ(ImportFile(copy.get(), dir_ / "out.parquet")->unchanged, 300u);
  // Nothing is replaced unasked, and nothing is left beside.
  EXPECT_EQ(library->Export({.to = dir_ / "out.parquet"}).status().code(),
            StatusCode::kInvalidArgument);
  for (const auto& entry : fs::directory_iterator(dir_ / "")) {
    EXPECT_EQ(entry.path().string().find("partial"), std::string::npos);
  }
}

TEST_F(ParquetTest, WhatIsNoParquetIsNamed) {
  if (!HasPyarrow()) GTEST_SKIP() << "there is no pyarrow for " ESPY_PARQUET_PROGRAM;
  auto library = OpenAt("a");
  dir_.Write("in.parquet", "PAR1 and nothing more");
  const auto taken = ImportFile(library.get(), dir_ / "in.parquet");
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.status().code(), StatusCode::kIoError);
  EXPECT_TRUE(taken.status().message().starts_with(dir_ / "in.parquet"))
      << taken.status().message();
}

TEST_F(ParquetTest, WithoutTheProgramTheAnswerIsWhatToDo) {
  auto library = OpenAt("a");
  Fill(library.get());
  dir_.Write("in.parquet", "anything");
  UseHelper("no-such-program-of-espy");
  for (const Status& status : {ImportFile(library.get(), dir_ / "in.parquet").status(),
                               library->Export({.to = dir_ / "out.parquet"}).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnsupported);
    EXPECT_NE(status.message().find("ESPY_PARQUET"), std::string::npos) << status.message();
  }
  FakeHelper("echo 'pip install pyarrow' >&2; exit 3");
  for (const Status& status : {ImportFile(library.get(), dir_ / "in.parquet").status(),
                               library->Export({.to = dir_ / "out.parquet"}).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnsupported);
    EXPECT_NE(status.message().find("pip install pyarrow"), std::string::npos) << status.message();
  }
}

// A child that dies, ends early or never reads takes nothing with it.
TEST_F(ParquetTest, AProgramThatFailsIsAnErrorAndNoSignal) {
  auto library = OpenAt("a");
  Fill(library.get());
  dir_.Write("in.parquet", "anything");
  for (const char* script :
       {"exit 1", "kill -9 $$", "echo '{\"rows\":5}'; echo '{\"vector\":[1]}'; exit 0",
        "echo '{\"rows\":5}'; echo oh no >&2; exit 1"}) {
    SCOPED_TRACE(script);
    FakeHelper(script);
    EXPECT_EQ(ImportFile(library.get(), dir_ / "in.parquet").status().code(), StatusCode::kIoError);
  }
  for (const char* script : {"exit 1", "kill -9 $$", "read line; exit 7"}) {
    SCOPED_TRACE(script);
    FakeHelper(script);
    EXPECT_EQ(library->Export({.to = dir_ / "out.parquet"}).status().code(), StatusCode::kIoError);
  }
  FakeHelper("sleep 1000 </dev/null");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(library->Export({.to = dir_ / "out.parquet"}, {}, stop.get_token()).status().code(),
            StatusCode::kCancelled);  // and does not wait for it
  ExpectSound(library.get());
}

}  // namespace
}  // namespace espy
