// Captions of a library's pictures by a model, and a person's own.
#ifndef ESPY_CAPTION_H_
#define ESPY_CAPTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/caption_options.h"
#include "espy/ingest.h"

namespace espy {

struct CaptionReport {
  std::string model;
  std::string model_id;
  std::uint64_t items = 0;    // that pass `where`
  std::uint64_t by_hand = 0;  // of those, with a caption of a person's, left alone
  std::uint64_t already = 0;  // with this model's caption, left alone
  std::uint64_t captioned = 0;
  std::uint64_t unsure = 0;  // of the captioned, below min_confidence
  std::uint64_t by_thumbnail = 0;
  std::uint64_t failed = 0;  // in the journal: Library::Failures
  bool dry_run = false;      // captioned is what would be
  bool cancelled = false;    // stopped by the caller; what was done is kept
  double seconds = 0;
  std::vector<IngestFailure> failures;  // the first 1,000
};

}  // namespace espy

#endif  // ESPY_CAPTION_H_
