// Captions for a list of items: pictures are read ahead (migrate/picture_reader), captioned in
// batches on the calling thread, and committed a batch at a time.
#ifndef ESPY_ENGINE_CAPTION_CAPTION_RUN_H_
#define ESPY_ENGINE_CAPTION_CAPTION_RUN_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/caption/caption_model.h"
#include "engine/library_impl.h"
#include "engine/migrate/picture_reader.h"
#include "engine/migrate/wanted.h"
#include "espy/caption.h"

namespace espy::caption {

class CaptionRun {
 public:
  // `report` has the model's name and id, by which it is known whose caption an item has.
  // `similar` gives captions of pictures like an item, the most alike first, or none.
  using SimilarFn = std::function<std::vector<std::string>(ItemId)>;
  CaptionRun(Library::Impl* library, const CaptionOptions& options, std::stop_token stop,
             CaptionReport* report, SimilarFn similar);

  // Counts what there is to do. O(items that pass `where`).
  Status Plan();
  // OK also when it was stopped.
  Status Run(CaptionModel* model, const ProgressFn& progress);

 private:
  // What no model is asked about, counted; false: it is to be captioned.
  bool Settled(const Record& record);
  bool HasOurs(const Record& record) const;
  Status Do(CaptionModel* model, std::vector<migrate::PictureReader::Picture> pictures);
  Status CommitOne(const migrate::PictureReader::Picture& picture, const GeneratedCaption* caption,
                   Change* change);
  float Cosine(ItemId id, const std::string& text);

  Library::Impl* const library_;
  const CaptionOptions& options_;
  const std::stop_token stop_;
  CaptionReport* const report_;
  const SimilarFn similar_;
  std::vector<migrate::Wanted> wanted_;
};

}  // namespace espy::caption

#endif  // ESPY_ENGINE_CAPTION_CAPTION_RUN_H_
