// The same questions before and after: a library that is closed and opened, copied by a backup and
// brought back, or rebuilt answers them with the same ids and the same bits of scores.
#include <bit>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espy/backup.h"
#include "tests/faults/drill.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

constexpr std::uint64_t kSteps = 60, kQuestions = 40;

using Answer = std::vector<std::pair<ItemId, std::uint32_t>>;

std::vector<Answer> Ask(Library& library, std::uint64_t seed, bool exact, DrillReport* report) {
  std::vector<Answer> answers;
  for (std::uint64_t n = 0; n < kQuestions; ++n) {
    Query query;
    query.terms.emplace_back();
    query.terms[0].kind = QueryTerm::Kind::kVector;
    query.terms[0].vector = QueryVector(seed, n);
    SearchOptions options;
    options.k = 20;
    options.exact = exact;
    if (n % 4 == 3) options.where = "width > 680";
    const auto found = library.Search(query, options);
    if (!found.ok()) report->Fail(found.status().message());
    Answer& answer = answers.emplace_back();
    for (std::size_t i = 0; found.ok() && i < found->hits.size(); ++i) {
      answer.emplace_back(found->hits[i].id, std::bit_cast<std::uint32_t>(found->hits[i].score));
    }
  }
  return answers;
}

// One library's life, and what it answered at the moments that are gone back to.
class Life {
 public:
  Life(const DrillSettings& settings, std::uint64_t i, DrillReport* report)
      : settings_(settings),
        seed_(Mix(settings.seed, i)),
        path_(settings.scratch + "/" + std::to_string(i)),
        where_("library " + std::to_string(i) + ": "),
        report_(report) {}
  ~Life() {
    for (const std::string& path : {path_, Restored(), Backups()}) {
      std::filesystem::remove_all(path);
    }
  }

  void Run() {
    const Answers early = Go();
    Same(path_, "a restart", early, true);
    Same(path_, "another restart", early, true);
    const Answers late = Go();
    Restore(1, early);  // the library has gone on since
    Restore(2, late);
    Same(path_, "backups", late, true);
    if (const auto library = Open(path_); library && !library->Rebuild().ok()) {
      Fail("rebuild failed");
    }
    Same(path_, "a rebuild", late, false);  // its segments are others, and so are the graphs
  }

 private:
  struct Answers {
    std::vector<Answer> exact, indexed;
  };
  std::string Backups() const { return path_ + ".backups"; }
  std::string Restored() const { return path_ + ".restored"; }
  void Fail(const std::string& what) { report_->Fail(where_ + what); }

  std::unique_ptr<Library> Open(const std::string& path) {
    auto library = OpenWithHooks(path, DrillOptions(settings_.model), SmallHooks());
    if (!library.ok()) Fail(library.status().message());
    return library.ok() ? std::move(*library) : nullptr;
  }

  // Some steps, and a backup while the library is open.
  Answers Go() {
    Answers answers;
    const auto library = Open(path_);
    if (!library) return answers;
    for (const std::uint64_t end = step_ + kSteps; step_ < end; ++step_) {
      const Step step = DrawStep(seed_, step_, world_);
      if (const Status done = ApplyStep(step, world_, *library); !done.ok()) Fail(done.message());
      if (!step.edits.empty()) ++report_->acknowledged;
      ApplyStep(step, &world_);
    }
    // The builder's work is part of what answers by an index depend on: it is let finish.
    if (const Status built = library->WaitForBackground(); !built.ok()) Fail(built.message());
    answers.exact = Ask(*library, seed_, true, report_);
    answers.indexed = Ask(*library, seed_, false, report_);
    const auto backup = library->Backup({.directory = Backups()});
    if (!backup.ok()) Fail(backup.status().message());
    return answers;
  }

  void Same(const std::string& path, const std::string& after, const Answers& before,
            bool by_index) {
    const auto library = Open(path);
    if (!library) return;
    if (Ask(*library, seed_, true, report_) != before.exact)
      Fail("other exact answers after " + after);
    if (by_index && Ask(*library, seed_, false, report_) != before.indexed) {
      Fail("other answers after " + after);
    }
    ++report_->runs;
  }

  void Restore(std::uint32_t generation, const Answers& before) {
    const auto restored = RestoreBackup({.directory = Backups(),
                                         .library = Restored(),
                                         .generation = generation,
                                         .overwrite = true});
    if (!restored.ok()) return Fail(restored.status().message());
    Same(Restored(), "a restore", before, true);
  }

  const DrillSettings& settings_;
  const std::uint64_t seed_;
  const std::string path_, where_;
  DrillReport* const report_;
  World world_;
  std::uint64_t step_ = 0;
};

}  // namespace

DrillReport Restarts(const DrillSettings& settings) {
  DrillReport report;
  for (std::uint64_t i = 0; i < settings.runs && report.problems.empty(); ++i) {
    Life(settings, i, &report).Run();
  }
  report.note = std::to_string(kQuestions) + " questions each, exactly and by the index";
  return report;
}

}  // namespace espy::testing
