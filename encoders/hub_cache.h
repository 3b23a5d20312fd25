// The Hugging Face hub's cache on this computer, which Espy shares with other tools: where it lies
// and which models it holds. Reads only; engine/hub/ fills it.
//
//   CACHE/models--ORG--NAME/refs/main                  the commit that the branch is at, 40 digits
//                          /snapshots/COMMIT/FILE      a link to ../../blobs/HASH
//                          /blobs/HASH                 the bytes; HASH is their ETag at the hub
//   CACHE/.locks/models--ORG--NAME/HASH.lock           held while that blob is written
//
// As huggingface_hub 2.4 has it (file_download.py); older ones differ in nothing that is read here.
#ifndef ESPY_ENCODERS_HUB_CACHE_H_
#define ESPY_ENCODERS_HUB_CACHE_H_

#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

// A model as the hub names it.
struct HubName {
  std::string repository;  // "ORG/NAME", or "NAME" for the few without one
  std::string revision;    // a branch, a tag, "refs/pr/N", a commit; "" for "main"
};

// NAME[@REVISION], where NAME is one of KnownModels(), a repository, or the address of a
// repository's page at huggingface.co. InvalidArgument when it can be neither; whether there is
// such a model is not looked at.
Result<HubName> ParseHubName(std::string_view text);
// A branch, tag or commit that may stand in an address and in a path below refs/.
bool IsHubRevision(std::string_view text);
// 40 lower-case hex digits.
bool IsCommit(std::string_view text);

// $HF_HOME, else $XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface; "" when HOME is not set
// either.
std::string HubHome();
// $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else HubHome()/hub.
std::string HubCacheDirectory();
// "models--ORG--NAME".
std::string HubFolder(std::string_view repository);

// Whether a directory has a configuration, all files of its weights and a tokenizer: other tools
// fetch single files of a repository as they need them.
bool HoldsWholeModel(const std::string& directory);

// The snapshot that a name means today: that of the revision; without one the branch main's, or,
// when that is not here whole, the only one that is. NotFound otherwise.
Result<std::string> FindSnapshot(const std::string& cache, const HubName& name);

// "clip-b32", else "ORG/NAME", with "@COMMIT" when that alone means another snapshot; "" for a
// directory that is no snapshot of `cache`.
std::string NameOfSnapshot(const std::string& cache, const std::string& directory);
// The repository that a directory CACHE/models--ORG--NAME/snapshots/COMMIT belongs to, whatever the
// cache; "" for another directory.
std::string RepositoryOfSnapshot(const std::string& directory);

// Snapshots that hold whole models with a configuration that is an encoder's (not read further), in
// the order of their folders' names.
std::vector<std::string> ListSnapshots(const std::string& cache);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_HUB_CACHE_H_
