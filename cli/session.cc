#include "cli/session.h"

#include <cstdio>

#include "cli/progress_meter.h"
#include "cli/text.h"

namespace espy::cli {

void Session::Say(const std::string& line) const {
  if (!quiet) std::fprintf(stderr, "%s\n", EscapeForTerminal(line).c_str());
}

void Session::Mention(const std::string& line) const {
  if (verbose) Say(line);
}

Result<std::string> FindSessionLibrary(const Session& session) {
  if (!session.library.empty()) return session.library;
  return FindLibrary(".");
}

Result<std::unique_ptr<Library>> OpenSessionLibrary(const Session& session, Access access,
                                                    const ComputeFlags& compute,
                                                    const std::string& index,
                                                    const std::string& vectors) {
  Result<std::string> path = FindSessionLibrary(session);
  if (!path.ok()) return path.status();
  OpenOptions options;
  options.read_only = access != Access::kWrite;
  options.few_searches = access == Access::kAsk;
  compute.Apply(&options);
  options.index = index;
  options.vectors = vectors;
  return Library::Open(*path, options);
}

Status FinishBuilding(const Session& session, Library* library, const std::stop_token& stop) {
  ProgressMeter meter(session.shows_progress());
  const Status built =
      library->WaitForBackground([&meter](const Progress& p) { meter.Show(p); }, stop);
  return built.code() == StatusCode::kCancelled ? Status::Ok() : built;
}

}  // namespace espy::cli
