#include <memory>
#include <string>

#include "cli/completion.h"
#include "cli/flags.h"
#include "cli/verbs.h"

namespace espy::cli {

void AddCompletion(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "completion",
                           "a script that completes espy's words in a shell", R"(Examples:
  source <(espy completion bash)
  espy completion zsh > "${fpath[1]}/_espy"
  espy completion fish > ~/.config/fish/completions/espy.fish
)");
  auto shell = std::make_shared<std::string>();
  AddWord(verb, "SHELL", shell.get(), "bash, zsh or fish", Need::kRequired,
          {"bash", "zsh", "fish"});
  Runs(verb, session, [session, shell]() -> Outcome {
    session->out.Write(*shell == "bash"  ? BashCompletion(*session->parser)
                       : *shell == "zsh" ? ZshCompletion(*session->parser)
                                         : FishCompletion(*session->parser));
    return kDone;
  });
}

}  // namespace espy::cli
