#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/help.h"
#include "cli/parser.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Help(Session* session, const std::vector<std::string>& words) {
  const CLI::App* app = session->parser;
  for (const std::string& word : words) {
    const CLI::App* below = nullptr;
    for (const CLI::App* verb : VerbsOf(*app)) {
      if (verb->get_name() == word) below = verb;
    }
    if (below == nullptr) {
      return Status::InvalidArgument("help: there is no verb '" + word + "'; espy help lists them");
    }
    app = below;
  }
  session->out.Write(HelpText(*app));
  return kDone;
}

}  // namespace

void AddHelp(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "help", "help on the program or on a verb", "");
  auto words = std::make_shared<std::vector<std::string>>();
  auto man = std::make_shared<bool>(false);
  AddWords(verb, "VERB", words.get(), "the verb");
  AddSwitch(verb, "--man", man.get(), "print the manual page, for man(1)");
  Runs(verb, session, [session, words, man]() -> Outcome {
    if (!*man) return Help(session, *words);
    session->out.Write(ManualPage(*session->parser));
    return kDone;
  });
}

}  // namespace espy::cli
