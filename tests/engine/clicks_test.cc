// From a search's page over feedback to a learned order, and back to similarity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include "base/env.h"
#include "base/half.h"
#include "base/random.h"
#include "encoders/json.h"
#include "engine/clicks/stops.h"
#include "engine/library_impl.h"
#include "ranking/examination.h"
#include "ranking/policy_file.h"
#include "ranking/shortlist_features.h"
#include "tests/engine/made_library.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

constexpr std::int64_t kDimension = 24;
constexpr std::uint64_t kItems = 400;

// A library of 400 items, and somebody who likes what lies in one hidden direction.
class ClicksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::MadeVectors made(3, kDimension, 20);
    ASSERT_TRUE(testing::MakeLibrary(path(), kItems, kDimension, [&](std::uint64_t i, Record*) {
                  vectors_.push_back(made.Near(i));
                  return vectors_.back();
                }).ok());
    for (std::uint64_t i = 0; i < kItems; ++i) ids_.push_back(testing::MadeRecord(i).id);
    for (float& x : taste_) x = static_cast<float>(random_.Normal());
    const float length =
        std::sqrt(std::inner_product(taste_.begin(), taste_.end(), taste_.begin(), 0.0f));
    for (float& x : taste_) x /= length;
  }
  std::string path() const { return dir_ / "library"; }
  std::unique_ptr<Library> Open(bool read_only = false) {
    auto library = Library::Open(path(), {.read_only = read_only});
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }
  Query Question() {
    Query query;
    QueryTerm& term = query.terms.emplace_back();
    term.kind = QueryTerm::Kind::kVector;
    term.vector = vectors_[random_.Below(kItems)];
    for (float& x : term.vector) x += 0.3f * static_cast<float>(random_.Normal()) / 5;
    return query;
  }
  static SearchOptions Logged() {
    SearchOptions options;
    options.log = true;
    return options;
  }
  double Liking(ItemId id) const {
    const std::size_t i =
        static_cast<std::size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
    const double along =
        std::inner_product(taste_.begin(), taste_.end(), vectors_[i].begin(), 0.0f);
    return 1 / (1 + std::exp(-(30 * along - 2)));
  }
  // Looks at slots as often as eye tracking says, and clicks what it likes. How much it liked.
  double Visit(Library* library, bool clicks, std::uint64_t seed) {
    SearchOptions options;
    options.log = clicks;
    const Result<SearchResult> result = library->Search(Question(), options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(result->logged, clicks);
    const std::vector<double> examined = ranking::PositionExamination(result->hits.size());
    Random user(seed);
    std::vector<Feedback> feedback;
    double liked = 0;
    for (std::size_t slot = 0; slot < result->hits.size(); ++slot) {
      const Hit& hit = result->hits[slot];
      liked += examined[slot] * Liking(hit.id);
      if (user.Uniform() >= examined[slot] || user.Uniform() >= Liking(hit.id)) continue;
      Feedback& one = feedback.emplace_back();
      one.query_id = result->query_id;
      one.item = hit.id;
      one.dwell_s = 20;
    }
    if (clicks) {
      const Status given = library->GiveFeedback(feedback);
      EXPECT_TRUE(given.ok()) << given.message();
    }
    return liked;
  }
  double Liked(Library* library, int pages) {
    random_ = Random(77);  // the same questions
    double sum = 0;
    for (int i = 0; i < pages; ++i) sum += Visit(library, false, 1);
    return sum / pages;
  }
  static std::vector<std::pair<ItemId, float>> Answer(Library* library, const Query& query,
                                                      const SearchOptions& options = {}) {
    std::vector<std::pair<ItemId, float>> hits;
    const Result<SearchResult> result = library->Search(query, options);
    EXPECT_TRUE(result.ok());
    for (const Hit& hit : result->hits) hits.emplace_back(hit.id, hit.score);
    return hits;
  }
  void Live(Library* library, int pages) {
    for (int i = 0; i < pages; ++i) Visit(library, true, 1000 + static_cast<std::uint64_t>(i));
  }

  // How many pages are proof enough is chance; more of them always are in the end.
  Result<LearnReport> LiveUntilLearned(Library* library) {
    Result<LearnReport> report = LearnReport{};
    for (int round = 0; round < 8 && report.ok() && !report->switched; ++round) {
      Live(library, 400);
      report = library->Learn();
    }
    return report;
  }

  testing::TempDir dir_;
  std::vector<std::vector<float>> vectors_;
  std::vector<ItemId> ids_;
  std::vector<float> taste_ = std::vector<float>(kDimension);
  Random random_{5};
};

