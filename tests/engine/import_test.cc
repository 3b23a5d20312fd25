// Vectors that come without pictures, and a library carried over in files.
#include <fstream>
#include <random>

#include "base/half.h"
#include "engine/transfer/npy.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

using espy::testing::LibraryTest;
using espy::testing::ReadFileOrDie;

constexpr std::int64_t kDimension = 24;

class ImportTest : public LibraryTest {
 protected:
  std::unique_ptr<Library> OpenAt(const std::string& name) const {
    OpenOptions options;
    options.create_if_missing = true;
    auto library = Library::Open(dir_ / name, options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return std::move(*library);
  }

  // Seeded, so that the same number gives the same vector.
  static std::vector<float> Vector(std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (float& x : vector) x = normal(random);
    return vector;
  }

  struct Batch {
    std::vector<std::vector<float>> vectors;
    std::vector<ImportItem> items;
  };
  static Batch MakeBatch(std::uint32_t first, std::uint32_t n) {
    Batch batch;
    for (std::uint32_t i = first; i < first + n; ++i) batch.vectors.push_back(Vector(i));
    for (std::uint32_t i = 0; i < n; ++i) {
      ImportItem item;
      item.vector = batch.vectors[i];
      item.record.paths = {"/photos/" + std::to_string(first + i) + ".jpg"};
      item.record.caption = "number " + std::to_string(first + i);
      item.record.tags = {i % 2 == 0 ? "even" : "odd"};
      batch.items.push_back(std::move(item));
    }
    return batch;
  }

  static ImportReport Import(Library* library, const Batch& batch) {
    auto report = library->Import(batch.items, {.space = "elsewhere"});
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : ImportReport{};
  }

  static std::vector<Hit> Hits(Library* library, const std::vector<float>& vector,
                               std::int64_t k = 10) {
    QueryTerm term;
    term.kind = QueryTerm::Kind::kVector;
    term.vector = vector;
    SearchOptions options;
    options.k = k;
    auto result = library->Search({{term}}, options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? result->hits : std::vector<Hit>{};
  }

  static void ExpectSameAnswers(Library* a, Library* b) {
    for (std::uint32_t seed = 1000; seed < 1020; ++seed) {
      const std::vector<Hit> left = Hits(a, Vector(seed)), right = Hits(b, Vector(seed));
      ASSERT_EQ(left.size(), right.size());
      ASSERT_FALSE(left.empty());
      for (std::size_t i = 0; i < left.size(); ++i) {
        EXPECT_EQ(left[i].id, right[i].id);
        EXPECT_EQ(left[i].score, right[i].score);  // the same bits
        Record without_seq = right[i].record;
        without_seq.seq = left[i].record.seq;
        EXPECT_EQ(left[i].record, without_seq);
      }
    }
  }

  static ImportReport ImportFile(Library* library, const ImportFilesOptions& options) {
    auto report = library->ImportFiles(options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : ImportReport{};
  }
};

TEST_F(ImportTest, ImportedVectorsAreFoundAtOnceAndAfterReopening) {
  auto library = OpenAt("a");
  EXPECT_EQ(Import(library.get(), MakeBatch(0, 100)).added, 100u);
  for (int round = 0; round < 2; ++round) {
    const std::vector<Hit> hits = Hits(library.get(), Vector(42), 1);
    ASSERT_EQ(hits.size(), 1u);
    EXPECT_EQ(hits[0].record.paths[0], "/photos/42.jpg");
    EXPECT_GT(hits[0].score, 0.999f);
    ExpectSound(library.get());
    library.reset();
    library = OpenAt("a");
  }
}

TEST_F(ImportTest, ImportingAgainChangesNothing) {
  auto library = OpenAt("a");
  const Batch batch = MakeBatch(0, 50);
  Import(library.get(), batch);
  const std::uint64_t seq = library->Info()->seq;
  const ImportReport again = Import(library.get(), batch);
  EXPECT_EQ(again.unchanged, 50u);
  EXPECT_EQ(again.added + again.updated, 0u);
  EXPECT_EQ(library->Info()->seq, seq);
}

TEST_F(ImportTest, WordsAndPathsAreAddedToAnItemThatIsHeld) {
  auto library = OpenAt("a");
  Batch batch = MakeBatch(0, 1);
  batch.items[0].record.content_hash[0] = 7;
  Import(library.get(), batch);
  batch.items[0].record.paths = {"/elsewhere/0.jpg"};
  batch.items[0].record.tags = {"new"};
  batch.items[0].record.caption = "another";
  EXPECT_EQ(Import(library.get(), batch).updated, 1u);
  const Record record = *library->Find("/elsewhere/0.jpg");
  EXPECT_EQ(record.paths, (std::vector<std::string>{"/elsewhere/0.jpg", "/photos/0.jpg"}));
  EXPECT_EQ(record.tags, (std::vector<std::string>{"even", "new"}));
  EXPECT_EQ(record.caption, "number 0");
  ExpectSound(library.get());
}

TEST_F(ImportTest, AnotherVectorForTheSameContentReplacesTheFirst) {
  auto library = OpenAt("a");
  Batch batch = MakeBatch(0, 1);
  batch.items[0].record.content_hash[0] = 7;
  Import(library.get(), batch);
  const std::vector<float> other = Vector(77);
  batch.items[0].vector = other;
  EXPECT_EQ(Import(library.get(), batch).updated, 1u);
  EXPECT_GT(Hits(library.get(), other, 1)[0].score, 0.999f);
  EXPECT_EQ(Items(library.get()), 1u);
  ExpectSound(library.get());
}

TEST_F(ImportTest, APathMovesToTheItemImportedLater) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 3));
  Batch batch = MakeBatch(10, 1);
  batch.items[0].record.paths = {"/photos/1.jpg"};
  EXPECT_EQ(Import(library.get(), batch).replaced, 1u);
  EXPECT_EQ(library->Find("/photos/1.jpg")->caption, "number 10");
  EXPECT_EQ(Items(library.get()), 3u);  // what had lain there is gone
  ExpectSound(library.get());
}

