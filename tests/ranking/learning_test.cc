// What is learned from clicks: features, the listwise learner, the policy's bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "ranking/examination.h"
#include "ranking/linear_solve.h"
#include "ranking/methods/listwise.h"
#include "ranking/order.h"
#include "ranking/policy_file.h"
#include "ranking/products.h"
#include "ranking/shortlist_features.h"

namespace espy::ranking {
namespace {

struct MadePages {
  std::vector<std::vector<float>> features;
  std::vector<ListwisePage> pages;
};

MadePages Make(std::size_t n, std::size_t candidates, std::size_t columns, std::uint64_t seed) {
  MadePages made;
  Random random(seed);
  for (std::size_t p = 0; p < n; ++p) {
    std::vector<float>& features = made.features.emplace_back(candidates * columns);
    for (float& x : features) x = static_cast<float>(random.Normal());
  }
  for (std::vector<float>& features : made.features) {
    ListwisePage& page = made.pages.emplace_back();
    page.rows = {features, columns};
    page.gains.resize(candidates);
    page.gains[random.Below(candidates)] = 1 + random.Uniform();
    page.gains[random.Below(candidates)] += 0.5;
  }
  return made;
}

double Objective(const MadePages& made, const std::vector<double>& w,
                 const ListwiseOptions& options) {
  double value = 0;
  for (const ListwisePage& page : made.pages) {
    std::vector<double> scores;
    double sum = 0;
    for (std::size_t i = 0; i < page.rows.rows(); ++i) {
      double score = 0;
      for (std::size_t a = 0; a < w.size(); ++a) score += w[a] * page.rows[i][a];
      scores.push_back(score);
      sum += std::exp(score);
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      value += page.gains[i] * (scores[i] - std::log(sum));
    }
  }
  for (std::size_t a = 0; a < w.size(); ++a) {
    value -= options.ridge / 2 * (w[a] - options.prior[a]) * (w[a] - options.prior[a]);
  }
  return value;
}

// The objective is concave: a point that no step improves is its one maximum.
TEST(Listwise, NoStepImprovesOnWhatItFinds) {
  const MadePages made = Make(40, 7, 3, 1);
  const ListwiseOptions options{.prior = {0.5, 0, -0.5}, .ridge = 2};
  const std::vector<double> w = LearnListwise(made.pages, options);
  const double best = Objective(made, w, options);
  for (std::size_t a = 0; a < w.size(); ++a) {
    for (const double step : {1e-3, -1e-3}) {
      std::vector<double> near = w;
      near[a] += step;
      EXPECT_LT(Objective(made, near, options), best);
    }
  }
}

TEST(Listwise, ProductsAreLearnedAsColumnsOfTheirOwnAre) {
  const MadePages made = Make(60, 7, 3, 5);
  MadePages wide;
  for (std::size_t p = 0; p < made.pages.size(); ++p) {
    std::vector<float>& features = wide.features.emplace_back();
    for (std::size_t i = 0; i < 7; ++i) {
      const std::vector<float> row = WithProducts(made.pages[p].rows[i]);
      features.insert(features.end(), row.begin(), row.end());
    }
  }
  for (std::size_t p = 0; p < made.pages.size(); ++p) {
    wide.pages.push_back({{wide.features[p], ProductColumns(3)}, made.pages[p].gains});
  }
  std::vector<double> prior(ProductColumns(3));
  prior[0] = 0.5;
  const ListwiseOptions options{.prior = prior, .ridge = 2};
  const std::vector<double> weights = LearnListwise(made.pages, options);
  EXPECT_EQ(weights, LearnListwise(wide.pages, options));
  // And a policy scores the narrow rows as the wide ones are scored.
  const std::vector<float> scores = LinearScores(made.pages[0].rows, weights);
  const std::vector<float> of_wide = LinearScores(wide.pages[0].rows, weights);
  EXPECT_EQ(scores, of_wide);
  EXPECT_NE(scores, LinearScores(made.pages[0].rows, std::span(weights).first(3)));
}

TEST(Listwise, FindsTheWeightsThatClicksFollow) {
  MadePages made = Make(4000, 10, 3, 2);
  const std::vector<double> truth = {1.5, -0.7, 0};
  Random random(3);
  for (ListwisePage& page : made.pages) {
    page.gains.assign(10, 0);
    std::vector<double> chances;
    double sum = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      double score = 0;
      for (std::size_t a = 0; a < 3; ++a) score += truth[a] * page.rows[i][a];
      chances.push_back(std::exp(score));
      sum += chances.back();
    }
    double point = random.Uniform() * sum;
    std::size_t chosen = 0;
    while (chosen + 1 < 10 && point >= chances[chosen]) point -= chances[chosen++];
    page.gains[chosen] = 1;
  }
  const std::vector<double> w = LearnListwise(made.pages, {.prior = {0, 0, 0}, .ridge = 1e-3});
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(w[a], truth[a], 0.1);
}

TEST(Listwise, WithoutGainsThePriorStays) {
  MadePages made = Make(5, 4, 2, 4);
  for (ListwisePage& page : made.pages) page.gains.assign(4, 0);
  EXPECT_EQ(LearnListwise(made.pages, {.prior = {1, 2}, .ridge = 1}), (std::vector<double>{1, 2}));
}

TEST(SolvePositive, SolvesAndSurvivesSingularSystems) {
  const std::vector<double> a = {4, 1, 0, 1, 3, -1, 0, -1, 2};
  const std::vector<double> x = {1, -2, 3};
  std::vector<double> b(3);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) b[i] += a[i * 3 + j] * x[j];
  }
  const std::vector<double> solved = SolvePositive(a, b);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(solved[i], x[i], 1e-12);
  for (const double y : SolvePositive(std::vector<double>{1, 1, 1, 1}, std::vector<double>{1, 1})) {
    EXPECT_TRUE(std::isfinite(y));
  }
}

