// How far RocksDB's MANIFEST, its list of the files that count, had grown: a list that was cut
// short between two of its records reads as a whole one of an earlier time, and the files that it
// no longer names would be removed. One flipped bit in a record's length does the same: RocksDB
// takes a record that seems to go on past the file's end for one that a crash cut short. Only
// storage/*.cc includes this.
#ifndef ESPY_STORAGE_MANIFEST_MARK_H_
#define ESPY_STORAGE_MANIFEST_MARK_H_

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "espy/status.h"

namespace espy::storage {

// A file system that notes in `directory`/GROWN, after each sync of a MANIFEST, which one it was
// and how many bytes are safe. The note itself is not synced: after a power cut it may be older
// than the truth, and is never newer. Best effort: where it cannot be written, only the check below
// is weaker.
std::shared_ptr<rocksdb::FileSystem> NoteManifests(
    const std::string& directory, const std::shared_ptr<rocksdb::FileSystem>& base);

// Corruption when the MANIFEST that CURRENT names is shorter than it was noted to be, or a record
// in those bytes is not what its checksum says. OK when there is no note, or it is torn, or speaks
// of another MANIFEST. Readers beside a writer may ask.
Status CheckManifest(const std::string& directory);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_MANIFEST_MARK_H_
