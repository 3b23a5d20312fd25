// How far a file of RocksDB's write-ahead log is whole, read by its own form: blocks of 32 KiB of
// records with checksums (RocksDB, db/log_format.h). A MANIFEST has the same form.
//
// RocksDB can open a damaged log up to the damage, but by that alone it makes the database one that
// it refuses the next time, if it is killed before it has written everything out. A log that is cut
// off where it is whole opens as after a crash, as often as need be.
#ifndef ESPY_STORAGE_LOG_TAIL_H_
#define ESPY_STORAGE_LOG_TAIL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::storage {

struct LogTail {
  std::uint64_t whole = 0;  // bytes up to the end of the last whole record before any damage
  // A record that is not what its checksum says, or out of place. One that the file's end cuts
  // short is no damage.
  bool damaged = false;
  bool more = false;  // whole records come after the damage: it is not what a crash left
};
LogTail InspectLog(std::string_view bytes);

// Copies db/'s logs to damaged/: what cannot be read may still be of use to someone.
Status KeepDamagedLogs(const std::string& directory);

// Cuts off the one damaged log of db/ where it is whole, when nothing whole comes after the damage,
// in it or in a later log: what a power cut leaves of a write. `cut` is its name then, else empty.
// Until one of the others is called, damaged/ holds it as it was.
Status CutTornTail(const std::string& directory, std::string* cut);
Status UndoCut(const std::string& directory, const std::string& cut);
void ForgetCut(const std::string& directory, const std::string& cut);

// Cuts off the first damaged log where it is whole, and takes later ones away: a prefix of the
// changes is left.
Status CutDamage(const std::string& directory);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_LOG_TAIL_H_
