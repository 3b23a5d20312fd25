// Where the caches of packed weights lie, and which of them are no longer wanted.
#ifndef ESPY_ENCODERS_PANELS_PANEL_PLACES_H_
#define ESPY_ENCODERS_PANELS_PANEL_PLACES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/env.h"

namespace espy::encoders {

// A folder for the caches of one model.
struct PanelPlace {
  std::string directory;
  std::string root;  // the folder of such folders that it lies in; "" when it is beside the model
};

// In the order in which they are read and written:
//   $ESPY_CACHE_DIR alone, when it is set;
//   else MODEL/.espy-cache, unless the weights there are symbolic links (a download cache, which
//   is another program's), and then espy/weights in $XDG_CACHE_HOME or ~/.cache.
// In a root, the model's folder is named after the model and a hash of where it lies.
std::vector<PanelPlace> PanelPlaces(const std::string& model_directory,
                                    const std::vector<std::string>& weight_files);

// The most that a root may hold: $ESPY_CACHE_MB, else 16 GiB.
std::uint64_t PanelRootLimit();

// Removes from a root what serves nobody: files of models that are gone, files that cannot be read,
// what killed writers left more than a day ago, and then, while more than `limit` bytes remain, the
// one used least recently; never `keep`. Errors are passed over: the next call tries again.
void SweepPanelRoot(const std::string& root, const std::string& keep, std::uint64_t limit,
                    Env* env);

// Tells SweepPanelRoot that a file has been used. Once a day for each file is enough.
void MarkPanelFileUsed(const std::string& path, const FileFacts& facts, Env* env);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PANELS_PANEL_PLACES_H_
