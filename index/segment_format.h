// A sealed segment and the manifest as bytes; docs/FORMATS.md draws them. Chunks come back from
// storage only when their checksum holds, and here every number is checked again before it is used
// to allocate or to index.
#ifndef ESPY_INDEX_SEGMENT_FORMAT_H_
#define ESPY_INDEX_SEGMENT_FORMAT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "index/segment.h"
#include "index/vector_index.h"

namespace espy::index {

inline constexpr std::size_t kChunkBytes = 4u << 20;

struct ManifestEntry {
  std::uint64_t number = 0;
  std::uint64_t rows = 0;
  std::uint32_t chunks = 0;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32C of all bytes
  IndexKind kind = IndexKind::kFlat;
  std::vector<std::uint32_t> dead;  // rows that were dead when it was written, ascending
  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

struct Manifest {
  std::int64_t dimension = 0;
  std::uint64_t applied_seq = 0;
  std::uint64_t next_segment = 1;
  IndexKind kind = IndexKind::kAuto;  // that segments are built as from now on
  std::string faiss_version;          // that built the newest graph: for people
  std::vector<ManifestEntry> segments;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

std::string EncodeManifest(const Manifest& manifest);
Result<Manifest> ParseManifest(std::string_view bytes);

// Writes all chunks of a sealed segment under segment->number and fills in its chunks, bytes and
// crc. Its rows are among them unless segment->rows_apart says that the store has them.
Status WriteSegment(Segment* segment, SegmentStore* store, std::stop_token stop);

// Gives the bytes of chunk i of the segment.
using ReadChunkFn = std::function<Result<std::string>(std::uint32_t)>;
// Everything in the entry is compared with what is read. `entry.dead` is not applied. The rows of
// one that has rows_apart are not filled: FillRows() of stored_rows.h does it. `rows_stay`: a graph
// with such rows becomes a segment that is far.
Result<std::shared_ptr<Segment>> ReadSegment(const ManifestEntry& entry, std::int64_t dimension,
                                             bool rows_stay, const ReadChunkFn& read_chunk);

}  // namespace espy::index

#endif  // ESPY_INDEX_SEGMENT_FORMAT_H_