class FeaturesTest : public ::testing::Test {
 protected:
  static std::size_t Column(const std::string& name) {
    const auto& columns = ShortlistSchema().columns;
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) -
                                    columns.begin());
  }
  Shortlist List(std::size_t n) {
    Random random(9);
    vectors_.assign(n, std::vector<float>(4));
    Shortlist list;
    list.question = question_;
    for (std::size_t i = 0; i < n; ++i) {
      for (float& x : vectors_[i]) x = static_cast<float>(random.Normal());
      Candidate candidate;
      candidate.item = 100 + i;
      candidate.dense = 0.9f - 0.1f * static_cast<float>(i);
      candidate.vector = vectors_[i];
      list.candidates.push_back(candidate);
    }
    return list;
  }
  static float At(const std::vector<float>& features, std::size_t row, const std::string& name) {
    return features[row * ShortlistSchema().columns.size() + Column(name)];
  }
  std::vector<float> question_ = {1, 0, 0, 0};
  std::vector<std::vector<float>> vectors_;
};

TEST_F(FeaturesTest, WithoutAPastOnlyScoresSpeak) {
  Shortlist list = List(5);
  list.candidates[2].text = 5;
  list.candidates[3].match = 0.75f;
  list.candidates[4].age_days = 365;
  list.candidates[1].look = 0xff00;
  list.candidates[3].look = 0xff01;
  const std::vector<float> f = ShortlistFeatures(list, ClickHistory());
  EXPECT_FLOAT_EQ(At(f, 2, "text"), 0.5f);
  EXPECT_FLOAT_EQ(At(f, 3, "match"), 0.5f);
  EXPECT_FLOAT_EQ(At(f, 0, "match"), 0);
  EXPECT_FLOAT_EQ(At(f, 4, "recency"), 0.5f);
  EXPECT_FLOAT_EQ(At(f, 3, "copy"), 1);
  EXPECT_FLOAT_EQ(At(f, 1, "copy"), 0);
  float mean = 0, squares = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    mean += At(f, i, "dense") / 5;
    squares += At(f, i, "dense") * At(f, i, "dense") / 5;
    for (const char* name : {"popularity", "neighbours", "taste"}) EXPECT_EQ(At(f, i, name), 0);
  }
  EXPECT_NEAR(mean, 0, 1e-6);
  EXPECT_NEAR(squares, 1, 1e-5);
}