TEST_F(ClicksTest, APolicyIsLearnedServesBetterAndResetGivesSimilarityBack) {
  auto library = Open();
  const Query question = Question();
  const auto before = Answer(library.get(), question);
  const double liked_before = Liked(library.get(), 100);
  const Result<LearnReport> report = LiveUntilLearned(library.get());
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->switched) << report->why;
  EXPECT_GT(report->policy.gain_lower, 0);
  EXPECT_EQ(report->policy.version, 1u);
  const double liked_after = Liked(library.get(), 100);
  EXPECT_GT(liked_after, 1.05 * liked_before) << "before " << liked_before;
  EXPECT_NE(Answer(library.get(), question), before);
  SearchOptions by_similarity;
  by_similarity.by_similarity = true;
  EXPECT_EQ(Answer(library.get(), question, by_similarity), before);
  library.reset();
  library = Open();
  const auto policies = library->Policies();
  ASSERT_TRUE(policies.ok());
  ASSERT_EQ(policies->size(), 2u);
  EXPECT_TRUE((*policies)[1].in_use);
  ASSERT_TRUE(library->UsePolicy(0).ok());
  EXPECT_EQ(Answer(library.get(), question), before);
  EXPECT_TRUE(library->Verify()->problems.empty());
}

TEST_F(ClicksTest, WithoutLikesNothingIsSwitchedOn) {
  auto library = Open();
  for (int i = 0; i < 300; ++i) {  // clicks that depend on the slot alone
    const Result<SearchResult> result = library->Search(Question(), Logged());
    const std::vector<double> examined = ranking::PositionExamination(result->hits.size());
    std::vector<Feedback> feedback;
    for (std::size_t slot = 0; slot < result->hits.size(); ++slot) {
      if (random_.Uniform() >= 0.3 * examined[slot]) continue;
      Feedback& one = feedback.emplace_back();
      one.query_id = result->query_id;
      one.item = result->hits[slot].id;
    }
    ASSERT_TRUE(library->GiveFeedback(feedback).ok());
  }
  const Result<LearnReport> report = library->Learn();
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->switched) << report->why;
  EXPECT_EQ(library->Policies()->size(), 1u);
}

TEST_F(ClicksTest, TooFewPagesAreSaid) {
  auto library = Open();
  Live(library.get(), 20);
  const Result<LearnReport> report = library->Learn();
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->switched);
  EXPECT_NE(report->why.find("too little"), std::string::npos) << report->why;
}

TEST_F(ClicksTest, FeedbackIsAboutWhatWasShown) {
  auto library = Open();
  const Result<SearchResult> result = library->Search(Question(), Logged());
  ASSERT_TRUE(result.ok());
  Feedback good;
  good.query_id = result->query_id;
  good.item = result->hits[2].id;
  EXPECT_TRUE(library->GiveFeedback({&good, 1}).ok());
  good.dwell_s = 30;
  EXPECT_TRUE(library->GiveFeedback({&good, 1}).ok());  // joined: still one click
  EXPECT_EQ(library->CountClicks()->clicked, 1u);
  Feedback elsewhere = good;
  elsewhere.item = ids_[0] == good.item ? ids_[1] : ids_[0];
  const bool among = std::any_of(result->hits.begin(), result->hits.end(),
                                 [&](const Hit& hit) { return hit.id == elsewhere.item; });
  if (!among) {
    EXPECT_EQ(library->GiveFeedback({&elsewhere, 1}).code(), StatusCode::kInvalidArgument);
  }
  Feedback unknown = good;
  unknown.query_id = FormatItemId(12345);
  EXPECT_EQ(library->GiveFeedback({&unknown, 1}).code(), StatusCode::kNotFound);
  unknown.query_id = "dog";
  EXPECT_EQ(library->GiveFeedback({&unknown, 1}).code(), StatusCode::kInvalidArgument);
  // All or nothing.
  const std::vector<Feedback> both = {good, unknown};
  EXPECT_FALSE(library->GiveFeedback(both).ok());
}

