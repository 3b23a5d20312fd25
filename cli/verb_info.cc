#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

// What the space is to the library, where that needs saying.
std::string StateOf(const LibraryInfo& info, const SpaceInfo& space) {
  const std::string lacks =
      space.missing == 0 ? "" : ", " + FormatCount(space.missing) + " missing";
  if (space.state == "migrating") {
    return ", migrating " +
           std::to_string(info.items == 0 ? 100 : space.vectors * 100 / info.items) + " %";
  }
  if (space.state == "fed") return ", retired, fed" + lacks;
  if (space.state == "retired" || info.spaces.size() > 1) return ", " + space.state + lacks;
  return lacks;
}

void PrintInfo(Session* session, const LibraryInfo& info) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  const auto add = [&table](const char* name, const std::string& value) {
    table.Add({name, EscapeForTerminal(value)});
  };
  add("library", info.path + " (format " + std::to_string(info.format_version) + ", change " +
                     FormatCount(info.seq) + ")");
  add("items", FormatCount(info.items) + " in " + Plural(info.paths, "path") + ", " +
                   FormatBytes(info.picture_bytes) + " of pictures");
  add("disk", FormatBytes(info.disk_bytes) +
                  (info.disk_quota == 0 ? "" : " of " + FormatBytes(info.disk_quota)) +
                  (info.auto_compact ? "" : ", given back by `espy compact` alone"));
  if (info.memory_budget != 0) {
    add("memory", FormatBytes(info.memory_bytes) + " of " + FormatBytes(info.memory_budget));
  }
  add("failures",
      info.failures == 0 ? "none" : FormatCount(info.failures) + " (espy failures says why)");
  for (const SpaceInfo& space : info.spaces) {
    add("space", space.model + ", " + std::to_string(space.dimension) + " x " + space.dtype + ", " +
                     Plural(space.vectors, "vector") + StateOf(info, space));
    if (info.spaces.size() > 1) add("", "number " + std::to_string(space.number) + ", " + space.id);
    if (space.by_thumbnail > 0) {
      add("", FormatCount(space.by_thumbnail) + " of them of thumbnails kept here");
    }
    if (space.adapter.trained_unix != 0) {
      add("adapter", "of phrases, from " + FormatCount(space.adapter.pairs) +
                         " tags and captions; rank " + FormatFixed(space.adapter.before, 2) +
                         " to " + FormatFixed(space.adapter.after, 2) + " on " +
                         FormatCount(space.adapter.held_out) + " held out");
    }
    if (space.state != "current" && space.sealed_segments + space.growing == 0) continue;
    add("index", (space.index.empty() || space.index == "auto" ? "" : space.index + ", ") +
                     Plural(space.sealed_segments, "sealed segment") + ", " +
                     FormatCount(space.growing) + " growing, " + FormatCount(space.tombstones) +
                     " dead");
    if (space.recall_searches > 0) {
      add("recall", RecallLine(space) + "; target " + FormatFixed(info.recall_target, 3) +
                        ", effort " + std::to_string(space.effort));
    }
    if (space.recall_at_10 >= 0) {
      add("recall", FormatFixed(space.recall_at_10, 4) + " at 10, against exact search");
    }
  }
  if (info.text.items > 0 || info.text.behind > 0) {
    add("text",
        FormatCount(info.text.words) + " words, " + info.text.language + ", " +
            FormatBytes(info.text.bytes) +
            (info.text.behind == 0 ? ""
                                   : "; " + Plural(info.text.behind, "change") + " to follow"));
  }
  add("device", info.device);
  if (!info.search_device.empty())
    add("search", "large segments exactly, on " + info.search_device);
  session->out.Write(table.Format());
}

Outcome Info(Session* session, bool recall) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<LibraryInfo> info = (*library)->Info(recall);
  if (!info.ok()) return info.status();
  if (session->json) {
    session->out.Line(ToLine(LibraryInfoToJson(*info)));
  } else {
    PrintInfo(session, *info);
  }
  return kDone;
}

}  // namespace

void AddInfo(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "info", "what the library holds, and how", "");
  auto recall = std::make_shared<bool>(false);
  AddSwitch(verb, "--recall", recall.get(),
            "also measure the index against exact search (seconds)");
  Runs(verb, session, [session, recall] { return Info(session, *recall); });
}

}  // namespace espy::cli
