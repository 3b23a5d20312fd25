#include <chrono>
#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Rebuild(Session* session, const std::string& language, const std::string& index) {
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, Access::kWrite, {}, index);
  if (!library.ok()) return library.status();
  const auto start = std::chrono::steady_clock::now();
  GracefulStop graceful("espy: stopping; the old index stays in use");
  ProgressMeter meter(session->shows_progress());
  const auto progress = [&meter](const Progress& p) { meter.Show(p); };
  Status status;
  if (!language.empty()) {
    status = (*library)->SetTextLanguage(language, progress, graceful.token());
  }
  if (status.ok() && (language.empty() || !index.empty())) {
    status = (*library)->Rebuild(progress, graceful.token());
  }
  meter.Clear();
  if (!status.ok()) return status;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (session->json) {
    Json line;
    line["rebuilt"] = true;
    line["seconds"] = seconds;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line("rebuilt in " + FormatDuration(seconds));
  }
  return kDone;
}

}  // namespace

void AddRebuild(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "rebuild", "make the indexes again, of vectors and of words", "");
  auto language = std::make_shared<std::string>();
  AddText(
      verb, "--language", "LANGUAGE", language.get(),
      "make the index of words alone, and have it know the forms of words in LANGUAGE (english)",
      TextLanguages());
  auto index = std::make_shared<std::string>();
  AddIndexKind(verb, index.get(),
               "what the index of vectors is to be from now on; as it is without this");
  Runs(verb, session, [session, language, index] { return Rebuild(session, *language, *index); });
}

}  // namespace espy::cli
