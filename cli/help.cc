#include "cli/help.h"

#include <vector>

#include "cli/output.h"
#include "cli/parser.h"

namespace espy::cli {
namespace {

std::string FlagColumn(const FlagFacts& flag) {
  std::string text;
  for (const std::string& name : flag.names) text += (text.empty() ? "" : ", ") + name;
  // A lone long name stands under the other long names.
  if (flag.names.size() == 1 && flag.names[0].rfind("--", 0) == 0) text = "    " + text;
  return "  " + text + (flag.value_name.empty() ? "" : " " + flag.value_name);
}

std::string FlagTable(const CLI::App& app, bool common) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  for (const FlagFacts& flag : FlagsOf(app)) {
    if (flag.common == common) table.Add({FlagColumn(flag), flag.description});
  }
  return table.Format();
}

std::string VerbTable(const CLI::App& app) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  for (const CLI::App* verb : VerbsOf(app)) {
    table.Add({"  " + verb->get_name(), verb->get_description()});
  }
  return table.Format();
}

}  // namespace

std::string HelpText(const CLI::App& app) {
  const bool is_program = app.get_parent() == nullptr;
  std::string text;
  if (is_program) {
    text = "Usage: espy VERB ...\n\n" + app.get_description() + "\n";
  } else {
    text = "Usage: " + UsageOf(app) + " [FLAG...]\n\n";
    std::string description = app.get_description();
    description[0] = static_cast<char>(std::toupper(description[0]));
    text += description + ".\n";
  }
  if (!VerbsOf(app).empty()) text += "\nVerbs:\n" + VerbTable(app);
  Table arguments({Table::Align::kLeft, Table::Align::kLeft});
  for (const ArgumentFacts& argument : ArgumentsOf(app)) {
    arguments.Add({"  " + argument.name, argument.description});
  }
  if (const std::string rows = arguments.Format(); !rows.empty()) text += "\n" + rows;
  if (const std::string flags = FlagTable(app, false); !flags.empty()) text += "\nFlags:\n" + flags;
  text += "\nCommon flags:\n" + FlagTable(app, true);
  text +=
      "\nEach flag has a variable: $ESPY_LIBRARY for --library, $ESPY_DRY_RUN=1 for --dry-run.\n";
  if (is_program) {
    text +=
        "espy help VERB tells more. Exit code: 0 done, 1 no hit or some files failed, 2 wrong use "
        "or a failure.\n";
  }
  std::string notes = app.get_footer();
  notes.erase(0, notes.find_first_not_of('\n'));
  if (!notes.empty()) text += "\n" + notes;
  return text;
}

}  // namespace espy::cli
