// Published models fetched from the Hugging Face hub into the cache that its other tools share.
#ifndef ESPY_PULL_H_
#define ESPY_PULL_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/export.h"
#include "espy/progress.h"
#include "espy/status.h"

namespace espy {

struct PullOptions {
  // NAME[@REVISION]: a short name of ListModels(), "ORG/NAME", or the address of a repository's
  // page at huggingface.co. A revision is a branch (main when none is given), a tag or a commit.
  std::string model;
  bool verify = false;   // read what is here already, too, and fetch again what is damaged
  bool dry_run = false;  // ask the hub and write nothing
};

struct PulledFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t fetched = 0;  // that came over the network; in a dry run, that would
  bool resumed = false;       // on top of what an earlier pull had brought
};

struct PullReport {
  std::string name;        // by which the model is used: --model NAME
  std::string repository;  // "ORG/NAME"
  std::string revision;    // as asked for, "main" when nothing was
  std::string commit;      // that the revision is at
  std::string directory;   // where the files are
  std::string licence;     // as the repository's card tags it; "" when it does not
  std::vector<PulledFile> files;
  std::uint64_t bytes = 0;
  std::uint64_t fetched = 0;
  bool dry_run = false;
  // Why the hub was not asked (no connection, HF_HUB_OFFLINE) and what is here was taken as it is;
  // "" when it was asked. `files` is then empty.
  std::string offline;
};

// Fetches the files that Espy reads, and no others: configuration, preprocessing, tokenizer, and
// weights as safetensors. Afterwards the model can be used by its name, and its configuration,
// weights' header and tokenizer have been read once. Every file's SHA-256 (git's hash for small
// ones) is that which the hub gives; room on the disk is checked before; an interrupted pull,
// stopped or killed, goes on where it was. The environment is the hub's own: HF_HOME, HF_HUB_CACHE,
// HF_ENDPOINT, HF_TOKEN and the token file, HF_HUB_OFFLINE.
//
// Progress counts bytes. Any thread; several processes may pull the same model at once.
// Errors: NotFound (no such model or revision), InvalidArgument (a name that can be none, a token
// that is wrong or lacks the right), Unsupported (not a model that Espy reads), Unavailable (no
// connection, a busy hub), ResourceExhausted (no room), Corruption (what came is not what the hub
// announced), IoError, Cancelled. What came whole or in part stays for the next pull.
ESPY_EXPORT Result<PullReport> PullModel(const PullOptions& options,
                                         const ProgressFn& progress = {},
                                         std::stop_token stop = {});

}  // namespace espy

#endif  // ESPY_PULL_H_
