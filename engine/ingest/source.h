// What the walk finds: a file, a member of an archive, or a page of the web, named as the library
// will name it.
#ifndef ESPY_ENGINE_INGEST_SOURCE_H_
#define ESPY_ENGINE_INGEST_SOURCE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/env.h"
#include "espy/status.h"

namespace espy::ingest {

struct Source {
  std::string path;  // absolute; "ARCHIVE!/member" for members; the address for the web
  std::optional<std::string> bytes;  // already read (archives, web), else to be read from `path`
  FileFacts facts;                   // of the file (of the archive, for a member)
  Status status;                     // not OK: it could not even be looked at
};

// Receives each source in turn; false when no more are wanted.
using SourceFn = std::function<bool(Source)>;

// The file that holds a library path: the path itself, or the archive of a member. Empty for an
// address of the web.
std::string FileOf(const std::string& path);

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_SOURCE_H_
