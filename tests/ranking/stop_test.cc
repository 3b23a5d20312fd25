// Where a list ends: the model is found again in the clicks that it made, its chances come true,
// and it ends lists better than any one cut-off where questions differ.
#include "ranking/stop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "ranking/examination.h"

namespace espy::ranking {
namespace {

// Clicks of users who want a hit as `truth` says.
std::vector<StopPage> Pages(const StopModel& truth, std::size_t n, std::uint64_t seed) {
  Random random(seed);
  const std::vector<double> examination = PositionExamination(10);
  std::vector<StopPage> pages;
  for (std::size_t i = 0; i < n; ++i) {
    StopPage& page = pages.emplace_back();
    page.top = 0.3 + 0.5 * random.Uniform();
    page.group = static_cast<std::uint32_t>(i);
    double cosine = page.top;
    for (std::size_t slot = 0; slot < 10; ++slot) {
      const bool chosen = random.Uniform() < examination[slot] * truth.Chance(cosine, page.top);
      page.slots.push_back({cosine, examination[slot], chosen});
      cosine -= 0.06 * random.Uniform();
    }
  }
  return pages;
}

// F1 by the chances themselves, whatever was clicked.
template <typename Least>
double TrueF1(const StopModel& truth, const std::vector<StopPage>& pages, Least least) {
  double wanted = 0, shown = 0, all = 0;
  for (const StopPage& page : pages) {
    for (const StopSlot& slot : page.slots) {
      const double p = truth.Chance(slot.cosine, page.top);
      all += p;
      if (slot.cosine < least(page.top)) continue;
      wanted += p;
      shown += 1;
    }
  }
  return 2 * wanted / (shown + all);
}

constexpr StopModel kByDrop = {.intercept = 1, .cosine = 2, .drop = -25};

TEST(Stop, TheModelThatMadeTheClicksIsFound) {
  const auto learn = Pages(kByDrop, 20'000, 1), judge = Pages(kByDrop, 5'000, 2);
  const LearnedStop learned = LearnStop(learn, judge);
  EXPECT_TRUE(learned.better) << learned.why;
  EXPECT_NEAR(learned.model.intercept, 1, 0.25);
  EXPECT_NEAR(learned.model.cosine, 2, 0.4);
  EXPECT_NEAR(learned.model.drop, -25, 1);
  EXPECT_NEAR(learned.record.calibration, 1, 0.05);
}

TEST(Stop, ChancesComeTrue) {
  const auto learn = Pages(kByDrop, 3'000, 3), later = Pages(kByDrop, 20'000, 4);
  const StopModel model = LearnStop(learn, Pages(kByDrop, 1'000, 5)).model;
  double expected[5] = {}, there[5] = {};
  for (const StopPage& page : later) {
    for (const StopSlot& slot : page.slots) {
      const double p = model.Chance(slot.cosine, page.top);
      const int bin = std::min(4, static_cast<int>(5 * p));
      expected[bin] += slot.examined * p;
      there[bin] += slot.chosen ? 1 : 0;
    }
  }
  for (int bin = 0; bin < 5; ++bin) {
    if (there[bin] < 500) continue;
    EXPECT_NEAR(expected[bin] / there[bin], 1, 0.15) << bin;
  }
}

TEST(Stop, ListsEndBetterThanByAnyOneCutOff) {
  const LearnedStop learned = LearnStop(Pages(kByDrop, 2'000, 6), Pages(kByDrop, 1'000, 7));
  ASSERT_TRUE(learned.better) << learned.why;
  const auto later = Pages(kByDrop, 3'000, 8);
  const double by_model =
      TrueF1(kByDrop, later, [&](double top) { return learned.model.LeastCosine(top); });
  double by_fixed = 0;
  for (double cut = -0.2; cut < 0.8; cut += 0.01) {
    by_fixed = std::max(by_fixed, TrueF1(kByDrop, later, [&](double) { return cut; }));
  }
  EXPECT_GT(by_model, by_fixed + 0.03);
  // Nor is there a much better cost: the greatest F1 is at half of itself.
  double best = 0;
  StopModel other = kByDrop;
  for (other.cost = 0.02; other.cost < 0.6; other.cost += 0.01) {
    best = std::max(best, TrueF1(kByDrop, later, [&](double t) { return other.LeastCosine(t); }));
  }
  EXPECT_GT(by_model, best - 0.01);
  EXPECT_NEAR(learned.model.cost, best / 2, 0.03);
}

TEST(Stop, TheLeastCosineIsWhereOneMoreIsWorthItsCost) {
  const StopModel model = {.intercept = -1, .cosine = 9, .drop = -4, .cost = 0.3};
  for (const double top : {0.1, 0.5, 0.9}) {
    EXPECT_NEAR(model.Chance(model.LeastCosine(top), top), 0.3, 1e-12);
  }
}

TEST(Stop, ClicksThatSayNothingEndNoList) {
  const StopModel flat = {.intercept = -0.5};
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    const LearnedStop learned = LearnStop(Pages(flat, 1'000, seed), Pages(flat, 500, seed + 100));
    EXPECT_FALSE(learned.better) << seed << ": " << learned.why;
  }
}

TEST(Stop, TooLittleIsSaid) {
  const LearnedStop learned = LearnStop(Pages(kByDrop, 40, 1), Pages(kByDrop, 20, 2));
  EXPECT_FALSE(learned.better);
  EXPECT_NE(learned.why.find("too little"), std::string::npos);
  EXPECT_FALSE(LearnStop({}, {}).better);
}

TEST(Stop, UsersWhoChangedAreNoticed) {
  StopModel keener = kByDrop;
  keener.intercept = 6;
  const LearnedStop learned = LearnStop(Pages(keener, 3'000, 1), Pages(kByDrop, 3'000, 2));
  EXPECT_FALSE(learned.better) << learned.why;
  EXPECT_NE(learned.why.find("times the clicks"), std::string::npos) << learned.why;
}

}  // namespace
}  // namespace espy::ranking
