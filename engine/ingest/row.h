// What reaches the committer: a picture to add, a known one at a path, or a failure.
#ifndef ESPY_ENGINE_INGEST_ROW_H_
#define ESPY_ENGINE_INGEST_ROW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/env.h"
#include "engine/picture.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy::ingest {

struct Row {
  std::string path;
  FileFacts facts;
  ContentHash hash{};
  Status failure;           // not OK: the rest is empty
  bool remembered = false;  // the failure is an earlier run's, and the file has not changed since
  bool is_new =
      false;  // decoded and embedded; else the library held these bytes when they were read
  bool from_thumbnail = false;      // the item was, or is now, taken by its EXIF thumbnail
  Picture picture;                  // when new; what the model is given is dropped once embedded
  std::vector<std::uint16_t> half;  // when new: the vector
  std::vector<std::vector<std::uint16_t>> others;  // when new: in the other spaces that are fed;
                                                   // empty where the model could not take it
  // When new, by space: what was rounded, where one keeps it. Empty when none does.
  std::vector<std::vector<float>> fp32;

  std::size_t weight() const {
    std::size_t bytes = 512 + path.size() + picture.tensor.values.size() * sizeof(float) +
                        picture.pixels.pixels.size() + picture.thumbnail.size() +
                        half.size() * sizeof(std::uint16_t);
    for (const auto& tensor : picture.others) bytes += tensor.values.size() * sizeof(float);
    for (const auto& other : others) bytes += other.size() * sizeof(std::uint16_t);
    for (const auto& vector : fp32) bytes += vector.size() * sizeof(float);
    return bytes;
  }
};

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_ROW_H_
