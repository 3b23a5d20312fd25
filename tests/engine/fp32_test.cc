// Libraries that keep their vectors in FP32: searched with the bits of the plain FP32 reference,
// and given back as they came.
#include <algorithm>
#include <cmath>
#include <random>

#include "base/half.h"
#include "engine/fp32_view.h"
#include "engine/library_impl.h"
#include "engine/picture.h"
#include "engine/testing.h"
#include "index/dot_fp32.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

using espy::testing::LibraryTest;

constexpr std::size_t kDimension = 40;  // not a multiple of the padding
constexpr std::size_t kItems = 1'500;

// Unit vectors in heaps so tight that FP16 cannot tell those of a heap apart.
class TightHeaps {
 public:
  std::vector<float> Next() {
    std::vector<float> vector(kDimension);
    if (made_ % 50 == 0) centre_ = Draw(1.0f, std::vector<float>(kDimension));
    ++made_;
    return Unit(Draw(2e-4f, centre_));
  }
  std::vector<float> Query() { return Unit(Draw(0.3f, centre_)); }

 private:
  std::vector<float> Draw(float scale, std::vector<float> vector) {
    for (float& x : vector) x += scale * normal_(random_);
    return vector;
  }
  static std::vector<float> Unit(std::vector<float> vector) {
    Normalize(vector);
    return vector;
  }
  std::mt19937 random_{7};
  std::normal_distribution<float> normal_;
  std::vector<float> centre_;
  std::size_t made_ = 0;
};

