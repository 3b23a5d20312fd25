// What becomes of a ranking: pages, cuts, groups, examples, diversity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>
#include <set>

#include "engine/search/cursor.h"
#include "engine/search/cutoff.h"
#include "engine/search/diversity.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

class PageTest : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    MakePictures(40);
    library_ = Open();
    Ingest(library_.get());
  }
  static Query Q(const std::vector<std::string>& arguments) { return *ParseQuery(arguments); }
  SearchResult Ask(const SearchOptions& options, const Query& query = Q({"a dog"})) {
    auto result = library_->Search(query, options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? *std::move(result) : SearchResult{};
  }
  static std::vector<ItemId> Ids(const SearchResult& result) {
    std::vector<ItemId> ids;
    for (const Hit& hit : result.hits) ids.push_back(hit.id);
    return ids;
  }
  StatusCode Refused(const SearchOptions& options) {
    return library_->Search(Q({"a dog"}), options).status().code();
  }
  ItemId IdOf(int i) { return library_->Find(pictures() + "/" + Name(i))->id; }
  static QueryTerm Example(ItemId id) {
    QueryTerm term;
    term.kind = QueryTerm::Kind::kItem;
    term.item = id;
    return term;
  }

  std::unique_ptr<Library> library_;
};

TEST_F(PageTest, OffsetsAndPlacesGoThroughTheSameOrder) {
  const std::vector<ItemId> all = Ids(Ask({.k = 40}));
  ASSERT_EQ(all.size(), 40u);
  std::vector<ItemId> by_offset, by_place;
  std::string after;
  for (int page = 0; page < 6; ++page) {
    SearchOptions options;
    options.k = 7;
    options.offset = 7 * page;
    const SearchResult paged = Ask(options);
    for (const Hit& hit : paged.hits) by_offset.push_back(hit.id);
    if (!paged.hits.empty()) {
      EXPECT_EQ(paged.hits[0].rank, 7 * page + 1);
    }
    options.offset = 0;
    options.after = after;
    const SearchResult placed = Ask(options);
    for (const Hit& hit : placed.hits) {
      by_place.push_back(hit.id);
      EXPECT_EQ(hit.rank, static_cast<std::int64_t>(by_place.size()));
      after = hit.cursor;
    }
  }
  EXPECT_EQ(by_offset, all);
  EXPECT_EQ(by_place, all);
}

TEST_F(PageTest, PagesNeitherRepeatNorSkipWhileItemsComeAndGo) {
  const std::vector<ItemId> before = Ids(Ask({.k = 40}));
  std::set<ItemId> forgotten;
  std::vector<ItemId> seen;
  std::string after;
  for (std::uint32_t page = 0;; ++page) {
    SearchOptions options;
    options.k = 6;
    options.after = after;
    const SearchResult result = Ask(options);
    if (result.hits.empty()) break;
    for (const Hit& hit : result.hits) seen.push_back(hit.id);
    after = result.hits.back().cursor;
    // The last hit of the page goes, and so does one not yet seen; more come.
    for (const ItemId gone : {seen.back(), before[39 - page]}) {
      if (forgotten.insert(gone).second && library_->Get(gone).ok()) {
        ESPY_ASSERT_OK(library_->Forget({.targets = {FormatItemId(gone)}}));
      }
    }
    for (std::uint32_t i = 0; i < 5; ++i) {
      Picture("new" + std::to_string(page * 5 + i) + ".bmp", 1000 + page * 5 + i);
    }
    IngestOptions ingest;
    ingest.paths = {pictures()};
    ESPY_ASSERT_OK(library_->Ingest(ingest));
    ASSERT_LT(page, 60u);
  }
  const std::set<ItemId> distinct(seen.begin(), seen.end());
  EXPECT_EQ(distinct.size(), seen.size()) << "no item stands on two pages";
  for (const ItemId id : before) {
    EXPECT_TRUE(forgotten.contains(id) || distinct.contains(id)) << "none is skipped";
  }
}

TEST_F(PageTest, APlaceOfAnotherQuestionIsRefused) {
  const SearchResult first = Ask({.k = 3});
  SearchOptions options;
  options.after = first.hits[2].cursor;
  EXPECT_EQ(Ask(options).hits.size(), 10u) << "k may change";
  options.where = "width > 0";
  EXPECT_EQ(Refused(options), StatusCode::kInvalidArgument);
  options.where = "";
  EXPECT_FALSE(library_->Search(Q({"a cat"}), options).ok());
  for (const std::string& token :
       {std::string("x"), std::string("00"), first.hits[0].cursor + "00"}) {
    EXPECT_EQ(Refused({.after = token}), StatusCode::kInvalidArgument) << token;
  }
}

