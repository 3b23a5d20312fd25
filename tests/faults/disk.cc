// EIO and ENOSPC at every operation of the disk in a scripted run: opening, changes, flushing,
// sealing, searching, compacting. Each is an error or does not show; what was acknowledged stays,
// nothing is half, and the library is usable when the fault is gone.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/faults/drill.h"
#include "tests/faults/fault_fs.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kStepsBefore = 12;

// The steps of the script, after a life of kStepsBefore steps: every kind of change, and between
// them what moves bytes to files.
std::vector<Step::Kind> ScriptKinds() {
  using Kind = Step::Kind;
  return {Kind::kPut,    Kind::kSearch,  Kind::kPut,  Kind::kTag,    Kind::kFlush,
          Kind::kForget, Kind::kPut,     Kind::kSeal, Kind::kRetake, Kind::kMove,
          Kind::kSearch, Kind::kCompact, Kind::kPut,  Kind::kSearch};
}

// The next step of that kind in the life: its number is past any that was used before.
Step StepOfKind(Step::Kind kind, std::uint64_t seed, const World& world, std::uint64_t* number) {
  for (;; ++*number) {
    const Step step = DrawStep(seed, *number, world, 2);
    if (step.kind == kind) {
      ++*number;
      return step;
    }
  }
}

struct Outcome {
  World world;                // what was acknowledged
  std::vector<World> states;  // what may be found
  std::uint64_t acknowledged = 0, errors = 0;
  std::vector<std::string> wrong;
};

class Script {
 public:
  Script(const DrillSettings& settings, std::string base, World world)
      : settings_(settings), base_(std::move(base)), world_(std::move(world)) {}

  Outcome Run(const std::string& path, const std::shared_ptr<FaultFs>& disk) const {
    Outcome outcome;
    outcome.world = world_;
    outcome.states = {world_};
    auto library = OpenWithHooks(path, DrillOptions(settings_.model), SmallHooks(disk));
    if (!library.ok()) {
      Error(library.status(), path, &outcome);
      return outcome;
    }
    std::uint64_t number = kStepsBefore;
    for (const Step::Kind kind : ScriptKinds()) {
      const Step step = StepOfKind(kind, settings_.seed, outcome.world, &number);
      Attempt(step, path, **library, &outcome);
    }
    // With the fault gone the library goes on, or says to open it again.
    disk->Heal();
    const Step step = StepOfKind(Step::Kind::kPut, settings_.seed, outcome.world, &number);
    Attempt(step, path, **library, &outcome);
    return outcome;
  }

  // Opens without a fault, and finds one of the states that may be.
  void Check(const std::string& path, const std::string& where, Outcome* outcome,
             DrillReport* report) const {
    auto library = OpenWithHooks(path, DrillOptions(settings_.model), SmallHooks());
    if (!library.ok()) {
      ++report->refused;
      return report->Fail(where + ": " + library.status().message());
    }
    const int state = Recognise(**library, outcome->states);
    const World& found =
        state < 0 ? outcome->world : outcome->states[static_cast<std::size_t>(state)];
    report->Add(where, Compare(**library, found, settings_.seed));
    std::uint64_t number = 1'000'000;
    const Step step = StepOfKind(Step::Kind::kPut, settings_.seed, found, &number);
    if (const Status after = ApplyStep(step, found, **library); !after.ok()) {
      report->Fail(where + ": not usable afterwards: " + after.message());
    }
  }

  const std::string& base() const { return base_; }

 private:
  static void Error(const Status& status, const std::string& path, Outcome* outcome) {
    ++outcome->errors;
    if (!NamesRemedy(status.message(), path)) {
      outcome->wrong.push_back("an error without a remedy: " + status.message());
    }
  }

  static void Attempt(const Step& step, const std::string& path, Library& library,
                      Outcome* outcome) {
    World after = outcome->world;
    ApplyStep(step, &after);
    const Status done = ApplyStep(step, outcome->world, library);
    if (done.ok()) {
      if (!step.edits.empty()) ++outcome->acknowledged;
      outcome->world = std::move(after);
      if (!step.edits.empty()) outcome->states = {outcome->world};
      return;
    }
    Error(done, path, outcome);
    // Whether what failed reached the disk is unknown until it is read back; it is whole or absent.
    if (!step.edits.empty()) outcome->states.push_back(std::move(after));
    // While the library is open it is not to be seen.
    if (const int state = Recognise(library, {outcome->world});
        state < 0 && library.List("").ok()) {
      outcome->wrong.push_back("half: a change that failed is seen");
    }
  }

  const DrillSettings& settings_;
  const std::string base_;
  const World world_;
};

Script Prepare(const DrillSettings& settings, DrillReport* report) {
  const std::string base = settings.scratch + "/base";
  World world;
  auto library = OpenWithHooks(base, DrillOptions(settings.model), SmallHooks());
  for (std::uint64_t n = 0; library.ok() && n < kStepsBefore; ++n) {
    const Step step = DrawStep(settings.seed, n, world, 2);
    if (const Status done = ApplyStep(step, world, **library); !done.ok()) {
      report->Fail(done.message());
    }
    ApplyStep(step, &world);
  }
  if (!library.ok()) report->Fail(library.status().message());
  return Script(settings, base, std::move(world));
}

}  // namespace

DrillReport DiskErrors(const DrillSettings& settings) {
  DrillReport report;
  const Script script = Prepare(settings, &report);
  const std::string path = settings.scratch + "/lib";
  std::uint64_t errors = 0, silent = 0, last = 0;
  for (const auto kind : {FaultFs::Kind::kIoError, FaultFs::Kind::kNoSpace}) {
    for (const bool sticky : {false, true}) {
      // Every operation until the script needs fewer; with `runs`, so many spread over them.
      std::uint64_t stride = 1;
      for (std::uint64_t at = 1; report.problems.empty(); at += stride) {
        const std::string where = std::string(kind == FaultFs::Kind::kNoSpace ? "ENOSPC" : "EIO") +
                                  (sticky ? " from" : " at") + " operation " + std::to_string(at);
        std::ofstream(settings.scratch + "/now") << where << "\n";  // for whoever finds it hanging
        fs::remove_all(path);
        fs::copy(script.base(), path, fs::copy_options::recursive);
        const auto disk = std::make_shared<FaultFs>();
        disk->CountReads();
        disk->FailAt(at, kind, sticky);
        Outcome outcome = script.Run(path, disk);
        if (!disk->failed() && at > disk->operations()) break;  // past the end
        last = std::max(last, disk->operations());
        if (settings.runs != 0) stride = std::max<std::uint64_t>(1, 4 * last / settings.runs);
        ++report.runs;
        report.acknowledged += outcome.acknowledged;
        errors += outcome.errors > 0 ? 1 : 0;
        silent += outcome.errors == 0 ? 1 : 0;
        report.Add(where, outcome.wrong);
        script.Check(path, where, &outcome, &report);
      }
    }
  }
  report.note = "about " + std::to_string(last) + " operations; " + std::to_string(errors) +
                " faults were errors, " + std::to_string(silent) + " did not show";
  if (errors < report.runs / 4) report.Fail("too few faults were felt: " + report.note);
  return report;
}

}  // namespace espy::testing
