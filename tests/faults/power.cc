// Power cuts at a random operation of the disk, in the midst of transactions, of sealing and
// merging, of flushes and compactions: everything acknowledged is there, of the change under way
// all or nothing, and what the disk tore off behind it is no reason to refuse.
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/faults/drill.h"
#include "tests/faults/fault_fs.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostSteps = 40;
constexpr std::uint64_t kMostOperations = 600;

// One library that lives through many cuts.
class Life {
 public:
  explicit Life(const DrillSettings& settings)
      : settings_(settings),
        random_(settings.seed),
        library_(settings.scratch + "/lib"),
        disk_(std::make_shared<FaultFs>(settings.scratch + "/attic")) {}

  // Opens, lives until the power goes, and drops what was not synced.
  void Cut(DrillReport* report, Durability durability = Durability::kSync) {
    const std::string acked_before = ReadMark();
    states_ = {world_};
    OpenOptions options = DrillOptions(settings_.model);
    options.durability = durability;
    // For the control, a life without what writes files out by the way.
    const bool syncs = durability == Durability::kSync;
    if (syncs && random_() % 8 != 0) disk_->CutAt(1 + random_() % kMostOperations);
    LibraryHooks hooks = SmallHooks(disk_);
    if (!syncs) hooks.storage.write_buffer_bytes = 0;
    auto library = OpenWithHooks(library_, options, hooks);
    const std::uint64_t steps = syncs ? random_() % kMostSteps : 1 + random_() % 15;
    for (std::uint64_t i = 0; library.ok() && i < steps; ++i) {
      const Step step = DrawStep(settings_.seed, step_++, world_, syncs ? 4 : 0);
      const Status done = ApplyStep(step, world_, **library);
      if (!done.ok()) {
        World after = world_;
        ApplyStep(step, &after);
        states_.push_back(std::move(after));
        if (!disk_->failed()) report->Fail("without a cut: " + done.message());
        break;
      }
      if (!step.edits.empty()) ++report->acknowledged;
      ApplyStep(step, &world_);
      states_ = {world_};
    }
    if (!library.ok() && !disk_->failed()) report->Fail(library.status().message());
    disk_->Cut();
    if (library.ok()) library->reset();
    disk_->DropUnsynced(syncs ? &random_
                              : nullptr);  // the control's disk keeps no more than it must
    DropMark(acked_before);
    ++report->runs;
  }

  // Opens what is left, and compares it with the model.
  void Check(DrillReport* report) {
    const std::string where = "cut " + std::to_string(report->runs);
    auto library = OpenWithHooks(library_, DrillOptions(settings_.model), SmallHooks(disk_));
    if (!library.ok()) {
      ++report->refused;
      return report->Fail(where + ": " + library.status().message());
    }
    const int state = Recognise(**library, states_);
    if (state >= 0) world_ = states_[static_cast<std::size_t>(state)];
    report->Add(where, Compare(**library, world_, random_()));
    // Nothing more is written: the next life begins with what this one found.
    disk_->Cut();
    library->reset();
    disk_->DropUnsynced();
  }

  // For the control: how many acknowledged items are gone.
  std::uint64_t Lost() {
    auto library = OpenWithHooks(library_, DrillOptions(settings_.model), SmallHooks(disk_));
    if (!library.ok()) return 0;
    std::uint64_t lost = 0;
    for (const auto& [id, item] : world_.items) lost += (*library)->Get(id).ok() ? 0 : 1;
    return lost;
  }

  // Cuts at the first, second, ... operation of opening, until an opening needs fewer.
  void CutOpenings(DrillReport* report) {
    for (std::uint64_t at = 1;; ++at) {
      disk_->CutAt(at);
      auto library = OpenWithHooks(library_, DrillOptions(settings_.model), SmallHooks(disk_));
      const bool cut = disk_->failed();
      disk_->Cut();
      if (library.ok()) library->reset();
      disk_->DropUnsynced(&random_);
      if (!cut) return;
      ++report->runs;
    }
  }

 private:
  std::string ReadMark() const {
    std::ifstream file(library_ + "/ACKED", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // ACKED is written without a sync: a cut may leave what it said before.
  void DropMark(const std::string& before) {
    if (random_() % 4 == 0 && !before.empty()) {
      std::ofstream(library_ + "/ACKED", std::ios::binary) << before;
    }
  }

  const DrillSettings& settings_;
  std::mt19937_64 random_;
  const std::string library_;
  const std::shared_ptr<FaultFs> disk_;
  World world_;
  std::vector<World> states_;  // what may be found: all acknowledged, or one change more
  std::uint64_t step_ = 0;
};

}  // namespace

DrillReport PowerCuts(const DrillSettings& settings) {
  DrillReport report;
  Life life(settings);
  while (report.runs < settings.runs && report.problems.empty()) {
    life.Cut(&report);
    life.Check(&report);
  }
  return report;
}

// The test of the test: a library that does not sync loses acknowledged items in a cut. Here lost
// ones are what must be found.
DrillReport UnsyncedControl(const DrillSettings& settings) {
  DrillReport report;
  std::uint64_t losing = 0, lost = 0;
  for (std::uint64_t i = 0; i < settings.runs; ++i) {
    DrillSettings one = settings;
    one.seed = Mix(settings.seed, i);
    one.scratch = settings.scratch + "/" + std::to_string(i);
    fs::create_directories(one.scratch);
    Life life(one);
    life.Cut(&report, Durability::kAsync);
    const std::uint64_t gone = life.Lost();
    lost += gone;
    losing += gone > 0 ? 1 : 0;
    fs::remove_all(one.scratch);
  }
  report.note = "without syncing " + std::to_string(losing) + " of " + std::to_string(report.runs) +
                " cuts lost " + std::to_string(lost) + " acknowledged items, as they must";
  if (losing * 4 < settings.runs * 3) report.Fail("the control lost too little: " + report.note);
  return report;
}

DrillReport CutsInRecovery(const DrillSettings& settings) {
  DrillReport report;
  for (std::uint64_t i = 0; report.runs < settings.runs && report.problems.empty(); ++i) {
    DrillSettings one = settings;
    one.seed = Mix(settings.seed, i);
    one.scratch = settings.scratch + "/" + std::to_string(i);
    fs::create_directories(one.scratch);
    Life life(one);
    DrillReport lives;
    for (int lived = 0; lived < 3; ++lived) life.Cut(&lives);
    life.CutOpenings(&report);
    life.Check(&report);
    report.acknowledged += lives.acknowledged;
    report.Add("before", lives.problems);
    fs::remove_all(one.scratch);
  }
  return report;
}

}  // namespace espy::testing
