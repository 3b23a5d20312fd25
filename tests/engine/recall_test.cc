// Recall measured on live searches: the interval holds what it says, the effort finds its place and
// stays there, and the monitor measures what it should.
#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "engine/recall/effort_controller.h"
#include "engine/recall/monitor.h"
#include "tests/engine/fixture.h"

namespace espy::recall {
namespace {

// Searches of different difficulty: each finds each of its ten hits with a chance of its own.
class Searches {
 public:
  explicit Searches(std::uint32_t seed) : draw_(seed) {}
  std::uint64_t Found(double recall) {
    // A beta distribution of mean `recall`: some searches miss several, most none.
    std::gamma_distribution<double> a(recall * kSpread), b((1 - recall) * kSpread);
    const double x = a(draw_), y = b(draw_);
    const double chance = x + y > 0 ? x / (x + y) : recall;
    std::uint64_t found = 0;
    for (int i = 0; i < 10; ++i) found += std::bernoulli_distribution(chance)(draw_) ? 1 : 0;
    return found;
  }

 private:
  static constexpr double kSpread = 5;
  std::mt19937 draw_;
};

TEST(RecallWindow, TheIntervalHoldsTheTruthAsOftenAsItSaysAlsoForHitsThatMissTogether) {
  for (const double truth : {0.8, 0.95, 0.99}) {
    int held = 0;
    constexpr int kRuns = 400;
    for (int run = 0; run < kRuns; ++run) {
      Searches searches(static_cast<std::uint32_t>(run));
      Window window;
      for (int i = 0; i < 400; ++i) window.Add(searches.Found(truth), 10);
      const Interval bounds = window.Bounds(1.96);
      held += bounds.low <= truth && truth <= bounds.high ? 1 : 0;
    }
    // 95 % of 400, less four standard deviations of such a count and the skew of rare misses.
    EXPECT_GE(held, kRuns * 90 / 100) << truth;
  }
}

TEST(RecallWindow, ItsBoundsAreWilsonsWhenEverySearchIsAlike) {
  Window window;
  for (int i = 0; i < 10; ++i) window.Add(10, 10);
  // 100 of 100, z = 1.96: the lower bound is n / (n + z^2).
  EXPECT_NEAR(window.Bounds(1.96).low, 100 / (100 + 1.96 * 1.96), 1e-9);
  EXPECT_NEAR(window.Bounds(1.96).high, 1, 1e-12);
  EXPECT_EQ(window.mean(), 1);
  EXPECT_EQ(Window().Bounds(3).low, 0);
  EXPECT_EQ(Window().Bounds(3).high, 1);
}

// How recall follows effort among `rows`: misses fall by a power of it.
double Recall(std::int64_t effort, double hardness) {
  return 1 - std::min(1.0, hardness / std::pow(static_cast<double>(effort), 1.3));
}

struct Course {
  std::vector<std::int64_t> efforts;  // after each move, the first one at the start
  std::uint64_t late_moves = 0;       // in the second half
  int turns = 0;                      // from down to up, or back
};

Course Simulate(double hardness, double target, std::uint64_t searches, std::uint32_t seed,
                Effort effort = {}) {
  Searches outcomes(seed);
  Course course;
  course.efforts.push_back(effort.effort);
  Window window;
  for (std::uint64_t i = 0; i < searches; ++i) {
    window.Add(outcomes.Found(Recall(effort.effort, hardness)), 10);
    const Effort next = EffortController::Next(effort, window, target, 1'000'000);
    if (next.effort != effort.effort) {
      window = {};
      const std::size_t n = course.efforts.size();
      if (n > 1 && (next.effort > effort.effort) != (effort.effort > course.efforts[n - 2])) {
        ++course.turns;
      }
      course.efforts.push_back(next.effort);
      course.late_moves += i >= searches / 2 ? 1 : 0;
    } else if (window.searches >= EffortController::kMostSearches) {
      window.Halve();
    }
    effort = next;
  }
  return course;
}

TEST(EffortController, HoldsTheTargetComesToRestAndStaysThere) {
  for (const double hardness : {1.0, 4.0, 12.0, 30.0, 100.0}) {
    for (const double target : {0.9, 0.98, 0.995}) {
      for (std::uint32_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(::testing::Message()
                     << "hardness " << hardness << " target " << target << " seed " << seed);
        const Course course = Simulate(hardness, target, 60'000, seed);
        const std::int64_t end = course.efforts.back();
        // Within what a sure measurement over a window can miss.
        const double slack = 3.5 * std::sqrt((1 - target) * target / 1000);
        if (end < EffortController::kMost) {
          EXPECT_GE(Recall(end, hardness), target - slack);
        }
        // From one limit to the other is 20 steps. An effort whose recall lies at the very edge of
        // what is left alone may be thought of again, late and once.
        EXPECT_LE(course.efforts.size(), 30u);
        EXPECT_LE(course.turns, 6);
        EXPECT_LE(course.late_moves, 2u);
      }
    }
  }
}

TEST(EffortController, NeverGoesDownToWhatWasTooLow) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    Searches outcomes(seed);
    Effort effort;
    Window window;
    std::int64_t too_low = 0;
    for (int i = 0; i < 30'000; ++i) {
      window.Add(outcomes.Found(Recall(effort.effort, 8)), 10);
      const Effort next = EffortController::Next(effort, window, 0.98, 1000);
      if (next.effort > effort.effort) too_low = std::max(too_low, effort.effort);
      if (next.effort != effort.effort) window = {};
      effort = next;
      ASSERT_GT(effort.effort, too_low);
    }
  }
}

TEST(EffortController, KeepsItsLimitsAndWaitsUntilItIsSure) {
  Window none, all;
  for (std::uint64_t i = 0; i + 1 < EffortController::kLeastSearches; ++i) none.Add(0, 10);
  EXPECT_EQ(EffortController::Next({}, none, 0.98, 1000), Effort{});
  none.Add(0, 10);
  EXPECT_EQ(EffortController::Next({}, none, 0.98, 1000).effort, 192);
  Effort most{.effort = EffortController::kMost};
  EXPECT_EQ(EffortController::Next(most, none, 0.98, 1000), most);
  for (int i = 0; i < 1000; ++i) all.Add(10, 10);
  Effort least{.effort = EffortController::kLeast};
  EXPECT_EQ(EffortController::Next(least, all, 0.98, 1000), least);
  EXPECT_EQ(EffortController::Next({}, all, 0.98, 1000).effort, 102);
}

TEST(EffortController, AnotherSizeOfTheLibraryAsksAgain) {
  Window all;
  for (int i = 0; i < 1000; ++i) all.Add(10, 10);
  const Effort held{.effort = 128, .too_low = 110, .too_low_rows = 1000};
  EXPECT_EQ(EffortController::Next(held, all, 0.98, 1500).effort, 128);
  EXPECT_EQ(EffortController::Next(held, all, 0.98, 2000).effort, 102);
  EXPECT_EQ(EffortController::Next(held, all, 0.98, 500).effort, 102);
}

class MonitorTest : public ::testing::Test {
 protected:
  void SetUp() override { OpenStore(); }
  void OpenStore() {
    meter_.reset();
    store_.reset();
    auto store = storage::Store::Open(dir_ / "library", {.create_if_missing = true});
    ASSERT_TRUE(store.ok()) << store.status().message();
    store_ = std::move(*store);
    if (store_->Spaces()->empty()) {
      storage::SpaceRow row;
      row.dimension = 1;
      ASSERT_TRUE(store_->AddSpace(row).ok());
    }
    meter_ = std::make_shared<Meter>(store_.get(), 1, Env::Default());
  }

