#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

void PrintRecord(Session* session, const Record& record) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  const auto add = [&table](const char* name, const std::string& value) {
    if (!value.empty()) table.Add({name, EscapeForTerminal(value)});
  };
  add("id", FormatItemId(record.id));
  for (const std::string& path : record.paths) add("path", path);
  add("format", record.format);
  add("size", std::to_string(record.width) + "x" + std::to_string(record.height) + ", " +
                  FormatBytes(record.file_bytes));
  if (record.pixels_from == PixelSource::kImported) add("seen as", "an imported vector");
  if (record.pixels_from == PixelSource::kThumbnail) add("seen as", "its embedded thumbnail");
  const auto spaces = [](const std::vector<std::uint32_t>& numbers) {
    std::string text;
    for (const std::uint32_t number : numbers) {
      text += (text.empty() ? "space " : ", ") + std::to_string(number);
    }
    return text;
  };
  if (!record.spaces_by_thumbnail.empty()) {
    add("by thumbnail", "in " + spaces(record.spaces_by_thumbnail) + " (espy info lists them)");
  }
  if (!record.spaces_without.empty()) {
    add("no vector", "in " + spaces(record.spaces_without) + " (espy failures says why)");
  }
  if (record.taken_unix) add("taken", FormatDate(*record.taken_unix));
  add("modified", FormatDate(record.modified_unix));
  add("added", FormatDate(record.added_unix));
  add("camera", record.camera);
  if (record.place) {
    add("place",
        FormatFixed(record.place->latitude, 6) + ", " + FormatFixed(record.place->longitude, 6));
  }
  std::string tags;
  for (const std::string& tag : record.tags) tags += (tags.empty() ? "" : ", ") + tag;
  add("tags", tags);
  add("caption", record.caption);
  if (const auto& generated = record.generated_caption) {
    add("by model", generated->text + " (" + generated->model + ", " +
                        FormatFixed(100 * generated->confidence, 0) + " % sure" +
                        (generated->searched ? ")" : ", not searched)"));
  }
  for (const auto& [name, value] : record.fields) {
    table.Add({"field." + name, EscapeForTerminal(FormatFieldValue(value))});
  }
  add("content", FormatContentHash(record.content_hash));
  session->out.Write(table.Format());
}

Outcome Get(Session* session, const std::vector<std::string>& targets) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  bool first = true;
  for (const std::string& target : targets) {
    const Result<Record> record = (*library)->Find(target);
    if (!record.ok()) return record.status();
    if (session->json) {
      session->out.Line(ToLine(RecordToJson(*record)));
    } else {
      if (!first) session->out.Line("");
      PrintRecord(session, *record);
    }
    first = false;
  }
  return kDone;
}

}  // namespace

void AddGet(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "get", "what the library holds about a picture", R"(Examples:
  espy get ./dog.jpg
  espy get 00f3a1b2c3d4e5f6 --json
)");
  auto targets = std::make_shared<std::vector<std::string>>();
  AddWords(verb, "PATH|ID", targets.get(), "pictures of the library, by path or by id",
           Need::kRequired);
  Runs(verb, session, [session, targets] { return Get(session, *targets); });
}

}  // namespace espy::cli