TEST_F(PageTest, ARangeHasEveryItemThatPassesAndNoOther) {
  const SearchResult all = Ask({.k = 40});
  SearchOptions options;
  options.k = 1;
  options.all = true;
  options.has_min_score = true;
  options.min_score = all.hits[24].score;
  const SearchResult range = Ask(options);
  EXPECT_EQ(range.hits.size(), 25u);
  EXPECT_TRUE(range.cut);
  EXPECT_EQ(range.cut_score, options.min_score);
  options.where = "name = p3.bmp";
  EXPECT_LE(Ask(options).hits.size(), 1u);
}

TEST_F(PageTest, OptionsThatExcludeEachOtherAreRefused) {
  for (const SearchOptions& options :
       {SearchOptions{.offset = -1}, SearchOptions{.k = 10, .offset = 1'000'000},
        SearchOptions{.all = true}, SearchOptions{.diversity = 1.5f},
        SearchOptions{.has_min_score = true, .auto_min_score = true},
        SearchOptions{.k = 990, .offset = 20, .diversity = 0.5f}}) {
    EXPECT_EQ(Refused(options), StatusCode::kInvalidArgument);
  }
}

TEST_F(PageTest, NearCopiesStandBehindTheBestOfThem) {
  dir_.Write("pictures/small.bmp", testing::MakeBmp(3, 36, 30));
  dir_.Write("pictures/large.bmp", testing::MakeBmp(3, 144, 120));
  Ingest(library_.get());
  SearchOptions options;
  options.k = 50;
  EXPECT_EQ(Ask(options).hits.size(), 42u);
  options.group_near = true;
  const SearchResult grouped = Ask(options);
  EXPECT_EQ(grouped.hits.size(), 40u);
  std::int64_t most = 0, sum = 0;
  for (const Hit& hit : grouped.hits) {
    most = std::max(most, hit.stands_for);
    sum += hit.stands_for;
  }
  EXPECT_EQ(most, 3);
  EXPECT_EQ(sum, 42);
  // Page by page they are the same groups.
  std::vector<ItemId> paged;
  options.k = 3;
  for (options.after.clear();;) {
    const SearchResult page = Ask(options);
    if (page.hits.empty()) break;
    for (const Hit& hit : page.hits) paged.push_back(hit.id);
    options.after = page.hits.back().cursor;
  }
  EXPECT_EQ(paged, Ids(grouped));
}