class Fp32Test : public LibraryTest {
 protected:
  std::unique_ptr<Library> OpenAt(const std::string& name, const std::string& vectors) const {
    OpenOptions options;
    options.create_if_missing = true;
    options.vectors = vectors;
    testing::LibraryHooks hooks;
    hooks.seal_rows = 400;
    hooks.index_rows = 300;
    auto library = testing::OpenWithHooks(dir_ / name, options, hooks);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return std::move(*library);
  }
  void Fill(Library* library) {
    std::vector<ImportItem> items(kItems);
    for (std::size_t i = 0; i < kItems; ++i) vectors_.push_back(heaps_.Next());
    for (std::size_t i = 0; i < kItems; ++i) {
      items[i].vector = vectors_[i];
      items[i].record.paths = {"/p/" + std::to_string(i)};
    }
    const auto report = library->Import(items, {.space = "elsewhere"});
    ESPY_ASSERT_OK(report.status());
    EXPECT_EQ(report->added, kItems);
    ESPY_ASSERT_OK(library->WaitForBackground());
  }
  // The id of each vector's item.
  std::vector<ItemId> Ids(Library* library) const {
    std::vector<ItemId> ids;
    for (std::size_t i = 0; i < kItems; ++i) {
      const auto row = testing::ImplOf(*library).store->GetPath("/p/" + std::to_string(i));
      EXPECT_TRUE(row.ok());
      ids.push_back(row->item);
    }
    return ids;
  }
  std::vector<index::Candidate> Oracle(const std::vector<ItemId>& ids,
                                       const std::vector<float>& query, std::size_t k) const {
    std::vector<index::Candidate> all;
    for (std::size_t i = 0; i < kItems; ++i) {
      all.push_back(
          {index::internal::DotFp32Plain(query.data(), vectors_[i].data(), kDimension), ids[i]});
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    all.resize(std::min(k, all.size()));
    return all;
  }
  // Of ten queries, those whose ten best differ when vectors are rounded first.
  int AnswersThatHalvesGetWrong(Library* library) {
    const std::vector<ItemId> ids = Ids(library);
    const std::vector<std::vector<float>> kept = vectors_;
    std::vector<std::vector<float>> queries;
    for (int q = 0; q < 10; ++q) queries.push_back(heaps_.Query());
    int wrong = 0;
    for (const std::vector<float>& query : queries) {
      vectors_ = kept;
      const auto right = Oracle(ids, query, 10);
      for (std::vector<float>& vector : vectors_) {
        const std::vector<std::uint16_t> half = HalfFromUnit(vector);
        HalfToFloat(half.data(), half.size(), vector.data());
      }
      const auto rounded = Oracle(ids, query, 10);
      for (std::size_t i = 0; i < right.size(); ++i) {
        if (right[i].id == rounded[i].id) continue;
        ++wrong;
        break;
      }
    }
    vectors_ = kept;
    return wrong;
  }
  void ExpectOracle(Library* library) {
    const std::vector<ItemId> ids = Ids(library);
    const auto state = testing::ImplOf(*library).SearchState();
    ESPY_ASSERT_OK(state.status());
    for (int q = 0; q < 10; ++q) {
      const std::vector<float> query = heaps_.Query();
      for (const std::size_t k : {1u, 10u, 70u, 2'000u}) {
        const auto wanted = Oracle(ids, query, k);
        const auto found =
            (*state)->view->Search(query, {.k = static_cast<std::int64_t>(k), .exact = true});
        ESPY_ASSERT_OK(found.status());
        ASSERT_EQ(found->size(), wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          ASSERT_EQ((*found)[i].id, wanted[i].id) << "k " << k << ", place " << i;
          ASSERT_EQ((*found)[i].score, wanted[i].score) << "k " << k << ", place " << i;
        }
      }
    }
  }

  TightHeaps heaps_;
  std::vector<std::vector<float>> vectors_;
};

TEST_F(Fp32Test, ExactSearchHasTheBitsOfTheReferenceAlsoReopenedAndMerged) {
  auto library = OpenAt("a", "fp32");
  Fill(library.get());
  ASSERT_GT(AnswersThatHalvesGetWrong(library.get()), 0);  // the heaps are as tight as they must be
  ExpectOracle(library.get());
  EXPECT_EQ(library->Info()->spaces.at(0).dtype, "f32");
  library.reset();
  library = OpenAt("a", "");
  ExpectOracle(library.get());
  ASSERT_TRUE(library->Compact().ok());
  ExpectOracle(library.get());
  ExpectSound(library.get());
}

TEST_F(Fp32Test, ManyQueriesAtOnceAnswerAsOneByOne) {
  auto library = OpenAt("a", "fp32");
  Fill(library.get());
  const auto state = testing::ImplOf(*library).SearchState();
  std::vector<float> queries;
  for (int q = 0; q < 12; ++q) {
    const std::vector<float> query = heaps_.Query();
    queries.insert(queries.end(), query.begin(), query.end());
  }
  const index::SearchParams params{.k = 10, .exact = true};
  const auto all = (*state)->view->SearchBatch(queries, params);
  ESPY_ASSERT_OK(all.status());
  for (std::size_t q = 0; q < 12; ++q) {
    const auto one =
        (*state)->view->Search(std::span(queries).subspan(q * kDimension, kDimension), params);
    ASSERT_EQ(all->at(q).size(), one->size());
    for (std::size_t i = 0; i < one->size(); ++i) {
      EXPECT_EQ(all->at(q)[i].id, (*one)[i].id);
      EXPECT_EQ(all->at(q)[i].score, (*one)[i].score);
    }
  }
  EXPECT_NE((*state)->view->Plan(params).find("FP32"), std::string::npos);
}

// What the encoder says of a picture is kept to the bit, by an ingest and by a change of model.
TEST_F(Fp32Test, IngestAndAnotherModelKeepWhatTheEncoderSaid) {
  MakePictures(5);
  testing::WriteTinyModel(dir_ / "other", 2);
  OpenOptions options;
  options.create_if_missing = true;
  options.model = model();
  options.vectors = "fp32";
  options.threads = 1;
  auto opened = Library::Open(library_path(), options);
  ESPY_ASSERT_OK(opened.status());
  Library& library = **opened;
  Ingest(&library);
  const auto expect_exact = [&](const std::string& directory) {
    const auto encoder = encoders::Encoder::Load(directory, {.threads = 1, .load_image = true});
    ESPY_ASSERT_OK(encoder.status());
    int rounded = 0;
    const auto records = library.List("");
    ASSERT_EQ(records->size(), 5u);
    for (const Record& record : *records) {
      const auto bytes = Env::Default()->ReadFile(record.paths[0], 1 << 20);
      const auto tensor = ReadTensor(*bytes, (*encoder)->info().preprocess);
      ESPY_ASSERT_OK(tensor.status());
      const imaging::PictureView view = tensor->view();
      std::vector<float> said(static_cast<std::size_t>((*encoder)->info().dimension));
      ESPY_ASSERT_OK((*encoder)->EncodeImages({&view, 1}, said.data()));
      const auto kept = library.Vector(record.id);
      ESPY_ASSERT_OK(kept.status());
      EXPECT_EQ(*kept, said);
      std::vector<float> half(said.size());
      HalfToFloat(HalfFromUnit(said).data(), half.size(), half.data());
      rounded += half != said ? 1 : 0;
    }
    EXPECT_EQ(rounded, 5) << "FP16 would have kept them too";
  };
  expect_exact(model());
  const auto migrated = library.UseModel(dir_ / "other");
  ESPY_ASSERT_OK(migrated.status());
  EXPECT_EQ(migrated->embedded, 5u);
  EXPECT_EQ(library.Info()->spaces.back().dtype, "f32");
  expect_exact(dir_ / "other");
}

TEST_F(Fp32Test, AReaderThatAsksOnceHasTheSameAnswersAndFewVectors) {
  for (const std::string& vectors : {std::string("fp16"), std::string("fp32")}) {
    vectors_.clear();
    auto writer = OpenAt(vectors, vectors);
    Fill(writer.get());
    writer.reset();
    const auto open = [&](bool few) {
      OpenOptions options;
      options.read_only = true;
      options.few_searches = few;
      auto library = Library::Open(dir_ / vectors, options);
      EXPECT_TRUE(library.ok()) << library.status().message();
      return std::move(*library);
    };
    const auto whole = open(false), once = open(true);
    for (int q = 0; q < 20; ++q) {
      Query query;
      QueryTerm& term = query.terms.emplace_back();
      term.kind = QueryTerm::Kind::kVector;
      term.vector = heaps_.Query();
      for (const std::string& where : {std::string(), std::string("path ~ \"*7*\"")}) {
        for (const bool exact : {false, true}) {
          SearchOptions options;
          options.where = where;
          options.exact = exact;
          const auto a = whole->Search(query, options), b = once->Search(query, options);
          ESPY_ASSERT_OK(a.status());
          ESPY_ASSERT_OK(b.status());
          ASSERT_EQ(a->hits.size(), b->hits.size());
          for (std::size_t i = 0; exact && i < a->hits.size(); ++i) {
            EXPECT_EQ(a->hits[i].id, b->hits[i].id);
            EXPECT_EQ(a->hits[i].score, b->hits[i].score);
          }
        }
      }
    }
    EXPECT_LT(once->Info()->memory_bytes + kItems * kDimension, whole->Info()->memory_bytes)
        << vectors;
  }
}

TEST_F(Fp32Test, ExportAndImportKeepTheBits) {
  auto library = OpenAt("a", "fp32");
  Fill(library.get());
  for (const char* form : {"b.jsonl", "c.npy"}) {
    ASSERT_TRUE(library->Export({.to = dir_ / form}).ok());
    auto copy = OpenAt(std::string(form) + ".espy", "fp32");
    ImportFilesOptions options;
    options.files = {dir_ / form};
    options.import.space = "elsewhere";
    const auto report = copy->ImportFiles(options);
    ESPY_ASSERT_OK(report.status());
    EXPECT_EQ(report->added, kItems);
    EXPECT_EQ(Ids(copy.get()), Ids(library.get()));
    ExpectOracle(copy.get());
    EXPECT_EQ(copy->ImportFiles(options)->unchanged, kItems);
  }
}

TEST_F(Fp32Test, AVectorThatFp16CannotTellFromTheOldOneReplacesIt) {
  auto library = OpenAt("a", "fp32");
  Fill(library.get());
  vectors_[3][0] = std::nextafter(vectors_[3][0], 2.0f);
  ImportItem item;
  item.vector = vectors_[3];
  item.record.paths = {"/p/3"};
  item.record.content_hash = library->Get(Ids(library.get())[3])->content_hash;
  EXPECT_EQ(library->Import(std::span(&item, 1), {})->updated, 1u);
  EXPECT_EQ(library->Import(std::span(&item, 1), {})->unchanged, 1u);
  ExpectOracle(library.get());
}

TEST_F(Fp32Test, APrecisionThatIsNoneIsRefused) {
  OpenOptions options;
  options.create_if_missing = true;
  options.vectors = "fp64";
  EXPECT_EQ(Library::Open(dir_ / "a", options).status().code(), StatusCode::kInvalidArgument);
}

// The bound holds for vectors of every magnitude of numbers, FP16's subnormal ones among them.
TEST(Fp32SlackTest, NoScoreIsFartherFromItsRoundedTwin) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  double nearest = 1;
  for (int trial = 0; trial < 2'000; ++trial) {
    std::vector<float> x(512), q(512), widened(512);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float scale = std::ldexp(1.0f, -static_cast<int>(random() % (trial % 30 + 1)));
      x[i] = scale * normal(random);
      q[i] = (trial % 2 == 0 ? x[i] : normal(random));
    }
    Normalize(x);
    const std::vector<std::uint16_t> half = HalfFromUnit(x);
    HalfToFloat(half.data(), half.size(), widened.data());
    double length = 0;
    for (const float value : q) length += static_cast<double>(value) * value;
    const float slack = Fp32Slack(512, std::sqrt(length));
    const float apart = std::abs(index::DotFp32(q.data(), x.data(), 512) -
                                 index::DotFp32(q.data(), widened.data(), 512));
    ASSERT_LE(apart, slack);
    nearest = std::min(nearest, 1 - static_cast<double>(apart) / slack);
  }
  EXPECT_LT(nearest, 0.99);  // a bound that is never come near to would be of no use
}

}  // namespace
}  // namespace espy
