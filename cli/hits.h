// What search and similar share: the flags that shape an answer, and the answer itself.
#ifndef ESPY_CLI_HITS_H_
#define ESPY_CLI_HITS_H_

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "espy/query.h"

namespace espy::cli {

struct HitFlags {
  std::int64_t k = 10;
  std::string where;
  std::string space;
  std::string min_score;  // a number or "auto"; "": none
  bool all = false;
  std::int64_t offset = 0;
  std::string after;
  std::string group;  // "" or "near"
  double diversity = 0;
  bool exact = false;
  bool explain = false;
  bool paths = false;
  bool nul = false;
  bool show = false;
  std::string html;
  std::string rank = "policy";  // or "similarity"
  std::string client, session;
  bool no_log = false;
  ComputeFlags compute;
};

void AddHitFlags(CLI::App* verb, HitFlags* flags);

// InvalidArgument when two of the flags ask for different answers on stdout, or a value is none.
Status CheckHitFlags(const Session& session, const HitFlags& flags);

// A picture of the library, by path or id, or a file that the library does not hold.
Result<QueryTerm> PictureTerm(Library* library, const std::string& name);

SearchOptions ToSearchOptions(const HitFlags& flags);

// How a library is opened for one search of these flags: exactly, it reads every vector.
inline Access AccessFor(const HitFlags& flags) {
  return flags.exact ? Access::kRead : Access::kAsk;
}

// Searches and answers in the form that was asked for. `title` names the query on a contact sheet.
Outcome SearchAndShow(Session* session, Library* library, const Query& query,
                      const SearchOptions& options, const HitFlags& flags,
                      const std::string& title);

}  // namespace espy::cli

#endif  // ESPY_CLI_HITS_H_
