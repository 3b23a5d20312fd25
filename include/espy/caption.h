// Captions of a library's pictures by a model, and a person's own.
#ifndef ESPY_CAPTION_H_
#define ESPY_CAPTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/ingest.h"

namespace espy {

struct CaptionOptions {
  // A BLIP directory or the name of a model (docs/MODELS.md); "": espy-mini-caption, where that is
  // installed.
  std::string model;
  // Only items that pass (docs/WHERE.md); "": all.
  std::string where;
  // A caption goes on from it ("a photo of"), and holds it.
  std::string prompt;
  // Also items that have this model's caption already.
  bool force = false;
  // From the thumbnails that the library keeps (longest side 256 pixels), without reading files. An
  // item whose files are gone is always captioned so.
  bool from_thumbnails = false;
  // Counts what would be captioned, and changes nothing.
  bool dry_run = false;
  // A caption below it is stored, and not searched (GeneratedCaption::searched). 0 to 1.
  double min_confidence = 0.5;
  std::int64_t beams = 1;        // 1: greedy; more: the best of so many, slower
  std::int64_t max_length = 20;  // tokens
  int batch_size = 0;            // pictures at once; 0: 8
};

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
