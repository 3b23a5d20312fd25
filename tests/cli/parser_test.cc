// What was typed, as the verbs get it; and help, manual page and completions against the parser
// they are read from.
#include "cli/parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/completion.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "tests/support/temp_dir.h"

namespace espy::cli {
namespace {

using Words = std::vector<std::string>;

// The values that reach a verb with one list of words and the flags -k, --where and --min-score.
struct Typed {
  Words words;
  std::int64_t k = 10;
  double min_score = 0;
  std::string where;
  bool nul = false;
};

Typed Parse(const std::string& verb_name, const Words& arguments) {
  Typed typed;
  CLI::App program;
  program.require_subcommand(1);
  CLI::App* verb = program.add_subcommand(verb_name);
  program.add_subcommand("info");
  AddWords(verb, "WORD", &typed.words, "");
  AddInteger(verb, "-k", &typed.k, 1, 100, "");
  AddNumber(verb, "--min-score", &typed.min_score, -1, 1, "");
  AddText(verb, "--where", "EXPR", &typed.where, "");
  AddSwitch(verb, "-0,--null", &typed.nul, "");
  Words line = {verb_name};
  line.insert(line.end(), arguments.begin(), arguments.end());
  ProtectedArguments safe = Protect(line, {verb_name, "info"});
  EXPECT_EQ(safe.verb, verb_name);
  std::reverse(safe.arguments.begin(), safe.arguments.end());
  program.parse(safe.arguments);
  return typed;
}

TEST(Arguments, OperatorsAndDashedTermsOfAQueryArriveAsTyped) {
  EXPECT_EQ(Parse("search", {"a", "+", "b", "-", "c"}).words, (Words{"a", "+", "b", "-", "c"}));
  EXPECT_EQ(Parse("search", {"2:snow", "-0.5:car", "-night"}).words,
            (Words{"2:snow", "-0.5:car", "-night"}));
}

TEST(Arguments, FlagsMayStandAmongTheTerms) {
  const Typed typed = Parse("search", {"dog", "-k", "3", "-0", "-", "cat", "--min-score", "-.5"});
  EXPECT_EQ(typed.words, (Words{"dog", "-", "cat"}));
  EXPECT_EQ(typed.k, 3);
  EXPECT_TRUE(typed.nul);
  EXPECT_DOUBLE_EQ(typed.min_score, -0.5);
}

TEST(Arguments, WordsThatLookLikeVerbsOrListsAreWords) {
  EXPECT_EQ(Parse("search", {"info", "[a,b]", "++", ""}).words, (Words{"info", "[a,b]", "++", ""}));
  EXPECT_EQ(Parse("search", {"x", "--where", "info"}).where, "info");
}

TEST(Arguments, AfterTwoDashesEverythingIsAWord) {
  EXPECT_EQ(Parse("ingest", {"--", "-k", "--null"}).words, (Words{"-k", "--null"}));
}

TEST(Arguments, ATagChangeMayBeginWithADash) {
  EXPECT_EQ(Parse("tag", {"id", "+a", "-draft", "-very nice"}).words,
            (Words{"id", "+a", "-draft", "-very nice"}));
}

TEST(Arguments, AWrongFlagOfAnotherVerbIsRefused) {
  EXPECT_THROW((void)Parse("ingest", {"-x"}), CLI::ParseError);
  EXPECT_THROW((void)Parse("search", {"--nope"}), CLI::ParseError);
  EXPECT_THROW((void)Parse("search", {"a", "-k", "0"}), CLI::ParseError);
  EXPECT_THROW((void)Parse("search", {"a", "-k", "many"}), CLI::ParseError);
}

TEST(Flags, TheVariableIsTheLongNameInCapitals) {
  EXPECT_EQ(EnvironmentName("-k"), "ESPY_K");
  EXPECT_EQ(EnvironmentName("-L,--library"), "ESPY_LIBRARY");
  EXPECT_EQ(EnvironmentName("--dry-run"), "ESPY_DRY_RUN");
}

class Parser : public ::testing::Test {
 protected:
  Parser() : program_(BuildParser(&session_)) {}

