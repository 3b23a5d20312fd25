// How pictures enter a library, and what the run reports.
#ifndef ESPY_INGEST_H_
#define ESPY_INGEST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "espy/caption_options.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy {

struct IngestOptions {
  std::vector<std::string>
      paths;  // folders (walked), picture files, tar archives (.tar, .tar.gz, .tgz, .tar.zst)
  std::vector<std::string>
      exclude;  // globs, matched against the path below the given folder and the file name
  std::vector<std::string> urls;  // fetched one by one; only http and https
  int jobs = 0;                   // decoding threads; 0: one for each core
  int batch_size = 0;             // pictures encoded at once; 0: the encoder's choice
  bool dry_run = false;           // walk and look up, change nothing
  bool retry_failures =
      false;  // also try files whose failure is journalled and that have not changed
  // Takes a JPEG by the thumbnail that its camera put into its EXIF block, where that is as large
  // as the model's input and has the picture's shape: many times faster, at a loss of quality. Such
  // items say so (Record::pixels_from), and an ingest without it reads their files again and takes
  // them whole.
  bool embedded_thumbnails = false;
  bool detect_missing =
      true;  // paths below the given folders that are gone are dropped from their items
  // Pictures that are new, or taken again, get a caption of this model from the pixels that are at
  // hand then; of its options `where`, `force`, `from_thumbnails` and `dry_run` say nothing here.
  // Pictures of before are Library::Caption's.
  std::optional<CaptionOptions> caption;
};

struct IngestProgress {
  std::uint64_t found = 0;  // files that look like pictures, so far
  bool walk_done = false;   // then found is the total
  std::uint64_t done = 0;   // finished in any way: added, known, failed
  std::uint64_t added = 0;
  std::uint64_t failed = 0;
  double pictures_per_second = 0;
  double seconds_left = -1;  // negative while unknown
};

struct IngestFailure {
  std::string path;
  Status status;
};

struct IngestReport {
  std::uint64_t found = 0;
  std::uint64_t added = 0;      // new items, embedded
  std::uint64_t unchanged = 0;  // same size and time as last run: not even read
  std::uint64_t known = 0;  // read, and the same bytes were already held (a copy, a move, a touch)
  std::uint64_t moved = 0;  // of those known: an old path is gone, this is its new one
  std::uint64_t replaced = 0;  // a path whose bytes changed
  std::uint64_t retaken = 0;   // items taken by a thumbnail before, and now whole
  std::uint64_t vanished = 0;  // paths dropped because the file is gone
  std::uint64_t failed = 0;
  std::uint64_t captioned = 0;  // of the added and retaken, by IngestOptions::caption
  std::uint64_t unsure = 0;     // of those, stored and not searched
  std::uint64_t skipped = 0;    // not pictures by name and by content
  std::uint64_t bytes_read = 0;
  bool cancelled = false;  // the run was stopped by its caller; what was done is kept
  double seconds = 0;
  double decode_seconds = 0;  // summed over threads
  double encode_seconds = 0;
  double commit_seconds = 0;
  std::vector<IngestFailure> failures;  // the first 1,000; all are in the journal
};

// Called from one thread at a time, a few times a second.
using IngestProgressFn = std::function<void(const IngestProgress&)>;

// A file that could not be taken, from the journal.
struct Failure {
  std::string path;
  std::string code;  // StatusCodeName
  std::string message;
  std::int64_t when_unix = 0;
  std::uint32_t attempts = 0;
};

}  // namespace espy

#endif  // ESPY_INGEST_H_
