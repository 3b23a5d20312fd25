// A library changes its model: every item gets a vector in the new model's space while the old one
// answers, then the new one takes over in one step. Either may be asked meanwhile and afterwards
// (SearchOptions::space).
#ifndef ESPY_MIGRATE_H_
#define ESPY_MIGRATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/ingest.h"

namespace espy {

struct MigrationOptions {
  // Embeds the thumbnails that the library keeps (longest side 256 pixels) and reads no file: many
  // times faster, at a loss of quality. Such items say so (Record::spaces_by_thumbnail), and a
  // migration without it embeds them again from their files. An item whose files are gone is always
  // taken by its thumbnail, and says so too.
  bool from_thumbnails = false;
  // Switches although some items could get no vector. Searches do not find those;
  // Record::spaces_without says which they are, Library::Failures why.
  bool allow_missing = false;
  // Goes on giving new pictures a vector in the old space too, so that RollBack is at once. Without
  // it RollBack first embeds what came since.
  bool feed_old = false;
  bool dry_run = false;  // counts what would be embedded, and changes nothing
  int jobs = 0;          // decoding threads; 0: one for each core, of StartUseModel one
  int batch_size = 0;    // pictures encoded at once; 0: the encoder's choice
};

struct MigrationReport {
  std::string model;     // that was to become the library's
  std::string space_id;  // of its space
  std::uint64_t items = 0;
  std::uint64_t already = 0;       // had their vector when the run began
  std::uint64_t embedded = 0;      // got it in this run
  std::uint64_t by_thumbnail = 0;  // of those, by the thumbnail that the library keeps
  std::uint64_t failed = 0;        // got none: in the journal
  bool switched = false;           // the model is now the library's
  bool dry_run = false;            // embedded is what would be
  bool cancelled = false;          // stopped by the caller; what was done is kept, and goes on
  double seconds = 0;
  std::vector<IngestFailure> failures;  // the first 1,000
};

struct DropReport {
  std::string model;
  std::string space_id;
  std::uint64_t vectors = 0;
  std::uint64_t disk_bytes_before = 0;
  std::uint64_t disk_bytes_after = 0;
};

}  // namespace espy

#endif  // ESPY_MIGRATE_H_
