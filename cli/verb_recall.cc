// recall: how much of what there is to find the index finds, and how much it is to.
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct RecallFlags {
  double target = std::numeric_limits<double>::quiet_NaN();  // NaN: as it is
  bool measure = false;
};

Outcome Recall(Session* session, const RecallFlags& flags) {
  const bool sets = !std::isnan(flags.target);
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, sets ? Access::kWrite : Access::kRead);
  if (!library.ok()) return library.status();
  if (sets) {
    if (Status status = (*library)->SetRecallTarget(flags.target); !status.ok()) return status;
  }
  const Result<LibraryInfo> info = (*library)->Info(flags.measure);
  if (!info.ok()) return info.status();
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.Add({"target", FormatFixed(info->recall_target, 4) + " of the ten nearest"});
  for (const SpaceInfo& space : info->spaces) {
    if (session->json) {
      Json line;
      line["number"] = space.number;
      line["model"] = space.model;
      line["state"] = space.state;
      SetRecall(&line, space);
      line["recall_target"] = info->recall_target;
      session->out.Line(ToLine(line));
      continue;
    }
    table.Add({"space", EscapeForTerminal(space.model) + ", " + space.state});
    table.Add({"effort", std::to_string(space.effort) + " rows looked for to answer with ten"});
    table.Add({"searches", RecallLine(space)});
    if (space.recall_at_10 >= 0) {
      table.Add(
          {"now", FormatFixed(space.recall_at_10, 4) + " for pictures of the library itself"});
    }
  }
  if (!session->json) session->out.Write(table.Format());
  return kDone;
}

}  // namespace

std::string RecallLine(const SpaceInfo& space) {
  if (space.recall_searches == 0) return "none measured yet";
  return FormatFixed(space.recall_live, 3) + " (" + FormatFixed(space.recall_low, 3) + " to " +
         FormatFixed(space.recall_high, 3) + ") at 10, over " + FormatCount(space.recall_searches) +
         (space.recall_searches == 1 ? " search" : " searches");
}

void AddRecall(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "recall", "how well the index finds, and how well it should", R"(
A program that keeps a library open for writing makes one search in a hundred again, exactly, while nothing else goes on
(OpenOptions::recall_share). From that the share of the ten nearest that the index finds is known, with an interval that
holds the truth 19 times in 20, and the index looks harder or less hard so that it holds the target. The commands' own
searches open the library for reading: they use the effort, and measure nothing.
)");
  auto flags = std::make_shared<RecallFlags>();
  AddNumber(verb, "--target", &flags->target, 0.5, 0.9999,
            "the share of the ten nearest that is to be found (0.98)");
  AddSwitch(verb, "--measure", &flags->measure,
            "also compare with exact search now, for pictures of the library (seconds)");
  Runs(verb, session, [session, flags] { return Recall(session, *flags); });
}

}  // namespace espy::cli
