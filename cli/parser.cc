#include "cli/parser.h"

#include <algorithm>

#include "cli/flags.h"
#include "cli/verbs.h"
#include "espy/model.h"

namespace espy::cli {
namespace {

void DropEnvironment(CLI::App* app) {
  for (CLI::Option* option : app->get_options()) option->envname("");
  for (CLI::App* verb : app->get_subcommands([](CLI::App*) { return true; })) DropEnvironment(verb);
}

// The flags -L, --json, --no-progress, -q, -v; on the program itself and on each verb, so that
// their place is free. Variables stand for them on the program only, where what was typed comes
// later and wins.
void AddCommonFlags(CLI::App* app, Session* session, bool with_environment) {
  CLI::Option* const flags[] = {
      AddText(app, "-L,--library", "DIR", &session->library,
              "the library (otherwise the nearest .espy upward)"),
      AddSwitch(app, "--json", &session->json, "answer with one JSON object a line"),
      AddSwitch(app, "--no-progress", &session->no_progress, "no progress on stderr"),
      AddSwitch(app, "-q,--quiet", &session->quiet, "nothing on stderr but errors"),
      AddSwitch(app, "-v,--verbose", &session->verbose, "more on stderr: how, and how long"),
  };
  for (CLI::Option* flag : flags) {
    flag->group("Common");
    if (!with_environment) flag->envname("");
  }
}

}  // namespace

CLI::App* AddVerb(CLI::App* program, Session* session, const std::string& name,
                  const std::string& description, const std::string& notes) {
  CLI::App* verb = program->add_subcommand(name, description);
  verb->footer(notes);
  verb->set_help_flag("-h,--help", "this help");
  AddCommonFlags(verb, session, /*with_environment=*/false);
  return verb;
}

void Runs(CLI::App* verb, Session* session, std::function<Outcome()> run) {
  verb->callback([session, run = std::move(run)] { session->run = run; });
}

void RequireVerbBelow(CLI::App* verb) { verb->require_subcommand(1); }

std::unique_ptr<CLI::App> BuildParser(Session* session) {
  auto program =
      std::make_unique<CLI::App>("An image search database: ask your pictures in words.", "espy");
  session->parser = program.get();
  program->require_subcommand(1);
  program->set_help_flag("-h,--help", "this help");
  program->set_version_flag("--version", "espy " + Version(), "the program's version");
  AddCommonFlags(program.get(), session, /*with_environment=*/true);
  AddIngest(program.get(), session);
  AddSearch(program.get(), session);
  AddSimilar(program.get(), session);
  AddDuplicates(program.get(), session);
  AddGet(program.get(), session);
  AddTag(program.get(), session);
  AddTags(program.get(), session);
  AddSet(program.get(), session);
  AddCaption(program.get(), session);
  AddFeedback(program.get(), session);
  AddLearn(program.get(), session);
  AddPolicy(program.get(), session);
  AddForget(program.get(), session);
  AddInfo(program.get(), session);
  AddRecall(program.get(), session);
  AddFailures(program.get(), session);
  AddVerify(program.get(), session);
  AddRebuild(program.get(), session);
  AddCompact(program.get(), session);
  AddTrain(program.get(), session);
  AddImport(program.get(), session);
  AddExport(program.get(), session);
  AddBackup(program.get(), session);
  AddRestore(program.get(), session);
  AddModelVerbs(program.get(), session);
  AddBench(program.get(), session);
  AddHelp(program.get(), session);
  AddCompletion(program.get(), session);
  AddVersion(program.get(), session);
  return program;
}

std::vector<std::string> VerbNames(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* verb : VerbsOf(program)) {
    names.push_back(verb->get_name());
    for (const std::string& below : VerbNames(*verb)) names.push_back(below);
  }
  return names;
}

void KeepEnvironmentFor(CLI::App* program, const std::string& verb) {
  for (CLI::App* other : program->get_subcommands([](CLI::App*) { return true; })) {
    if (other->get_name() != verb) DropEnvironment(other);
  }
}

std::vector<FlagFacts> FlagsOf(const CLI::App& app) {
  std::vector<FlagFacts> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) continue;
    FlagFacts facts;
    for (const std::string& name : option->get_snames()) facts.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) facts.names.push_back("--" + name);
    const bool takes_value = option->get_items_expected_max() > 0;
    if (takes_value) facts.value_name = option->get_type_name();
    // A check appends what it allows ("RULE:{a,b}"); the description says it already.
    facts.value_name = facts.value_name.substr(0, facts.value_name.find_first_of(": "));
    facts.description = option->get_description();
    facts.common = option->get_group() == "Common" || option == app.get_help_ptr();
    const std::string& last = facts.names.back();
    if (last != "--help" && last != "--version") facts.variable = EnvironmentName(last);
    flags.push_back(std::move(facts));
  }
  return flags;
}

std::vector<ArgumentFacts> ArgumentsOf(const CLI::App& app) {
  std::vector<ArgumentFacts> arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) continue;
    arguments.push_back({option->get_name(true), option->get_description(), option->get_required(),
                         option->get_items_expected_max() > 1});
  }
  return arguments;
}

std::vector<const CLI::App*> VerbsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string UsageOf(const CLI::App& verb) {
  std::string usage = verb.get_name();
  for (const CLI::App* above = verb.get_parent(); above != nullptr; above = above->get_parent()) {
    usage = above->get_name() + " " + usage;
  }
  if (!VerbsOf(verb).empty()) usage += " VERB";
  for (const ArgumentFacts& argument : ArgumentsOf(verb)) {
    const std::string name = argument.name + (argument.several ? "..." : "");
    usage += argument.required ? " " + name : " [" + name + "]";
  }
  return usage;
}

}  // namespace espy::cli
