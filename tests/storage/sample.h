// Small libraries for the storage tests.
#ifndef ESPY_TESTS_STORAGE_SAMPLE_H_
#define ESPY_TESTS_STORAGE_SAMPLE_H_

#include <string>
#include <vector>

#include "base/sha256.h"
#include "storage/store.h"

namespace espy::testing {

inline constexpr std::int64_t kSampleDimension = 8;

// The record of picture n (1, 2, ...), every field filled in by n.
inline Record SampleRecord(std::uint64_t n) {
  Record record;
  record.content_hash = Sha256("picture " + std::to_string(n));
  record.id = n * 0x9e3779b97f4a7c15ULL >> 1 | 1;
  record.paths = {"/pictures/" + std::to_string(n) + ".jpg"};
  record.format = "jpeg";
  record.file_bytes = 1000 + n;
  record.width = static_cast<std::int32_t>(640 + n % 100);
  record.height = 480;
  record.added_unix = 1'700'000'000 + static_cast<std::int64_t>(n);
  record.modified_unix = 1'600'000'000;
  if (n % 2 == 0) record.taken_unix = 1'500'000'000 - static_cast<std::int64_t>(n);
  record.camera = n % 3 == 0 ? "Maker Model" : "";
  if (n % 4 == 0) record.place = Place{51.5, -0.1};
  record.perceptual_hash = n * 0x123456789abcdefULL;
  record.pixels_from = static_cast<PixelSource>(n % 3);
  if (n % 5 == 0) record.spaces_by_thumbnail = {2, static_cast<std::uint32_t>(2 + n)};
  if (n % 7 == 0) record.spaces_without = {3};
  record.tags = {"beach", "tag" + std::to_string(n)};
  record.caption = n % 2 == 1 ? "a picture" : "";
  record.fields = {{"rating", static_cast<std::int64_t>(n % 6) - 1}, {"sharp", n % 2 == 0}};
  if (n % 3 == 0) record.fields["weight"] = 0.25 * static_cast<double>(n);
  if (n % 5 == 0) record.fields["due"] = Date{1'600'000'000 - static_cast<std::int64_t>(n)};
  if (n % 4 == 1) record.fields["place"] = "shelf " + std::to_string(n);
  return record;
}

inline std::vector<std::uint16_t> SampleVector(std::uint64_t n) {
  std::vector<std::uint16_t> half(kSampleDimension);
  for (std::size_t i = 0; i < half.size(); ++i) half[i] = static_cast<std::uint16_t>(n * 31 + i);
  return half;
}

inline std::string SampleThumbnail(std::uint64_t n) {
  return std::string(6000 + n % 500, static_cast<char>('a' + n % 26));
}

// Picture n whole: record, path, vector in space 1, thumbnail. Takes two sequence numbers.
inline storage::Transaction SampleTransaction(std::uint64_t n) {
  storage::Transaction transaction;
  const Record record = SampleRecord(n);
  transaction.PutItem(record);
  transaction.PutPath(record.paths[0], {record.id, record.file_bytes, 12345, n});
  transaction.PutVector(1, record.id, SampleVector(n));
  transaction.PutThumbnail(record.id, SampleThumbnail(n));
  return transaction;
}

inline storage::SpaceRow SampleSpace() {
  return {0, "model", "space-id", "/models/m", kSampleDimension};
}

}  // namespace espy::testing

#endif  // ESPY_TESTS_STORAGE_SAMPLE_H_
