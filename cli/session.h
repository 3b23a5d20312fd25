// One run of the program: the flags that every verb takes, the library it means, and where its
// answer goes.
#ifndef ESPY_CLI_SESSION_H_
#define ESPY_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "cli/flags.h"
#include "cli/output.h"
#include "espy/library.h"
#include "espy/status.h"

namespace CLI {
class App;
}

namespace espy::cli {

// What a verb ends with: kDone, kNothing, or a failure, which the program shows as one line and
// exit code 2.
using Outcome = Result<int>;
inline constexpr int kDone = 0;     // done, or at least one hit
inline constexpr int kNothing = 1;  // no hit, or some files failed, or problems were found

struct Session {
  // Flags of every verb.
  std::string library;  // -L, $ESPY_LIBRARY; "" : the nearest .espy
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_progress = false;

  Output out;
  const CLI::App* parser = nullptr;  // the whole of it, for help, completions and the manual page
  std::function<Outcome()> run;      // the chosen verb; set when its arguments have been read

  bool shows_progress() const { return !quiet && !no_progress; }
  // A line for people on stderr, without its end; nothing with -q.
  void Say(const std::string& line) const;
  // The same, with -v only.
  void Mention(const std::string& line) const;
};

enum class Access { kRead, kAsk, kWrite };  // kAsk: to read, for a question or a few

// The directory that the session means: -L, $ESPY_LIBRARY, or the nearest .espy from the current
// folder upward.
Result<std::string> FindSessionLibrary(const Session& session);
Result<std::unique_ptr<Library>> OpenSessionLibrary(const Session& session, Access access,
                                                    const ComputeFlags& compute = {},
                                                    const std::string& index = {},
                                                    const std::string& vectors = {});

// Waits for what the library still makes after a change: segments of its index, columns, words.
// Answers are right without it, and faster with it; what is stopped goes on with the next opening,
// and is no error.
Status FinishBuilding(const Session& session, Library* library, const std::stop_token& stop);

}  // namespace espy::cli

#endif  // ESPY_CLI_SESSION_H_