TEST_F(FeaturesTest, ThePastLiftsWhatWasChosenForLikeQuestions) {
  const Shortlist list = List(3);
  ClickHistory history;
  for (int i = 0; i < 10; ++i) {
    history.Add(question_,
                std::vector<Choice>{{100, vectors_[0], 1, 0}, {101, vectors_[1], 0.5, 1}});
  }
  const std::vector<float> f = ShortlistFeatures(list, history);
  EXPECT_GT(At(f, 1, "popularity"), 0);
  EXPECT_LT(At(f, 0, "popularity"), 0);
  EXPECT_EQ(At(f, 2, "popularity"), 0);
  EXPECT_GT(At(f, 1, "neighbours"), 0.8f);
  EXPECT_EQ(At(f, 0, "neighbours"), 0);
  EXPECT_GT(At(f, 1, "taste"), At(f, 0, "taste"));
  Shortlist elsewhere = list;
  const std::vector<float> other = {0, 1, 0, 0};
  elsewhere.question = other;
  EXPECT_EQ(At(ShortlistFeatures(elsewhere, history), 1, "neighbours"), 0);
}

LearnedPolicy SamplePolicy() {
  LearnedPolicy policy;
  policy.schema = ShortlistSchema();
  for (std::size_t i = 0; i < policy.schema.columns.size(); ++i) {
    policy.weights.push_back(0.25 * static_cast<double>(i) - 1);
  }
  const std::vector<float> vector = {0.5f, -0.5f, 0.5f, 0.5f};
  policy.history.Add(vector, std::vector<Choice>{{7, vector, 1, 1}, {8, vector, 0.5, 0}});
  policy.facts.space = "abc";
  policy.facts.gain = 0.5;
  policy.stops.push_back(
      {false, {.intercept = -1, .cosine = 8, .drop = -3, .cost = 0.3}, {.f1 = 0.6}});
  return policy;
}

LearnedPolicy SamplePolicyWithProducts() {
  LearnedPolicy policy = SamplePolicy();
  const std::size_t columns = policy.weights.size();
  while (policy.weights.size() < ProductColumns(columns)) {
    policy.weights.push_back(1.0 / static_cast<double>(policy.weights.size()));
  }
  return policy;
}

class PolicyBytes : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutProducts, PolicyBytes, ::testing::Bool());

TEST_P(PolicyBytes, ComeBackAsTheyWere) {
  const LearnedPolicy policy = GetParam() ? SamplePolicyWithProducts() : SamplePolicy();
  const std::string bytes = EncodePolicy(policy);
  const auto read = ParsePolicy(bytes, ShortlistSchema());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->weights, policy.weights);
  EXPECT_EQ(read->facts, policy.facts);
  EXPECT_EQ(read->stops, policy.stops);
  EXPECT_EQ(read->history.Popularity(7), policy.history.Popularity(7));
  EXPECT_EQ(EncodePolicy(*read), bytes);
  EXPECT_EQ(read->Linear()->kind(), GetParam() ? "quadratic" : "linear");
}

TEST_P(PolicyBytes, CutChangedNewerAndForeignOnesAreRefused) {
  const std::string bytes = EncodePolicy(GetParam() ? SamplePolicyWithProducts() : SamplePolicy());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(ParsePolicy(bytes.substr(0, n), ShortlistSchema()).ok());
    std::string changed = bytes;
    changed[n] = static_cast<char>(changed[n] ^ 0x20);
    EXPECT_FALSE(ParsePolicy(changed, ShortlistSchema()).ok()) << n;
  }
  FeatureSchema other = ShortlistSchema();
  other.version += 1;
  const auto refused = ParsePolicy(bytes, other);
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("shortlist 2"), std::string::npos);
}

TEST(Examination, FallsAsMeasuredAndSeverityBendsIt) {
  const std::vector<double> curve = PositionExamination(12);
  EXPECT_DOUBLE_EQ(curve[0], 1);
  EXPECT_DOUBLE_EQ(curve[9], 0.06 / 0.68);
  EXPECT_DOUBLE_EQ(curve[11], curve[9]);
  EXPECT_DOUBLE_EQ(PositionExamination(5, 0)[4], 1);
  EXPECT_DOUBLE_EQ(PositionExamination(5, 2)[4], curve[4] * curve[4]);
}

}  // namespace
}  // namespace espy::ranking