TEST_F(ImportTest, TheSameItemTwiceInOneBatchIsOneItem) {
  auto library = OpenAt("a");
  Batch batch = MakeBatch(0, 2);
  batch.items.push_back(batch.items[0]);
  batch.items.push_back(batch.items[1]);
  batch.items.back().vector = batch.vectors[0];  // and one path twice
  const ImportReport report = Import(library.get(), batch);
  EXPECT_EQ(report.added, 3u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(Items(library.get()), 2u);
  ExpectSound(library.get());
}

TEST_F(ImportTest, ABadItemFailsItsBatchAndNothingOfItIsTaken) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 5));
  const std::vector<float> zero(kDimension), shorter(kDimension - 1, 1.0f);
  std::vector<float> infinite = Vector(1);
  infinite[3] = INFINITY;
  for (const std::vector<float>& bad : {zero, shorter, infinite, std::vector<float>()}) {
    Batch batch = MakeBatch(10, 5);
    batch.items[3].vector = bad;
    const auto report = library->Import(batch.items);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(report.status().message().find("item 3"), std::string::npos);
  }
  EXPECT_EQ(Items(library.get()), 5u);
}

TEST_F(ImportTest, VectorsOfAnotherModelAreRefused) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 5));
  const auto other = library->Import(MakeBatch(10, 1).items, {.space = "another"});
  EXPECT_EQ(other.status().code(), StatusCode::kInvalidArgument);
  const auto longer =
      library->Import(MakeBatch(10, 1).items, {.space = "elsewhere", .dimension = 32});
  EXPECT_EQ(longer.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ImportTest, ANewLibraryNeedsANameForTheSpace) {
  auto library = OpenAt("a");
  const auto report = library->Import(MakeBatch(0, 1).items);
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(report.status().message().find("--space"), std::string::npos);
}

TEST_F(ImportTest, WordsCannotBeAskedOfAModelThatIsNotHere) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 5));
  const auto result = library->Search(*ParseQuery({"a dog"}));
  EXPECT_EQ(result.status().code(), StatusCode::kUnsupported);
  EXPECT_NE(result.status().message().find("elsewhere"), std::string::npos);
}

TEST_F(ImportTest, AnIngestBesidesLeavesPathlessImportsAlone) {
  MakePictures(2);
  auto library = Open();
  Ingest(library.get());
  const std::vector<float> vector(16, 0.5f);
  ImportItem item;
  item.vector = vector;
  ASSERT_TRUE(library->Import({&item, 1}).ok());
  EXPECT_EQ(Items(library.get()), 3u);
  std::filesystem::remove(pictures() + "/" + Name(0));
  EXPECT_EQ(Ingest(library.get()).vanished, 1u);
  EXPECT_EQ(Items(library.get()), 2u);
}

