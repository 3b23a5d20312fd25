#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct DuplicatesFlags {
  std::string keep = "largest";
  bool exact_only = false;
  std::int64_t max_distance = 6;
  double min_cosine = 0.95;
  bool others = false;
  bool nul = false;
};

struct Copy {
  std::string path;
  const Record* record;
};

// Every file of a group, the one to keep first.
std::vector<Copy> CopiesOf(const DuplicateGroup& group) {
  std::vector<Copy> copies;
  for (const Record& record : group.records) {
    for (const std::string& path : record.paths) copies.push_back({path, &record});
  }
  return copies;
}

void PrintGroup(Session* session, const DuplicateGroup& group) {
  session->out.Line(session->out.Bold(group.exact ? "same bytes" : "look the same"));
  Table table(
      {Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight, Table::Align::kLeft});
  const char* mark = "  keep";
  for (const Copy& copy : CopiesOf(group)) {
    table.Add({mark, std::to_string(copy.record->width) + "x" + std::to_string(copy.record->height),
               FormatBytes(copy.record->file_bytes), EscapeForTerminal(copy.path)});
    mark = "      ";
  }
  session->out.Write(table.Format());
}

Json GroupToJson(const DuplicateGroup& group) {
  Json out;
  out["exact"] = group.exact;
  Json records = Json::array();
  for (const Record& record : group.records) records.push_back(RecordToJson(record));
  out["records"] = std::move(records);
  return out;
}

Outcome Duplicates(Session* session, const DuplicatesFlags& flags) {
  if (session->json && (flags.others || flags.nul)) {
    return Status::InvalidArgument(
        "duplicates: --json and --others (or -0) exclude each other; give one of them");
  }
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  DuplicateOptions options;
  options.near = !flags.exact_only;
  options.max_hash_distance = static_cast<int>(flags.max_distance);
  options.min_cosine = static_cast<float>(flags.min_cosine);
  options.keep = flags.keep;
  const Result<std::vector<DuplicateGroup>> groups = (*library)->Duplicates(options);
  if (!groups.ok()) return groups.status();
  std::set<std::string>
      printed;  // a group of near copies names the exact copies of its members too
  for (const DuplicateGroup& group : *groups) {
    if (session->json) {
      session->out.Line(ToLine(GroupToJson(group)));
    } else if (flags.others || flags.nul) {
      const std::vector<Copy> copies = CopiesOf(group);
      for (std::size_t i = 1; i < copies.size(); ++i) {
        if (printed.insert(copies[i].path).second) session->out.Path(copies[i].path, flags.nul);
      }
    } else {
      PrintGroup(session, group);
    }
  }
  session->Say("espy: " + Plural(groups->size(), "group"));
  return groups->empty() ? kNothing : kDone;
}

}  // namespace

void AddDuplicates(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "duplicates", "groups of exact and near copies", R"(Examples:
  espy duplicates
  espy duplicates --keep oldest --json
  espy duplicates --exact-only --others -0 | xargs -0 rm --

Nothing is changed. The first of each group is the one that --keep chooses. Exit code 1: no copies.
)");
  auto flags = std::make_shared<DuplicatesFlags>();
  AddText(verb, "--keep", "RULE", &flags->keep,
          "which one stands first: largest, oldest, newest or shortest-path (largest)",
          {"largest", "oldest", "newest", "shortest-path"});
  AddSwitch(verb, "--exact-only", &flags->exact_only, "only files with the same bytes");
  AddInteger(verb, "--max-distance", &flags->max_distance, 0, 32,
             "bits of 64 in which near copies' perceptual hashes may differ (6)");
  AddNumber(verb, "--min-cosine", &flags->min_cosine, -1, 1,
            "how well near copies' vectors agree at least (0.95)");
  AddSwitch(verb, "--others", &flags->others, "print only the paths that need not be kept");
  AddSwitch(verb, "-0,--null", &flags->nul, "the same, each ended by NUL (for xargs -0)");
  Runs(verb, session, [session, flags] { return Duplicates(session, *flags); });
}

}  // namespace espy::cli
