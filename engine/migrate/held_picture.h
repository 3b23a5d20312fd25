// An item's pixels for another model: from one of its files, if that still holds the item's bytes,
// else from the thumbnail that the library keeps.
#ifndef ESPY_ENGINE_MIGRATE_HELD_PICTURE_H_
#define ESPY_ENGINE_MIGRATE_HELD_PICTURE_H_

#include <optional>
#include <string>

#include "base/env.h"
#include "espy/record.h"
#include "imaging/preprocess.h"
#include "storage/store.h"

namespace espy::migrate {

struct HeldPicture {
  imaging::PictureTensor tensor;
  bool by_thumbnail = false;
};

// The item's bytes as they lie at `path` today: a file, or a member of an archive. NotFound when
// they are gone or others lie there; nothing is fetched from the web again.
Result<std::string> ReadHeldBytes(Env* env, const Record& record, const std::string& path);

// `bytes`: the item's, when the caller has read them (their hash is checked here); `past`: a path
// that the caller has tried. A file that is there and cannot be read or decoded is an error, and is
// not replaced by its thumbnail.
struct HeldOptions {
  bool from_thumbnails = false;
  std::optional<std::string> bytes;
  std::string past;
};
Result<HeldPicture> ReadHeldPicture(Env* env, storage::Store* store, const Record& record,
                                    const imaging::PreprocessSpec& spec,
                                    const HeldOptions& options);

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_HELD_PICTURE_H_