TEST_F(ClicksTest, WhatAReaderShowedIsTakenByTheNextWriter) {
  std::string query;
  ItemId item = kNoItem;
  {
    auto reader = Open(/*read_only=*/true);
    const Result<SearchResult> result = reader->Search(Question(), Logged());
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->logged);
    query = result->query_id;
    item = result->hits[0].id;
  }
  EXPECT_TRUE(std::filesystem::exists(path() + "/shown/" + query));
  dir_.Write("library/shown/" + FormatItemId(77), "no page");
  auto writer = Open();
  Feedback feedback;
  feedback.query_id = query;
  feedback.item = item;
  const Status given = writer->GiveFeedback({&feedback, 1});
  EXPECT_TRUE(given.ok()) << given.message();
  EXPECT_TRUE(std::filesystem::is_empty(path() + "/shown"));
  EXPECT_EQ(writer->CountClicks()->pages, 1u);
}

TEST_F(ClicksTest, AnExportHoldsEveryPageAndWhatWasDoneWithIt) {
  const std::string file = dir_ / "clicks.jsonl";
  std::vector<SearchResult> shown;
  {
    auto library = Open();
    for (const char* session : {"a \"b\"", ""}) {
      SearchOptions options = Logged();
      options.session = session;
      const Result<SearchResult> result = library->Search(Question(), options);
      ASSERT_TRUE(result.ok());
      shown.push_back(*result);
    }
    std::vector<Feedback> given(2);
    for (Feedback& one : given) one.query_id = shown[1].query_id;
    given[0].item = shown[1].hits[3].id;
    given[0].dwell_s = 12.5;
    given[1].item = shown[1].hits[0].id;
    given[1].clicked = false;
    given[1].rejected = true;
    given[1].client = "\xff";  // no UTF-8
    ASSERT_TRUE(library->GiveFeedback(given).ok());
  }
  auto reader = Open(/*read_only=*/true);
  const Result<SearchResult> left = reader->Search(Question(), Logged());  // no writer took it yet
  ASSERT_TRUE(left.ok());
  shown.push_back(*left);
  EXPECT_EQ(reader->CountClicks()->pages, 3u);
  const Result<ClickExportReport> report = reader->ExportClicks({.to = file});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->pages, 3u);
  EXPECT_EQ(report->feedback, 2u);
  EXPECT_EQ(report->bytes, std::filesystem::file_size(file));

  std::ifstream lines(file);
  std::size_t count = 0;
  std::string earlier;
  for (std::string text; std::getline(lines, text); ++count) {
    const Result<encoders::JsonValue> line = encoders::ParseJson(text, "line");
    ASSERT_TRUE(line.ok()) << line.status().message() << text;
    const auto number = [](const encoders::JsonValue& value) { return value.AsNumber(); };
    const std::string query = *line->Find("query_id")->AsString();
    EXPECT_GE(query, earlier);  // by time
    earlier = query;
    const auto page = std::find_if(shown.begin(), shown.end(),
                                   [&](const SearchResult& one) { return one.query_id == query; });
    ASSERT_NE(page, shown.end());
    EXPECT_EQ(*line->Find("space")->AsString(), reader->Info()->spaces[0].id);
    EXPECT_EQ(line->Find("phrase"), nullptr);
    EXPECT_EQ(line->Find("vector_f16")->AsString()->size(), 4u * ((2 * kDimension + 2) / 3));
    const auto& candidates = *line->Find("candidates")->AsArray();
    EXPECT_EQ(candidates.size(), 50u);
    const auto& slots = *line->Find("shown")->AsArray();
    ASSERT_EQ(slots.size(), page->hits.size());
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      EXPECT_EQ(number(*slots[slot].Find("propensity")), 1);
      const auto& candidate =
          candidates[static_cast<std::size_t>(number(*slots[slot].Find("candidate")))];
      EXPECT_EQ(*candidate.Find("item")->AsString(), FormatItemId(page->hits[slot].id));
      EXPECT_EQ(static_cast<float>(number(*candidate.Find("dense"))), page->hits[slot].score);
    }
    const auto& feedback = *line->Find("feedback")->AsArray();
    EXPECT_EQ(feedback.size(), query == shown[1].query_id ? 2u : 0u);
    if (query == shown[0].query_id) {
      EXPECT_EQ(*line->Find("session")->AsString(), "a \"b\"");
    }
    for (const encoders::JsonValue& deed : feedback) {
      if (*deed.Find("item")->AsString() == FormatItemId(shown[1].hits[3].id)) {
        EXPECT_TRUE(*deed.Find("clicked")->AsBool());
        EXPECT_EQ(number(*deed.Find("dwell_s")), 12.5);
        EXPECT_EQ(deed.Find("rejected"), nullptr);
      } else {
        EXPECT_EQ(*deed.Find("item")->AsString(), FormatItemId(shown[1].hits[0].id));
        EXPECT_TRUE(*deed.Find("rejected")->AsBool());
        EXPECT_EQ(deed.Find("clicked"), nullptr);
        EXPECT_EQ(*deed.Find("client_bytes")->AsString(), "/w==");
      }
    }
  }
  EXPECT_EQ(count, 3u);
  // What a writer takes is there once.
  reader.reset();
  auto writer = Open();
  EXPECT_EQ(writer->ExportClicks({.to = file}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(writer->ExportClicks({.to = file, .overwrite = true})->pages, 3u);
  EXPECT_EQ(writer->ExportClicks({.to = dir_ / "clicks.csv"}).status().code(),
            StatusCode::kUnsupported);
  std::stop_source stopped;
  stopped.request_stop();
  const std::string other = dir_ / "other.jsonl";
  EXPECT_EQ(writer->ExportClicks({.to = other}, {}, stopped.get_token()).status().code(),
            StatusCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(other));
}

TEST_F(ClicksTest, ADwellThatCannotBeKeptIsRefused) {
  auto library = Open();
  const Result<SearchResult> result = library->Search(Question(), Logged());
  ASSERT_TRUE(result.ok());
  Feedback feedback;
  feedback.query_id = result->query_id;
  feedback.item = result->hits[0].id;
  for (const double dwell : {-1.0, 1e39, std::nan("")}) {  // the second is no single
    feedback.dwell_s = dwell;
    EXPECT_EQ(library->GiveFeedback({&feedback, 1}).code(), StatusCode::kInvalidArgument) << dwell;
  }
  EXPECT_TRUE(library->Verify()->problems.empty());
}

TEST_F(ClicksTest, TheLogCanBeOffAndAFloodOfOneClientIsRefused) {
  auto library = Open();
  const Result<SearchResult> result = library->Search(Question(), Logged());
  std::vector<Feedback> flood(301);
  for (Feedback& one : flood) {
    one.query_id = result->query_id;
    one.item = result->hits[0].id;
    one.client = "bot";
  }
  EXPECT_EQ(library->GiveFeedback(flood).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(library->CountClicks()->clicked, 0u);
  flood.resize(300);
  EXPECT_TRUE(library->GiveFeedback(flood).ok());
  flood.resize(1);
  EXPECT_EQ(library->GiveFeedback(flood).code(), StatusCode::kResourceExhausted);
  ASSERT_TRUE(library->SetClickSettings({.log = false}).ok());
  EXPECT_FALSE(library->Search(Question(), Logged())->logged);
  EXPECT_EQ(library->CountClicks()->pages, 1u);
}

TEST_F(ClicksTest, ExploredPagesShowNothingFromFurtherDown) {
  auto library = Open();
  ASSERT_TRUE(library->SetClickSettings({.explore_slots = 2, .explore_within = 15}).ok());
  int moved = 0;
  for (int i = 0; i < 60; ++i) {
    const Query question = Question();
    SearchOptions deep;
    deep.k = 15;
    const auto first = Answer(library.get(), question, deep);
    const auto page = Answer(library.get(), question, Logged());
    ASSERT_EQ(page.size(), 10u);
    int strange = 0;
    for (std::size_t slot = 0; slot < page.size(); ++slot) {
      EXPECT_NE(std::find(first.begin(), first.end(), page[slot]), first.end());
      if (std::find(first.begin(), first.begin() + 10, page[slot]) == first.begin() + 10) ++strange;
    }
    EXPECT_LE(strange, 2);
    moved += strange > 0 ? 1 : 0;
  }
  EXPECT_GT(moved, 5);
  // What chance moved is no place to go on from.
  int placeless = 0;
  for (int i = 0; i < 60; ++i) {
    const Result<SearchResult> result = library->Search(Question(), Logged());
    ASSERT_TRUE(result.ok());
    const bool falls = std::is_sorted(result->hits.begin(), result->hits.end(),
                                      [](const Hit& a, const Hit& b) { return a.score > b.score; });
    const bool placed = !result->hits[0].cursor.empty();
    EXPECT_TRUE(falls || !placed);
    placeless += placed ? 0 : 1;
  }
  EXPECT_GT(placeless, 5);
  SearchOptions plain;
  const Query question = Question();
  EXPECT_EQ(Answer(library.get(), question, plain), Answer(library.get(), question, plain));
}

TEST_F(ClicksTest, APolicyThatLosesAgainstSimilarityStopsRanking) {
  auto library = Open();
  ASSERT_TRUE(LiveUntilLearned(library.get())->switched);
  ASSERT_TRUE(library->SetClickSettings({.guard_share = 1}).ok());
  for (float& x : taste_) x = -x;  // and now the opposite is liked
  for (int i = 0; i < 300; ++i) {
    Visit(library.get(), true, 5000 + static_cast<std::uint64_t>(i));
    if ((*library->Policies())[0].in_use) return;
  }
  FAIL() << "the policy still ranks";
}

TEST_F(ClicksTest, PoliciesTravelAndWrongOnesAreRefused) {
  auto library = Open();
  ASSERT_TRUE(LiveUntilLearned(library.get())->switched);
  const std::string bytes = *library->ExportPolicy(1);
  EXPECT_EQ(*library->ImportPolicy(bytes), 2u);
  EXPECT_EQ(*library->ExportPolicy(2), bytes);
  std::string cut = bytes.substr(0, bytes.size() / 2);
  EXPECT_EQ(library->ImportPolicy(cut).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(library->ImportPolicy("dog").status().code(), StatusCode::kCorruption);
  EXPECT_EQ(library->UsePolicy(9).code(), StatusCode::kNotFound);
}

// Somebody who likes pictures that are neither new nor old: no line over the features says so, and
// there are too many pictures to know each by its clicks.
TEST(LearnTest, WhatNoLineCanSayIsLearnedWithProducts) {
  constexpr std::uint64_t kMany = 3'000, kPages = 4'000;
  constexpr std::int64_t kDay = 86'400;
  testing::TempDir dir;
  testing::MadeVectors made(3, kDimension, 20);
  std::vector<std::vector<float>> vectors;
  std::map<ItemId, double> liked;
  Random random(9);
  const std::int64_t now = Env::Default()->NowUnixNs() / 1'000'000'000;
  ASSERT_TRUE(testing::MakeLibrary(dir / "library", kMany, kDimension,
                                   [&](std::uint64_t i, Record* record) {
                                     const auto days = static_cast<std::int64_t>(
                                         -365 * std::log2(0.02 + 0.96 * random.Uniform()));
                                     record->modified_unix = now - days * kDay;
                                     const bool middle = days > 180 && days < 720;
                                     liked[record->id] = middle ? 0.9 : 0.05;
                                     vectors.push_back(made.Near(i));
                                     return vectors.back();
                                   })
                  .ok());
  auto opened = Library::Open(dir / "library", {});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  Library& library = **opened;
  const auto visit = [&](bool clicks) {
    SearchOptions options;
    options.log = clicks;
    std::vector<float> question = vectors[random.Below(kMany)];
    for (float& x : question) x += 0.06f * static_cast<float>(random.Normal());
    const auto result = library.Search(testing::VectorQuery(question), options);
    if (!result.ok()) throw std::runtime_error(result.status().message());
    const std::vector<double> examined = ranking::PositionExamination(result->hits.size());
    std::vector<Feedback> feedback;
    double sum = 0;
    for (std::size_t slot = 0; slot < result->hits.size(); ++slot) {
      const ItemId id = result->hits[slot].id;
      sum += examined[slot] * liked[id];
      if (random.Uniform() >= examined[slot] || random.Uniform() >= liked[id]) continue;
      feedback.push_back({.query_id = result->query_id, .item = id, .dwell_s = 20});
    }
    if (clicks) {
      EXPECT_TRUE(library.GiveFeedback(feedback).ok());
    }
    return sum;
  };
  double before = 0, after = 0;
  for (int i = 0; i < 200; ++i) before += visit(false);
  for (std::uint64_t i = 0; i < kPages; ++i) visit(true);
  const auto report = library.Learn();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->switched) << report->why;
  EXPECT_EQ(report->policy.weights.size(), 54u);
  EXPECT_EQ(report->policy.weights.back().first, "copy*copy");
  for (int i = 0; i < 200; ++i) after += visit(false);
  EXPECT_GT(after, 1.05 * before);
  // The policy travels, and reads anew as it was.
  const std::string bytes = *library.ExportPolicy(report->policy.version);
  EXPECT_EQ(*library.ImportPolicy(bytes), report->policy.version + 1);
}

TEST_F(ClicksTest, ThePolicyEndsListsWhereItLearnedTo) {
  auto library = Open();
  ASSERT_TRUE(LiveUntilLearned(library.get())->switched);
  const Query question = Question();
  SearchOptions similar;
  similar.by_similarity = true;
  const auto hits = Answer(library.get(), question, similar);
  ASSERT_EQ(hits.size(), 10u);
  SearchOptions cut;
  cut.auto_min_score = true;
  SearchOptions cut_similar = cut;
  cut_similar.by_similarity = true;
  const auto before = Answer(library.get(), question, cut_similar);

  auto policy = ranking::ParsePolicy(*library->ExportPolicy(1), ranking::ShortlistSchema());
  ASSERT_TRUE(policy.ok());
  const double least = (static_cast<double>(hits[4].second) + hits[5].second) / 2;
  const ranking::StopModel model = {.intercept = -10 * least, .cosine = 10, .cost = 0.5};
  policy->stops = {{/*phrases=*/false, model, {}}};
  ASSERT_EQ(*library->ImportPolicy(ranking::EncodePolicy(*policy)), 2u);
  policy->stops[0].phrases = true;
  ASSERT_EQ(*library->ImportPolicy(ranking::EncodePolicy(*policy)), 3u);
  policy->stops[0].phrases = false;
  policy->facts.space = "of another model";
  ASSERT_EQ(*library->ImportPolicy(ranking::EncodePolicy(*policy)), 4u);

  ASSERT_TRUE(library->UsePolicy(2).ok());
  const Result<SearchResult> result = library->Search(question, cut);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits.size(), 5u);
  EXPECT_TRUE(result->cut);
  EXPECT_NEAR(result->cut_score, least, 1e-6);
  EXPECT_EQ(Answer(library.get(), question, cut_similar), before);
  SearchOptions all = cut;
  all.all = true;
  EXPECT_EQ(Answer(library.get(), question, all).size(), 5u);
  // Neither a stop of phrases nor one of another space's cosines has a say.
  const Result<SearchResult> old = library->Search(question, cut_similar);
  for (const std::uint64_t version : {3, 4}) {
    ASSERT_TRUE(library->UsePolicy(version).ok());
    EXPECT_EQ(library->Search(question, cut)->cut_score, old->cut_score) << version;
  }
  ASSERT_TRUE(library->UsePolicy(0).ok());
  EXPECT_EQ(Answer(library.get(), question, cut), before);
}

// Phrases are clicked where their cosine is near to the best one, examples wherever they stand, and
// pages of words where their cosine is low.
TEST(Stops, AreLearnedOfEachKindOfQuestionApart) {
  Random random(9);
  clicks::StopPages learn, judge;
  const std::vector<double> examination = ranking::PositionExamination(10);
  for (int i = 0; i < 6000; ++i) {
    storage::PageRow page;
    page.vector = {0, 0};
    const int kind = i % 3;
    if (kind != 1) page.phrase = "a fox";
    const double top = 0.2 + 0.5 * random.Uniform();
    double cosine = top;
    std::vector<double> rewards;
    for (std::uint16_t slot = 0; slot < 10; ++slot) {
      storage::PageCandidate candidate;
      candidate.dense = static_cast<float>(cosine);
      if (kind == 2) candidate.text = 3;
      page.candidates.push_back(candidate);
      page.shown.push_back(slot);
      const double drop = top - cosine;
      const double wanted = kind == 0 ? (drop < 0.1 ? 0.8 : 0.05) : kind == 1 ? 0.4 : 4 * drop;
      rewards.push_back(random.Uniform() < examination[slot] * std::min(wanted, 1.0) ? 1 : 0);
      cosine -= 0.05 * random.Uniform();
    }
    (i < 4000 ? learn : judge).Add(page, rewards, 1, 0, 1);
  }
  EXPECT_EQ(judge.of(true).size() + judge.of(false).size(), 1333u);
  std::vector<std::string> told;
  const std::vector<ranking::PolicyStop> stops = clicks::LearnStops(learn, judge, 0.95, &told);
  ASSERT_EQ(stops.size(), 1u);
  EXPECT_TRUE(stops[0].phrases);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].find("where lists of questions in words end is learned: "), 0u) << told[0];
  EXPECT_EQ(told[1].find("where lists of questions by example end is not learned: "), 0u)
      << told[1];
  for (const double top : {0.3, 0.5, 0.7}) {
    EXPECT_NEAR(stops[0].model.LeastCosine(top), top - 0.1, 0.04) << top;
  }
}

TEST_F(ClicksTest, PagesOfAPolicyNeitherRepeatNorLose) {
  auto library = Open();
  ASSERT_TRUE(LiveUntilLearned(library.get())->switched);
  const Query question = Question();
  SearchOptions whole;
  whole.k = 130;  // beyond what a policy orders
  const auto all = Answer(library.get(), question, whole);
  std::vector<std::pair<ItemId, float>> paged;
  for (std::int64_t at = 0; at < 130; at += 13) {
    SearchOptions page;
    page.k = 13;
    page.offset = at;
    for (const auto& hit : Answer(library.get(), question, page)) paged.push_back(hit);
  }
  EXPECT_EQ(paged, all);
}

}  // namespace
}  // namespace espy
