// What a model is to caption, and how.
#ifndef ESPY_CAPTION_OPTIONS_H_
#define ESPY_CAPTION_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

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
  // A caption below it is stored, and not searched (GeneratedCaption::searched). 0 to 1; none: what
  // the model's own confidence.json says, 0.5 where it has none.
  std::optional<double> min_confidence;
  std::int64_t beams = 1;        // 1: greedy; more: the best of so many, slower
  std::int64_t max_length = 20;  // tokens
  int batch_size = 0;            // pictures at once; 0: 8
};

}  // namespace espy

#endif  // ESPY_CAPTION_OPTIONS_H_