  // A search that found the ids 0 to k - 1, of which exact search finds all but `missed`.
  void Ask(Monitor* monitor, std::uint64_t missed, std::int64_t k = 10) {
    index::SearchParams params;
    params.k = k;
    params.ef_search = static_cast<int>(meter_->EffortFor(k));
    if (!monitor->Draws(*meter_, params)) return;
    Monitor::Probe probe;
    probe.meter = meter_;
    probe.effort = params.ef_search;
    probe.rows = 100'000;
    for (std::int64_t i = 0; i < k; ++i) probe.found.push_back(static_cast<std::uint64_t>(i));
    probe.exact = [found = probe.found, missed]() -> Result<std::vector<index::Candidate>> {
      std::vector<index::Candidate> exact;
      for (const std::uint64_t id : found) exact.push_back({1, id < missed ? id + 1000 : id});
      return exact;
    };
    monitor->Offer(std::move(probe));
  }

  testing::TempDir dir_;
  std::unique_ptr<storage::Store> store_;
  std::shared_ptr<Meter> meter_;
};

TEST_F(MonitorTest, MeasuresTheDrawnShareAndKeepsItOnTheDisk) {
  {
    Monitor monitor(0.5, 0.98, Env::Default());
    for (int i = 0; i < 16; ++i) Ask(&monitor, /*missed=*/2);
    monitor.Settle();
  }
  EXPECT_EQ(meter_->row().searches, 8u);
  EXPECT_EQ(meter_->row().shares, 8 * 8000u);
  OpenStore();
  EXPECT_EQ(meter_->row().searches, 8u);
  EXPECT_EQ(meter_->row().sampled, 8u);
  EXPECT_EQ(*store_->Verify(false), std::vector<std::string>{});
}

TEST_F(MonitorTest, LeavesOutWhatWasExactOrFilteredOrAskedForMuch) {
  Monitor monitor(1, 0.98, Env::Default());
  index::SearchParams params;
  EXPECT_TRUE(monitor.Draws(*meter_, params));
  params.exact = true;
  EXPECT_FALSE(monitor.Draws(*meter_, params));
  params.exact = false;
  const std::vector<std::uint64_t> some{1, 2};
  params.allowed = some;
  EXPECT_FALSE(monitor.Draws(*meter_, params));
  Ask(&monitor, 0, /*k=*/1000);
  Monitor off(0, 0.98, Env::Default());
  Ask(&off, 0);
  monitor.Settle();
  EXPECT_EQ(meter_->row().searches, 0u);
  Ask(&monitor, 0, /*k=*/5);
  monitor.Settle();
  EXPECT_EQ(meter_->row().wanted, 5u);
}

TEST_F(MonitorTest, WaitsWhileSomethingGoesOnAndForgetsWhatItCannotKeep) {
  Monitor monitor(1, 0.98, Env::Default());
  {
    const Monitor::Activity activity(&monitor);
    for (int i = 0; i < 100; ++i) Ask(&monitor, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(meter_->row().searches, 0u);
  }
  monitor.Settle();
  EXPECT_GT(meter_->row().searches, 0u);
  EXPECT_LE(meter_->row().searches, 16u);
}

TEST_F(MonitorTest, TheEffortFollowsAndOldMeasurementsSpeakOfNoNewEffort) {
  for (std::uint64_t i = 0; i < EffortController::kLeastSearches; ++i) {
    meter_->Record(128, 5, 10, 0.98, 1000);
  }
  EXPECT_EQ(meter_->effort(), 192);
  EXPECT_EQ(meter_->EffortFor(10), 192);
  EXPECT_EQ(meter_->EffortFor(1000), 2000);
  EXPECT_EQ(meter_->row().searches, 0u);
  meter_->Record(128, 5, 10, 0.98, 1000);
  EXPECT_EQ(meter_->row().searches, 0u);
  meter_->Save(true);
  OpenStore();
  EXPECT_EQ(meter_->effort(), 192);
  // A dropped space's is not brought back.
  storage::SpaceRow row;
  row.dimension = 1;
  ASSERT_TRUE(store_->AddSpace(row).ok());
  ASSERT_TRUE(store_->SwitchSpace(2, storage::SpaceRole::kKept).ok());
  ASSERT_TRUE(store_->DropSpace(1).ok());
  meter_->Record(192, 5, 10, 0.98, 1000);
  meter_->Save(true);
  EXPECT_EQ(store_->GetRecall(1).status().code(), StatusCode::kNotFound);
}

using RecallLibraryTest = espy::testing::LibraryTest;

TEST_F(RecallLibraryTest, TheTargetIsKeptAndBounded) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  EXPECT_EQ(library->Info()->recall_target, kDefaultRecallTarget);
  EXPECT_EQ(library->Info()->spaces[0].effort, 128);
  EXPECT_EQ(library->Info()->spaces[0].recall_searches, 0u);
  EXPECT_EQ(library->SetRecallTarget(1.0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library->SetRecallTarget(0.2).code(), StatusCode::kInvalidArgument);
  ESPY_ASSERT_OK(library->SetRecallTarget(0.95));
  library.reset();
  library = Open(/*read_only=*/true);
  EXPECT_NEAR(library->Info()->recall_target, 0.95, 1e-9);
  EXPECT_EQ(library->SetRecallTarget(0.9).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Library::Open(library_path(), {.recall_share = 2}).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::recall
