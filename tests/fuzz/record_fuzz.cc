// Bytes that a library's files could hold -> every parser of storage/ and index/. The first byte
// chooses the parser. What is taken is encoded and parsed again, and must come out the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "index/segment_format.h"
#include "storage/fields.h"
#include "storage/keys.h"
#include "storage/log_tail.h"
#include "storage/rows.h"

namespace {

using namespace espy;

void Require(bool held) {
  if (!held) std::abort();
}

void FuzzRecord(std::string_view bytes) {
  const auto record = storage::ParseRecord(7, bytes);
  if (!record.ok()) return;
  std::string again = storage::EncodeRecord(*record);
  const auto reparsed = storage::ParseRecord(7, again);
  // Not compared as structs: a latitude may be no number, which equals nothing.
  Require(reparsed.ok() && storage::EncodeRecord(*reparsed) == again);
}

// A segment of one or more chunks whose manifest entry agrees with the bytes, so that the parser
// behind the checksum is reached.
void FuzzSegment(std::string_view bytes) {
  if (bytes.size() < 5) return;
  index::ManifestEntry entry;
  entry.number = 1;
  entry.rows = static_cast<std::uint8_t>(bytes[0]);
  entry.kind = static_cast<index::IndexKind>(bytes[1]);
  const std::int64_t dimension = 1 + static_cast<std::uint8_t>(bytes[2]) % 40;
  const std::size_t chunk_bytes = 1 + static_cast<std::uint8_t>(bytes[3]);
  bytes.remove_prefix(4);
  if (entry.rows == 0) return;
  entry.bytes = bytes.size();
  entry.chunks = static_cast<std::uint32_t>((bytes.size() + chunk_bytes - 1) / chunk_bytes);
  entry.crc = Crc32c(bytes);
  const auto read = [&](std::uint32_t chunk) -> Result<std::string> {
    return std::string(bytes.substr(chunk * chunk_bytes, chunk_bytes));
  };
  (void)index::ReadSegment(entry, dimension, /*rows_stay=*/true, read);
  const auto segment = index::ReadSegment(entry, dimension, /*rows_stay=*/false, read);
  if (!segment.ok() || (*segment)->row_index() == nullptr) return;
  // An index that was taken can be searched.
  std::vector<float> query(static_cast<std::size_t>((*segment)->padded()), 0.5f);
  index::RowQuery row_query;
  row_query.vector = query.data();
  row_query.k = row_query.effort = 8;
  row_query.filter = (*segment)->FilterAt(1, std::nullopt);
  row_query.max_cost = 1 << 20;
  std::vector<index::FoundRow> found;
  (*segment)->row_index()->Search((*segment)->half_rows(), row_query, &found);
  for (const index::FoundRow& row : found) {
    Require(row.row >= 0 && row.row < (*segment)->rows());
  }
}

// A log that is cut off where it is whole is whole.
void FuzzLog(std::string_view bytes) {
  const storage::LogTail tail = storage::InspectLog(bytes);
  Require(tail.whole <= bytes.size());
  const storage::LogTail cut = storage::InspectLog(bytes.substr(0, tail.whole));
  Require(!cut.damaged && cut.whole == tail.whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::uint16_t> half;
  switch (data[0] % 11) {
    case 0:
      FuzzRecord(bytes);
      break;
    case 1:
      if (const auto row = storage::ParsePathRow(bytes); row.ok()) {
        Require(*storage::ParsePathRow(storage::EncodePathRow(*row)) == *row);
      }
      break;
    case 2:
      if (const auto row = storage::ParseFailure(bytes); row.ok()) {
        Require(*storage::ParseFailure(storage::EncodeFailure(*row)) == *row);
      }
      break;
    case 3:
      if (const auto row = storage::ParseSpace(3, bytes); row.ok()) {
        Require(*storage::ParseSpace(3, storage::EncodeSpace(*row)) == *row);
      }
      break;
    case 4:
      if (const auto row = storage::ParseRecall(bytes); row.ok()) {
        Require(*storage::ParseRecall(storage::EncodeRecall(*row)) == *row);
      }
      if (const auto row = storage::ParseAdapter(bytes); row.ok()) {
        const std::string again = storage::EncodeAdapter(*row);
        Require(storage::EncodeAdapter(*storage::ParseAdapter(again)) == again);
      }
      if (const auto entry = storage::ParseLogEntry(9, bytes); entry.ok()) {
        Require(storage::ParseLogEntry(9, storage::EncodeLogEntry(*entry))->item == entry->item);
      }
      break;
    case 5:
      if (storage::ParseVector(bytes, &half).ok()) Require(storage::EncodeVector(half) == bytes);
      break;
    case 6:
      (void)storage::ParseItemRef(bytes);
      (void)storage::ParseNumber(bytes);
      (void)storage::ParseThumbnail(bytes);
      (void)storage::ParseSegmentValue(bytes);
      break;
    case 7: {
      std::uint32_t space = 0, chunk = 0;
      std::uint64_t number = 0;
      (void)storage::ParseKey64(bytes, &number);
      (void)storage::ParseVectorKey(bytes, &space, &number);
      (void)storage::ParseMarkKey(bytes, &space, &number);
      (void)storage::ParseChunkKey(bytes, &space, &number, &chunk);
      break;
    }
    case 8:
      if (const auto manifest = index::ParseManifest(bytes); manifest.ok()) {
        Require(*index::ParseManifest(index::EncodeManifest(*manifest)) == *manifest);
      }
      break;
    case 9:
      FuzzSegment(bytes);
      break;
    case 10:
      FuzzLog(bytes);
      break;
  }
  return 0;
}
