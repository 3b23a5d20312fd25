// What the library of format 1 in tests/compat/format1 holds. Never changes: the files are kept,
// not made again.
#ifndef ESPY_TESTS_COMPAT_FORMAT1_H_
#define ESPY_TESTS_COMPAT_FORMAT1_H_

#include <cstdint>
#include <vector>

#include "base/half.h"
#include "base/sha256.h"
#include "storage/store.h"

namespace espy::testing::format1 {

inline constexpr std::uint64_t kPictures = 20;
inline constexpr std::uint64_t kInTables = 12;  // the rest lies in the log
inline constexpr std::uint64_t kForgotten = 5;
inline constexpr std::int64_t kDimension = 40;  // not a multiple of the kernels' width
inline constexpr std::uint64_t kLastSeq = 2 * kPictures + 1;

inline Record PictureRecord(std::uint64_t n) {
  Record record;
  record.content_hash = Sha256("format 1, picture " + std::to_string(n));
  record.id = n * 1'000'003;
  record.seq = 2 * n - 1;
  record.paths = {"/format1/" + std::to_string(n) + ".jpg",
                  "/format1/copy \xff" + std::to_string(n)};
  record.format = "jpeg";
  record.file_bytes = 100'000 + n;
  record.width = 4000;
  record.height = 3000;
  record.added_unix = 1'700'000'000;
  record.modified_unix = -86'400;
  record.taken_unix = 0;
  record.camera = "Maker Model";
  record.place = Place{-33.86, 151.21};
  record.perceptual_hash = 0x8000000000000001 + n;
  record.tags = {"a", "b c"};
  record.caption = "a caption";
  return record;
}

// A vector of halves with a simple rule; not of unit length, which nothing below the engine asks.
inline std::vector<std::uint16_t> PictureVector(std::uint64_t n) {
  std::vector<std::uint16_t> half;
  for (std::int64_t i = 0; i < kDimension; ++i) {
    half.push_back(FloatToHalf(static_cast<float>((n * 7 + i * 13) % 31) / 31.0f - 0.5f));
  }
  return half;
}

inline std::string PictureThumbnail(std::uint64_t n) {
  return std::string(5000, static_cast<char>('a' + n % 26));
}

inline storage::SpaceRow Space() { return {1, "model", "space-id", "/models/model", kDimension}; }
inline storage::FailureRow PictureFailure() {
  return {StatusCode::kCorruption, "not a picture", 1'700'000'001, 2, 10, 20};
}

}  // namespace espy::testing::format1

#endif  // ESPY_TESTS_COMPAT_FORMAT1_H_
