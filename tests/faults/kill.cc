// kill -9 at random moments of a writer's life: in its opening, its changes, the builder's sealing
// and merging, flushes, compactions, closing. SIGKILL leaves the page cache, so this does not test
// syncing (power.cc does); it tests every other order of events, with real threads.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>

#include "tests/faults/child.h"
#include "tests/faults/drill.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kStepsALife = 30;
constexpr int kMaintenance = 3;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The number in the last whole line "WORD number"; -1 when there is none.
std::int64_t LastNumber(const std::string& said, const std::string& word) {
  const std::string start = "\n" + word + " ";
  const std::size_t end = said.rfind('\n');
  if (end == std::string::npos) return -1;
  const std::string lines = "\n" + said.substr(0, end);
  const std::size_t at = lines.rfind(start);
  if (at == std::string::npos) return -1;
  std::int64_t number = -1;
  std::from_chars(lines.data() + at + start.size(), lines.data() + lines.size(), number);
  return number;
}

// A library whose writers are killed, and what it must hold.
class Victim {
 public:
  explicit Victim(const DrillSettings& settings)
      : settings_(settings), random_(settings.seed), library_(settings.scratch + "/lib") {}

  // Lets a writer live for `seconds`, or to its end. True when it was killed.
  bool Live(double seconds, std::uint64_t steps) {
    Child child(settings_.program,
                {"live", library_, settings_.model, std::to_string(settings_.seed),
                 std::to_string(step_), std::to_string(steps)});
    const bool killed = child.KillAfter(seconds);
    const std::int64_t acked = LastNumber(child.said(), "acked");
    for (; acked >= 0 && step_ <= static_cast<std::uint64_t>(acked); ++step_) {
      const Step step = DrawStep(settings_.seed, step_, world_, kMaintenance);
      if (!step.edits.empty()) ++acknowledged_;
      ApplyStep(step, &world_);
    }
    if (!killed && child.status() != 0) {
      failure_ =
          "a writer ended with status " + std::to_string(child.status()) + ": " + child.said();
    }
    return killed;
  }

  // What is there is what was acknowledged, or that and the one change that was under way.
  void Check(const std::string& where, DrillReport* report) {
    if (!failure_.empty()) report->Fail(where + ": " + failure_);
    auto library = OpenWithHooks(library_, DrillOptions(settings_.model), SmallHooks());
    if (!library.ok()) {
      ++report->refused;
      return report->Fail(where + ": " + library.status().message());
    }
    const Step step = DrawStep(settings_.seed, step_, world_, kMaintenance);
    World after = world_;
    ApplyStep(step, &after);
    if (Recognise(**library, {world_, after}) == 1) {
      ++step_;
      world_ = std::move(after);
    }
    report->Add(where, Compare(**library, world_, random_()));
  }

  const DrillSettings& settings_;
  std::mt19937_64 random_;
  const std::string library_;
  World world_;
  std::uint64_t step_ = 0, acknowledged_ = 0;
  std::string failure_;
};

}  // namespace

// live LIBRARY MODEL SEED FIRST-STEP STEPS: says "acked N" once step N is acknowledged.
int LiveUntilKilled(const std::vector<std::string>& arguments) {
  if (arguments.size() != 5) return 2;
  const std::uint64_t seed = std::stoull(arguments[2]), first = std::stoull(arguments[3]);
  const std::uint64_t steps = std::stoull(arguments[4]);
  World world;
  for (std::uint64_t i = 0; i < first; ++i) {
    ApplyStep(DrawStep(seed, i, world, kMaintenance), &world);
  }
  auto library = OpenWithHooks(arguments[0], DrillOptions(arguments[1]), SmallHooks());
  Status status = library.status();
  for (std::uint64_t i = first; status.ok() && i < first + steps; ++i) {
    const Step step = DrawStep(seed, i, world, kMaintenance);
    status = ApplyStep(step, world, **library);
    if (!status.ok()) break;
    ApplyStep(step, &world);
    const std::string line = "acked " + std::to_string(i) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return 3;
  }
  if (status.ok()) return 0;
  std::printf("%s\n", status.message().c_str());
  return 1;
}

DrillReport Kills(const DrillSettings& settings) {
  DrillReport report;
  // Lives are cut at moments drawn from what a whole one takes here, so that kills fall into all of
  // it on a slow machine as on a fast one.
  double whole = 0;
  {
    DrillSettings first = settings;
    first.scratch = settings.scratch + "/first";
    fs::create_directories(first.scratch);
    const auto start = Clock::now();
    Victim whole_life(first);
    whole_life.Live(60, kStepsALife);
    whole = SecondsSince(start);
    whole_life.Check("undisturbed", &report);
  }
  Victim victim(settings);
  std::uint64_t whole_lives = 0;
  while (report.runs < settings.runs && report.problems.empty()) {
    const double share =
        static_cast<double>(victim.random_() >> 11) * 0x1p-53;  // every machine draws the same
    const auto start = Clock::now();
    const bool killed = victim.Live(share * whole * 1.05, kStepsALife);
    if (!killed) {
      ++whole_lives;
      whole = 0.7 * whole + 0.3 * SecondsSince(start);
    } else {
      ++report.runs;
    }
    if (whole_lives > settings.runs) {
      report.Fail("too few kills fell into a life to mean anything");
    }
    victim.Check("kill " + std::to_string(report.runs), &report);
  }
  report.acknowledged = victim.acknowledged_;
  report.note = std::to_string(whole_lives) + " writers ended before their kill; " +
                std::to_string(victim.world_.items.size()) + " items in the end";
  return report;
}

// A library with a long log, whose every opening is killed: one that is let through must find all.
DrillReport KillsInRecovery(const DrillSettings& settings) {
  DrillReport report;
  Victim victim(settings);
  victim.Live(60, 2 * kStepsALife);
  victim.Check("before", &report);
  double opening = 0.05;
  std::uint64_t through = 0, since = 0;
  while (report.runs < settings.runs && report.problems.empty()) {
    const double share = static_cast<double>(victim.random_() >> 11) * 0x1p-53;
    const auto start = Clock::now();
    if (victim.Live(share * opening, 0)) {
      ++report.runs;
      ++since;
    } else {
      ++through;
      opening = 0.7 * opening + 0.3 * SecondsSince(start);
    }
    if (through > settings.runs) report.Fail("too few kills fell into an opening");
    if (since == 10) {  // no crash loop: after ten kills in a row it opens, and holds everything
      victim.Live(60, 5);
      victim.Check("kill " + std::to_string(report.runs), &report);
      since = 0;
    }
  }
  victim.Check("in the end", &report);
  report.acknowledged = victim.acknowledged_;
  return report;
}

}  // namespace espy::testing