  // Every verb with the verbs below it.
  std::vector<const CLI::App*> AllVerbs() const {
    std::vector<const CLI::App*> all = VerbsOf(*program_);
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const CLI::App* below : VerbsOf(*all[i])) all.push_back(below);
    }
    return all;
  }

  Session session_;
  std::unique_ptr<CLI::App> program_;
};

TEST_F(Parser, TheVerbsAreThoseOfTheContract) {
  EXPECT_EQ(VerbNames(*program_),
            (Words{"ingest", "search",     "similar",  "duplicates", "get",     "tag",    "tags",
                   "set",    "caption",    "feedback", "learn",      "policy",  "list",   "show",
                   "use",    "reset",      "export",   "import",     "explore", "forget", "info",
                   "recall", "failures",   "verify",   "rebuild",    "compact", "train",  "adapter",
                   "heads",  "import",     "export",   "backup",     "restore", "model",  "list",
                   "info",   "pull",       "use",      "rollback",   "drop",    "add",    "bench",
                   "help",   "completion", "version"}));
}

TEST_F(Parser, TheManualPageHasEveryVerbAndEveryFlag) {
  std::string page = ManualPage(*program_);
  page.erase(std::remove(page.begin(), page.end(), '\\'), page.end());
  for (const CLI::App* verb : AllVerbs()) {
    EXPECT_NE(page.find(".SS \"" + UsageOf(*verb) + "\""), std::string::npos) << UsageOf(*verb);
    for (const FlagFacts& flag : FlagsOf(*verb)) {
      for (const std::string& name : flag.names) {
        EXPECT_NE(page.find("fB" + name + "fR"), std::string::npos)
            << UsageOf(*verb) << " " << name;
      }
    }
  }
}

TEST_F(Parser, TheCommittedManualPageIsTheOneThatTheProgramPrints) {
  EXPECT_EQ(espy::testing::ReadFileOrDie(ESPY_SOURCE_DIR "/docs/man/espy.1"), ManualPage(*program_))
      << "run: espy help --man > docs/man/espy.1";
}

TEST_F(Parser, HelpOfAVerbHasItsFlagsAndArguments) {
  for (const CLI::App* verb : AllVerbs()) {
    const std::string help = HelpText(*verb);
    for (const FlagFacts& flag : FlagsOf(*verb)) {
      EXPECT_FALSE(flag.description.empty()) << UsageOf(*verb) << " " << flag.names.back();
      EXPECT_NE(help.find(flag.names.back()), std::string::npos) << UsageOf(*verb);
    }
    for (const ArgumentFacts& argument : ArgumentsOf(*verb)) {
      EXPECT_NE(help.find(argument.description), std::string::npos) << UsageOf(*verb);
    }
  }
}

TEST_F(Parser, EachFlagHasItsVariable) {
  for (const CLI::App* verb : AllVerbs()) {
    for (const CLI::Option* option : verb->get_options()) {
      if (!option->nonpositional() || option == verb->get_help_ptr()) continue;
      const bool common = option->get_group() == "Common";
      EXPECT_EQ(option->get_envname().empty(), common) << verb->get_name() << option->get_name();
    }
  }
  KeepEnvironmentFor(program_.get(), "search");
  EXPECT_EQ(program_->get_subcommand("search")->get_option("-k")->get_envname(), "ESPY_K");
  EXPECT_EQ(program_->get_subcommand("similar")->get_option("-k")->get_envname(), "");
}

TEST_F(Parser, CompletionsOfThreeShellsKnowEveryVerbAndLongFlag) {
  for (const std::string& script :
       {BashCompletion(*program_), ZshCompletion(*program_), FishCompletion(*program_)}) {
    for (const CLI::App* verb : AllVerbs()) {
      EXPECT_NE(script.find(verb->get_name()), std::string::npos) << verb->get_name();
      for (const FlagFacts& flag : FlagsOf(*verb)) {
        const std::string name = flag.names.back().substr(flag.names.back().find_first_not_of('-'));
        EXPECT_NE(script.find(name), std::string::npos) << flag.names.back();
      }
    }
  }
}

}  // namespace
}  // namespace espy::cli
