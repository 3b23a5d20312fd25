#include "cli/json.h"
#include "cli/verbs.h"
#include "espy/model.h"

namespace espy::cli {

void AddVersion(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "version",
                           "the program's version and what the processor offers", "");
  Runs(verb, session, [session]() -> Outcome {
    if (session->json) {
      Json line;
      line["version"] = Version();
      line["device"] = DeviceDescription();
      session->out.Line(ToLine(line));
    } else {
      session->out.Line("espy " + Version());
      session->out.Line(DeviceDescription());
    }
    return kDone;
  });
}

}  // namespace espy::cli
