// Pictures inside tar archives (plain, gzip, zstd, xz, bzip2), webdataset shards among them, by
// libarchive.
#ifndef ESPY_ENGINE_INGEST_ARCHIVE_H_
#define ESPY_ENGINE_INGEST_ARCHIVE_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "engine/ingest/source.h"

namespace espy::ingest {

bool IsArchiveName(std::string_view path);  // .tar .tar.gz .tgz .tar.zst .tar.xz .tar.bz2

// Emits each member with a picture's name as "PATH!/member", its bytes read (at most ImageLimits'
// bytes: a longer one is a failed source, and is skipped unread). Nothing is written to disk, so a
// member's name cannot reach outside. A damaged archive emits one failed source under its own path,
// after the members before the damage.
bool ReadArchive(const std::string& path, const FileFacts& facts, const std::stop_token& stop,
                 const SourceFn& emit);

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_ARCHIVE_H_
