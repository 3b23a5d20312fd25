// The same questions before and after: a library that is closed and opened, copied by a backup and
// brought back, or rebuilt answers them with the same ids and the same bits of scores.
#include <bit>
#include <filesystem>

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

}  // namespace

DrillReport Restarts(const DrillSettings& settings) {
  DrillReport report;
  for (std::uint64_t i = 0; i < settings.runs && report.problems.empty(); ++i) {
    const std::uint64_t seed = Mix(settings.seed, i);
    const std::string path = settings.scratch + "/" + std::to_string(i);
    const std::string where = "library " + std::to_string(i);
    const auto open = [&] {
      auto library = OpenWithHooks(path, DrillOptions(settings.model), SmallHooks());
      if (!library.ok()) report.Fail(where + ": " + library.status().message());
      return library;
    };
    std::vector<Answer> exact, indexed;
    World world;
    {
      auto library = open();
      if (!library.ok()) return report;
      for (std::uint64_t n = 0; n < kSteps; ++n) {
        const Step step = DrawStep(seed, n, world);
        if (const Status done = ApplyStep(step, world, **library); !done.ok()) {
          report.Fail(where + ": " + done.message());
        }
        if (!step.edits.empty()) ++report.acknowledged;
        ApplyStep(step, &world);
      }
      // The builder's work is part of what answers by an index depend on: it is let finish.
      if (const Status built = (*library)->WaitForBackground(); !built.ok()) {
        report.Fail(where + ": " + built.message());
      }
      exact = Ask(**library, seed, true, &report);
      indexed = Ask(**library, seed, false, &report);
    }
    const auto same = [&](const std::string& after, bool by_index) {
      auto library = open();
      if (!library.ok()) return;
      if (Ask(**library, seed, true, &report) != exact) {
        report.Fail(where + ": other exact answers after " + after);
      }
      if (by_index && Ask(**library, seed, false, &report) != indexed) {
        report.Fail(where + ": other answers after " + after);
      }
      ++report.runs;
    };
    same("a restart", true);
    same("another restart", true);
    {
      auto library = open();
      if (library.ok() && !(*library)->Rebuild().ok()) report.Fail(where + ": rebuild failed");
    }
    same("a rebuild", false);  // its segments are others, and so are the graphs
    std::filesystem::remove_all(path);
  }
  report.note = std::to_string(kQuestions) + " questions each, exactly and by the index";
  return report;
}

}  // namespace espy::testing