TEST_F(ImportTest, UnitVectorsOfHalfPrecisionAreKeptBitForBit) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 1));
  const ItemId id = library->Find("/photos/0.jpg")->id;
  const std::vector<float> stored = *library->Vector(id);
  std::vector<std::uint16_t> half(stored.size());
  FloatToHalf(stored.data(), stored.size(), half.data());
  ImportItem item;
  item.half = half;
  auto second = OpenAt("b");
  ASSERT_TRUE(second->Import({&item, 1}, {.space = "elsewhere"}).ok());
  EXPECT_EQ(Hits(second.get(), Vector(5), 1)[0].score, Hits(library.get(), Vector(5), 1)[0].score);
}

TEST_F(ImportTest, ALibraryGoesThroughFilesAndAnswersBitForBit) {
  auto library = OpenAt("a");
  Batch batch = MakeBatch(0, 300);
  batch.items[7].record.paths = {"/photos/\xff\xfe.jpg", "/photos/\"quoted\"\n.jpg"};
  batch.items[8].record.taken_unix = 1'600'000'000;
  batch.items[8].record.place = Place{47.123456789012345, -8.5};
  batch.items[8].record.perceptual_hash = 0xfedcba9876543210u;
  batch.items[8].record.width = 640;
  batch.items[9].record.paths.clear();
  batch.items[10].record.fields = {
      {"rating", std::int64_t{4}},    {"share", 2.0},       {"good", true},
      {"note", std::string("\"x\"")}, {"day", Date{86400}}, {"small", 1e-300}};
  Import(library.get(), batch);
  for (const std::string name : {"out.jsonl", "out.npy"}) {
    ExportOptions to;
    to.to = dir_ / name;
    to.overwrite = true;
    const auto report = library->Export(to);
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->items, 300u);
    auto copy = OpenAt("copy of " + name);
    ImportFilesOptions from;
    from.files = {dir_ / name};
    from.import.space = "elsewhere";
    EXPECT_EQ(ImportFile(copy.get(), from).added, 300u);
    ExpectSameAnswers(library.get(), copy.get());
    ExpectSound(copy.get());
    EXPECT_EQ(ImportFile(copy.get(), from).unchanged, 300u);
  }
}

TEST_F(ImportTest, AnIngestedLibraryGoesThroughFilesWithItsModel) {
  MakePictures(20);
  auto library = Open();
  Ingest(library.get());
  ASSERT_TRUE(library->Export({.to = dir_ / "out.jsonl"}).ok());
  auto copy = OpenAt("copy");
  ImportFilesOptions from;
  from.files = {dir_ / "out.jsonl"};
  from.import.space = model();
  EXPECT_EQ(ImportFile(copy.get(), from).added, 20u);
  const auto query = *ParseQuery({"red disc"});
  const auto left = library->Search(query), right = copy->Search(query);
  ASSERT_TRUE(left.ok() && right.ok());
  for (std::size_t i = 0; i < left->hits.size(); ++i) {
    EXPECT_EQ(left->hits[i].id, right->hits[i].id);
    EXPECT_EQ(left->hits[i].score, right->hits[i].score);
  }
  // Pictures that were carried over are not read again as new.
  IngestOptions again;
  again.paths = {pictures()};
  EXPECT_EQ(copy->Ingest(again)->added, 0u);
}

TEST_F(ImportTest, BadLinesAreCountedAndNamedAndTheRestIsTaken) {
  dir_.Write("in.jsonl",
             "{\"vector\":[1,0,0],\"path\":\"/a\"}\n"
             "not json\n"
             "\n"
             "{\"vector\":[1,0],\"path\":\"/b\"}\r\n"
             "{\"vector\":[0,1,0],\"tags\":\"x\"}\n"
             "{\"vector\":[0,1,0],\"captoin\":\"x\",\"id\":\"00\",\"vector_f16\":\"AAAA\"}\n"
             "{\"vector_f32\":\"AACAPwAAAAAAAAAA\",\"captoin\":\"x\",\"path\":\"/c\"}");
  auto library = OpenAt("a");
  ImportFilesOptions from;
  from.files = {dir_ / "in.jsonl"};
  from.import.space = "three";
  const ImportReport report = ImportFile(library.get(), from);
  EXPECT_EQ(report.added, 2u);
  EXPECT_EQ(report.failed, 4u);
  ASSERT_EQ(report.failures.size(), 4u);
  EXPECT_TRUE(report.failures[0].where.ends_with("in.jsonl:2"));
  EXPECT_TRUE(report.failures[1].where.ends_with("in.jsonl:4"));
  EXPECT_EQ(report.ignored_keys, std::vector<std::string>{"captoin"});
}

