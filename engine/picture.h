// One picture file turned into what a library stores and searches by.
#ifndef ESPY_ENGINE_PICTURE_H_
#define ESPY_ENGINE_PICTURE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/record.h"
#include "imaging/preprocess.h"

namespace espy {

struct Picture {
  Record record;  // its facts: content hash, format, size in pixels, EXIF, perceptual hash; no
                  // paths, no id
  // What the model is given: the tensor it takes, or, for a GPU that makes that itself, the decoded
  // pixels of a picture of `full` pixels.
  imaging::PictureTensor tensor;
  imaging::Image pixels;
  imaging::Size full;
  std::string thumbnail;                       // JPEG
  std::vector<imaging::PictureTensor> others;  // as the other models take it; empty values where
                                               // one cannot (a raw file's preview is too small)
};

// Decodes once for everything that wants the picture; a model that wants it at another size than
// the first one costs a decoding of its own, so that its vector is what it would be alone. `bytes`
// are the file's. embedded_thumbnails: as IngestOptions. keep_pixels: the pixels for the first
// model, not the tensor.
Result<Picture> ReadPicture(std::string_view bytes, const ContentHash& hash,
                            const imaging::PreprocessSpec& spec, bool embedded_thumbnails = false,
                            bool keep_pixels = false,
                            std::span<const imaging::PreprocessSpec> others = {});

// The tensor that ReadPicture makes for the model, alone.
Result<imaging::PictureTensor> ReadIngestTensor(std::string_view bytes,
                                                const imaging::PreprocessSpec& spec,
                                                bool embedded_thumbnails);
// The same of a kept thumbnail; `full` are the picture's own sides.
Result<imaging::PictureTensor> ReadThumbnailTensor(std::string_view jpeg,
                                                   const imaging::PreprocessSpec& spec,
                                                   imaging::Size full);

// The model's tensor alone, for a query picture.
Result<imaging::PictureTensor> ReadTensor(std::string_view bytes,
                                          const imaging::PreprocessSpec& spec);

// An item's number: the first 63 bits of its content hash that no other item has; `taken` says
// whether one has.
template <class Taken>
ItemId ItemIdFor(const ContentHash& hash, Taken taken) {
  ItemId id = 0;
  for (int i = 0; i < 8; ++i) id = id << 8 | hash[i];
  id >>= 1;
  while (id == kNoItem || taken(id)) id = (id + 1) & ~(ItemId{1} << 63);
  return id;
}

}  // namespace espy

#endif  // ESPY_ENGINE_PICTURE_H_