TEST_F(PageTest, ExamplesDrawAndPushAndAreNoHits) {
  Query query;
  query.like = {Example(IdOf(4))};
  const SearchResult like = Ask({.k = 40}, query);
  EXPECT_EQ(like.hits.size(), 39u) << "the example itself is left out";
  SearchOptions similar{.k = 40, .exclude_query_items = true};
  const SearchResult same = Ask(similar, Q({"id:" + FormatItemId(IdOf(4))}));
  EXPECT_EQ(Ids(like), Ids(same)) << "one example alone is a search with it";
  // What is pointed away from loses rank.
  const ItemId pushed = like.hits[0].id;
  query.unlike = {Example(like.hits[1].id)};
  const auto score_of = [](const SearchResult& result, ItemId id) {
    for (const Hit& hit : result.hits) {
      if (hit.id == id) return hit.score;
    }
    return -2.0f;
  };
  const SearchResult away = Ask({.k = 40}, query);
  EXPECT_EQ(away.hits.size(), 38u);
  EXPECT_LT(score_of(away, pushed), score_of(like, pushed));
  // Beside words, too; and away alone is no question.
  Query words = Q({"a dog"});
  words.like = query.like;
  EXPECT_EQ(Ask({.k = 40}, words).hits.size(), 39u);
  EXPECT_NE(Ids(Ask({.k = 40}, words)), Ids(Ask({.k = 40})));
  Query only_away;
  only_away.unlike = query.like;
  EXPECT_EQ(library_->Search(only_away, {}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(PageTest, DiversityKeepsTheBestAndSpreadsTheRest) {
  dir_.Write("pictures/small.bmp", testing::MakeBmp(3, 36, 30));
  Ingest(library_.get());
  const std::string twin = pictures() + "/p3.bmp";
  SearchOptions options;
  options.k = 2;
  const SearchResult plain = Ask(options, Q({twin}));
  ASSERT_EQ(plain.hits.size(), 2u);
  EXPECT_EQ(plain.hits[1].record.paths[0], pictures() + "/small.bmp");
  options.diversity = 0.9f;
  const SearchResult diverse = Ask(options, Q({twin}));
  ASSERT_EQ(diverse.hits.size(), 2u);
  EXPECT_EQ(diverse.hits[0].id, plain.hits[0].id);
  EXPECT_NE(diverse.hits[1].id, plain.hits[1].id) << "a copy adds nothing";
  options.diversity = 1e-6f;
  EXPECT_EQ(Ids(Ask(options, Q({twin}))), Ids(plain));
}

TEST(Diversity, ChoosesAsItsDefinitionSays) {
  // Three candidates in the plane: b is a's twin, c is at right angles.
  const std::vector<float> vectors = {1, 0, 0.999f, 0.0447f, 0, 1};
  const std::vector<float> relevance = {1.0f, 0.9f, 0.5f};
  EXPECT_EQ(search::DiverseOrder(relevance, vectors, 2, 3, 0.0f),
            (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(search::DiverseOrder(relevance, vectors, 2, 3, 0.6f),
            (std::vector<std::size_t>{0, 2, 1}));
  EXPECT_EQ(search::DiverseOrder(relevance, vectors, 2, 1, 1.0f), (std::vector<std::size_t>{0}));
  EXPECT_TRUE(search::DiverseOrder({}, {}, 2, 3, 0.5f).empty());
}

// A library of unrelated items with so many related ones, its ranking and a sample of it.
struct Scores {
  std::vector<float> background, ranking;
};
Scores MakeScores(std::mt19937& random, int unrelated, int related, float where) {
  std::normal_distribution<float> chance(0.2f, 0.05f), match(where, 0.02f);
  Scores scores;
  for (int i = 0; i < unrelated; ++i) scores.ranking.push_back(chance(random));
  for (int i = 0; i < related; ++i) scores.ranking.push_back(match(random));
  std::sample(scores.ranking.begin(), scores.ranking.end(), std::back_inserter(scores.background),
              1024, random);
  std::sort(scores.ranking.rbegin(), scores.ranking.rend());
  return scores;
}
std::int64_t Kept(const Scores& scores) {
  const auto cut =
      search::StandOutScore(scores.background, scores.ranking, std::ssize(scores.ranking), 0.3);
  return std::count_if(scores.ranking.begin(), scores.ranking.end(),
                       [&](float score) { return score >= cut.value(); });
}

TEST(Cutoff, FallsWhereTheRelatedEnd) {
  std::mt19937 random(12);
  for (const int related : {3, 30, 300, 2000}) {
    double kept = 0;
    for (int trial = 0; trial < 20; ++trial) {
      kept += static_cast<double>(Kept(MakeScores(random, 10'000, related, 0.5f)));
    }
    kept /= 20;
    // All of the related ones (their least is 4 spreads above the middle), and few others.
    EXPECT_GE(kept, 0.95 * related) << related;
    EXPECT_LE(kept, related / 0.6 + 2) << related;
  }
}

TEST(Cutoff, ByProbabilitiesIsWhereExpectedF1IsGreatest) {
  EXPECT_EQ(search::BestExpectedF1(std::vector<float>{0.9f, 0.8f, 0.1f, 0.05f}), 2u);
  EXPECT_EQ(search::BestExpectedF1(std::vector<float>{0.2f, 0.2f, 0.18f, 0.02f}), 3u)
      << "where nothing is sure, the doubtful";
  EXPECT_EQ(search::BestExpectedF1(std::vector<float>{0.09f, 0.09f}), 0u) << "nothing likely";
  EXPECT_EQ(search::BestExpectedF1({}), 0u);
  std::vector<float> large = {0.9f, 0.8f};
  large.resize(1'000'000, 0.005f);
  EXPECT_EQ(search::BestExpectedF1(large), 2u) << "a million unlikely ones do not add up";
}

TEST(Cutoff, LeavesNothingWhereNothingStandsOut) {
  std::mt19937 random(13);
  int trials_with_hits = 0;
  for (int trial = 0; trial < 100; ++trial) {
    trials_with_hits += Kept(MakeScores(random, 5000, 0, 0)) > 0 ? 1 : 0;
  }
  // The procedure's promise is 30 in a hundred, plus three standard deviations of counting them and
  // as much again for the spread, which is estimated.
  EXPECT_LE(trials_with_hits, 30 + 14 + 14);
}

TEST(Cutoff, SaysNothingOfTooLittle) {
  const std::vector<float> ranking = {0.5f, 0.1f};
  EXPECT_FALSE(search::StandOutScore(std::vector<float>(10, 0.1f), ranking, 10, 0.3).has_value());
  EXPECT_FALSE(search::StandOutScore(std::vector<float>(99, 0.1f), ranking, 99, 0.3).has_value());
}

TEST(Cursor, ComesBackAsItWasAndNothingElseIsOne) {
  const search::Cursor cursor{0x123456789abcdef0, 0.25f, 77, 12};
  const std::string text = search::FormatCursor(cursor);
  const auto parsed = search::ParseCursor(text);
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ(parsed->question, cursor.question);
  EXPECT_EQ(parsed->score, cursor.score);
  EXPECT_EQ(parsed->id, cursor.id);
  EXPECT_EQ(parsed->rank, cursor.rank);
  EXPECT_FALSE(search::ParseCursor(text.substr(2)).ok());
  EXPECT_FALSE(search::ParseCursor("02" + text.substr(2)).ok()) << "a later version";
  std::string not_a_number = search::FormatCursor({1, std::nanf(""), 1, 1});
  EXPECT_FALSE(search::ParseCursor(not_a_number).ok());
  EXPECT_FALSE(search::ParseCursor(search::FormatCursor({1, 1, 1, -1})).ok());
}

}  // namespace
}  // namespace espy