TEST_F(ImportTest, AFileOfVectorsAloneNamesItsRows) {
  const std::vector<float> values{1, 0, 0, 1};
  std::string header = transfer::MakeNpyHeader(2, 2);
  header.replace(header.find("<f2"), 3, "<f4");
  const std::string path =
      dir_.Write("v.npy", header + std::string(reinterpret_cast<const char*>(values.data()), 16));
  auto library = OpenAt("a");
  ImportFilesOptions from;
  from.files = {path};
  from.import.space = "two";
  EXPECT_EQ(ImportFile(library.get(), from).added, 2u);
  EXPECT_TRUE(library->Find(path + "!/1").ok());
}

TEST_F(ImportTest, ASidecarOfAnotherLengthIsRefused) {
  const std::string path = dir_.Write("v.npy", transfer::MakeNpyHeader(2, 1) + "\x01\x3c\x01\x3c");
  dir_.Write("v.jsonl", "{}\n");
  auto library = OpenAt("a");
  ImportFilesOptions from;
  from.files = {path};
  from.import.space = "one";
  const auto report = library->ImportFiles(from);
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Items(library.get()), 0u);
}

TEST_F(ImportTest, ADryRunChecksAndChangesNothing) {
  dir_.Write("in.jsonl", "{\"vector\":[1,0,0]}\n{\"vector\":[1,0]}\n");
  auto library = OpenAt("a");
  ImportFilesOptions from;
  from.files = {dir_ / "in.jsonl"};
  from.dry_run = true;
  const ImportReport report = ImportFile(library.get(), from);
  EXPECT_EQ(report.found, 2u);
  EXPECT_EQ(report.failed, 1u);
  EXPECT_EQ(Items(library.get()), 0u);
  EXPECT_TRUE(library->Info()->spaces.empty());
}

TEST_F(ImportTest, AnExportReplacesNothingUnasked) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 3));
  const std::string path = dir_.Write("out.jsonl", "mine");
  EXPECT_EQ(library->Export({.to = path}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->Export({.to = dir_ / "out.npy"}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFileOrDie(path), "mine");
  EXPECT_EQ(library->Export({.to = path, .where = "tag = odd", .overwrite = true})->items, 1u);
}

TEST_F(ImportTest, AStoppedExportLeavesNoFile) {
  auto library = OpenAt("a");
  Import(library.get(), MakeBatch(0, 3));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(library->Export({.to = dir_ / "out.npy"}, {}, stop.get_token()).status().code(),
            StatusCode::kCancelled);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "a"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.npy"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.npy.unfinished"));
}

TEST_F(ImportTest, HeadersOfOtherArraysAreRefusedWithWhatToDo) {
  const auto parse = [](const std::string& dictionary, std::size_t values) {
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(dictionary.size());
    bytes += '\0';
    return transfer::ParseNpyHeader(bytes + dictionary + std::string(values, '\0'), "x.npy");
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  ASSERT_TRUE(parse(good, 24).ok());
  EXPECT_EQ(parse(good, 24)->rows, 2);
  EXPECT_EQ(parse(good, 23).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(parse(good, 0).status().code(), StatusCode::kCorruption);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return parse(text, 24).status();
  };
  EXPECT_EQ(with("<f4", ">f4").code(), StatusCode::kUnsupported);
  EXPECT_EQ(with("<f4", "<f8").code(), StatusCode::kUnsupported);
  EXPECT_EQ(with("False", "True").code(), StatusCode::kUnsupported);
  EXPECT_EQ(with("(2, 3)", "(6,)").code(), StatusCode::kUnsupported);
  EXPECT_EQ(with("(2, 3)", "(1000000000000, 6000000000000000000)").code(),
            StatusCode::kUnsupported);
  EXPECT_EQ(with("(2, 3)", "(4611686018427387905, 4)").code(), StatusCode::kCorruption);
  EXPECT_EQ(with("(2, 3)", "(-2, 3)").code(), StatusCode::kCorruption);
  EXPECT_EQ(with("}", "").code(), StatusCode::kCorruption);
  EXPECT_NE(with("<f4", ">f4").message().find("numpy.save"), std::string::npos);
}

}  // namespace
}  // namespace espy
