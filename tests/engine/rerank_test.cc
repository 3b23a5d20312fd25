// The second look at the first hits: the matching model's order, told by the model itself.
#include <gtest/gtest.h>

#include <numeric>

#include "captioning/matcher.h"
#include "engine/library_impl.h"
#include "engine/rerank/pair_matcher.h"
#include "imaging/decode.h"
#include "imaging/preprocess.h"
#include "tests/captioning/tiny_captioner.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

class RerankTest : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    testing::WriteTinyCaptioner(captioner());
    MakePictures(kPictures);
    library_ = Open();
    Ingest(library_.get());
  }
  std::string captioner() const { return dir_ / "captioner"; }
  SearchOptions Options(std::int64_t k) const {
    SearchOptions options;
    options.k = k;
    options.rerank = Rerank::kItm;
    options.rerank_first = kFirst;
    options.captioner = captioner();
    return options;
  }
  SearchResult Search(const SearchOptions& options, const std::string& phrase = "a dog") {
    auto result = library_->Search(*ParseQuery({phrase}), options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? *result : SearchResult{};
  }
  static std::vector<ItemId> Ids(const SearchResult& result) {
    std::vector<ItemId> ids;
    for (const Hit& hit : result.hits) ids.push_back(hit.id);
    return ids;
  }

  static constexpr int kPictures = 14;
  static constexpr std::int64_t kFirst = 9;  // more than a batch
  std::unique_ptr<Library> library_;
};

// The reference is the matcher itself, one picture at a time.
TEST_F(RerankTest, TheFirstStandInTheModelsOrderAndTheRestStay) {
  SearchOptions plain;
  plain.k = kPictures;
  const SearchResult before = Search(plain);
  const SearchResult after = Search(Options(kPictures));
  ASSERT_EQ(after.hits.size(), before.hits.size());
  auto matcher = captioning::Matcher::Load(captioner());
  ASSERT_TRUE(matcher.ok()) << matcher.status().message();
  const std::vector<std::string> phrase = {"a dog"};
  const std::vector<float> words = *(*matcher)->TextVectors(phrase);
  std::vector<std::pair<float, ItemId>> wanted;
  for (std::size_t i = 0; i < kFirst; ++i) {
    const auto thumbnail = library_->Thumbnail(before.hits[i].id);
    ASSERT_TRUE(thumbnail.ok());
    const auto decoded = imaging::Decode(*thumbnail);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    const imaging::PictureTensor tensor = imaging::Preprocess(
        decoded->image, (*matcher)->preprocess(), {decoded->image.width, decoded->image.height});
    const std::vector<imaging::PictureView> views = {tensor.view()};
    const auto seen = *(*matcher)->Look(views);
    const auto match = *(*matcher)->MatchAll(phrase, seen);
    const float cosine =
        std::inner_product(words.begin(), words.end(), seen[0].vector.begin(), 0.0f);
    wanted.emplace_back(match[0].logit + cosine, before.hits[i].id);
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<ItemId> ids;
  for (const auto& [score, id] : wanted) ids.push_back(id);
  const std::vector<ItemId> got = Ids(after);
  EXPECT_EQ(std::vector(got.begin(), got.begin() + kFirst), ids);
  for (std::size_t i = kFirst; i < got.size(); ++i) {
    EXPECT_EQ(got[i], before.hits[i].id);
    EXPECT_LT(after.hits[i].parts.match, 0);
  }
  EXPECT_NE(Ids(after), Ids(before)) << "an order that changes nothing shows nothing";
  EXPECT_NE(after.plan.find("matched by captioner"), std::string::npos) << after.plan;
}

TEST_F(RerankTest, PagesAreSlicesAndMemoryChangesNoBit) {
  const SearchResult all = Search(Options(kPictures));
  std::vector<ItemId> paged;
  for (std::int64_t at = 0; at < kPictures; at += 4) {
    SearchOptions options = Options(4);
    options.offset = at;
    for (const Hit& hit : Search(options).hits) {
      EXPECT_EQ(hit.parts.match, all.hits[paged.size()].parts.match);
      EXPECT_EQ(hit.rank, static_cast<std::int64_t>(paged.size()) + 1);
      paged.push_back(hit.id);
    }
  }
  EXPECT_EQ(paged, Ids(all));
}

TEST_F(RerankTest, ItemsWithoutAPictureComeLastAmongTheFirst) {
  std::vector<float> vector(static_cast<std::size_t>(library_->Info()->spaces[0].dimension), 0);
  vector[0] = 1;
  ImportItem item;
  item.vector = vector;
  item.record.paths = {"made elsewhere"};
  ASSERT_TRUE(library_->Import({&item, 1}).ok());
  SearchOptions options = Options(kPictures + 1);
  options.rerank_first = kPictures + 1;
  const SearchResult result = Search(options);
  ASSERT_EQ(result.hits.size(), static_cast<std::size_t>(kPictures + 1));
  EXPECT_LT(result.hits.back().parts.match, 0);
  EXPECT_GE(result.hits.front().parts.match, 0);
}

TEST_F(RerankTest, WhatIsKeptStaysWithinItsBytes) {
  storage::Store* store = Library::Impl::Of(*library_).store.get();
  auto kept = rerank::PairMatcher::Load(captioner(), {}, Env::Default(), 1 << 30);
  ASSERT_TRUE(kept.ok());
  const std::vector<ItemId> items = Ids(Search(Options(kPictures)));
  const auto roomy = *(*kept)->Score("a dog", items, store);
  const std::uint64_t one = (*kept)->cached_bytes() / items.size();
  ASSERT_GT(one, 0u);
  auto tight = rerank::PairMatcher::Load(captioner(), {}, Env::Default(), 3 * one);
  ASSERT_TRUE(tight.ok());
  for (int round = 0; round < 2; ++round) {
    const auto scores = *(*tight)->Score("a dog", items, store);
    EXPECT_LE((*tight)->cached_bytes(), 3 * one);
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSERT_TRUE(scores[i] && roomy[i]);
      EXPECT_EQ(scores[i]->order, roomy[i]->order);
    }
  }
}

TEST_F(RerankTest, WhatItCannotDoIsSaid) {
  const auto refused = [&](const Query& query, const SearchOptions& options) {
    const auto result = library_->Search(query, options);
    return result.ok() ? std::string() : result.status().message();
  };
  Query picture;
  picture.terms.emplace_back();
  picture.terms[0].kind = QueryTerm::Kind::kItem;
  picture.terms[0].item = library_->List("")->front().id;
  EXPECT_NE(refused(picture, Options(3)).find("phrase"), std::string::npos);
  const Query phrase = *ParseQuery({"a dog"});
  SearchOptions options = Options(3);
  options.diversity = 0.5f;
  EXPECT_NE(refused(phrase, options).find("--diversity"), std::string::npos);
  options = Options(3);
  options.rerank_first = 0;
  EXPECT_NE(refused(phrase, options).find("--rerank-first"), std::string::npos);
  options = Options(3);
  options.captioner = "no-such-model";
  EXPECT_NE(refused(phrase, options).find("no-such-model"), std::string::npos);
  testing::WriteTinyCaptioner(dir_ / "writes", /*matches=*/false);
  options.captioner = dir_ / "writes";
  EXPECT_NE(refused(phrase, options).find("match"), std::string::npos);
}

}  // namespace
}  // namespace espy
