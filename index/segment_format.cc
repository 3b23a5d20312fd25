#include "index/segment_format.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "index/hnsw_index.h"
#include "index/index_kind.h"

namespace espy::index {
namespace {

constexpr std::uint8_t kManifestVersion = 2;
constexpr std::string_view kMagic = "ESPYSEG\n";
constexpr std::uint32_t kSegmentVersion = 3;
constexpr std::uint64_t kMaxRows = std::numeric_limits<std::int32_t>::max();

// What the header of version 1 says of its HNSW graph.
struct Graph1 {
  std::int32_t m;  // 0: no graph
  std::int32_t entry;
  std::int32_t top_layer;
  std::uint32_t reserved;
};
struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t dimension;
  std::uint64_t rows;
  std::uint32_t kind;
  std::uint32_t rows_apart;  // 0 or 1; before version 3: 0, and kDisk has its rows apart
  std::uint64_t index_bytes;
};
static_assert(sizeof(Header) == 40 && offsetof(Header, kind) == 24 && sizeof(Graph1) == 16);

// Bytes cut into chunks as they come.
class ChunkWriter {
 public:
  ChunkWriter(Segment* segment, SegmentStore* store, std::stop_token stop)
      : segment_(segment), store_(store), stop_(std::move(stop)) {
    segment_->chunks = 0;
    segment_->stored_bytes = 0;
    segment_->crc = 0;
  }

  Status Write(const void* data, std::size_t size) {
    const char* from = static_cast<const char*>(data);
    while (size > 0) {
      const std::size_t part = std::min(size, kChunkBytes - chunk_.size());
      chunk_.append(from, part);
      from += part;
      size -= part;
      if (chunk_.size() == kChunkBytes) ESPY_RETURN_IF_ERROR(Finish());
    }
    return Status::Ok();
  }

  Status Finish() {
    if (chunk_.empty()) return Status::Ok();
    if (stop_.stop_requested()) return Status::Cancelled("writing a segment: stopped");
    ESPY_RETURN_IF_ERROR(store_->WriteChunk(segment_->number, segment_->chunks, chunk_));
    ++segment_->chunks;
    segment_->stored_bytes += chunk_.size();
    segment_->crc = Crc32c(chunk_, segment_->crc);
    chunk_.clear();
    return Status::Ok();
  }

 private:
  Segment* const segment_;
  SegmentStore* const store_;
  const std::stop_token stop_;
  std::string chunk_;
};

// The bytes of all chunks as one stream; an error once the segment ends early.
class ChunkReader {
 public:
  ChunkReader(const ManifestEntry& entry, const ReadChunkFn& read) : entry_(entry), read_(read) {}

  Status Read(void* data, std::size_t size) {
    char* to = static_cast<char*>(data);
    while (size > 0) {
      if (at_ == chunk_.size()) ESPY_RETURN_IF_ERROR(Next());
      const std::size_t part = std::min(size, chunk_.size() - at_);
      std::memcpy(to, chunk_.data() + at_, part);
      at_ += part;
      to += part;
      size -= part;
    }
    return Status::Ok();
  }

  // Everything was read, and it was what the manifest says.
  Status Finish() const {
    if (at_ != chunk_.size() || next_ != entry_.chunks || bytes_ != entry_.bytes) {
      return Status::Corruption("its length differs from the manifest");
    }
    if (crc_ != entry_.crc) return Status::Corruption("its checksum differs from the manifest");
    return Status::Ok();
  }

 private:
  Status Next() {
    if (next_ == entry_.chunks) return Status::Corruption("it ends early");
    ESPY_ASSIGN_OR_RETURN(chunk_, read_(next_));
    if (chunk_.empty()) return Status::Corruption("a chunk is empty");
    ++next_;
    at_ = 0;
    bytes_ += chunk_.size();
    crc_ = Crc32c(chunk_, crc_);
    return Status::Ok();
  }

  const ManifestEntry& entry_;
  const ReadChunkFn& read_;
  std::string chunk_;
  std::size_t at_ = 0;
  std::uint32_t next_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

// `graph1`: the segment has version 1, whose graph follows from its header.
Result<std::unique_ptr<RowIndex>> ReadIndex(IndexKind kind, const Graph1* graph1,
                                            const HalfRows& rows, std::uint64_t bytes,
                                            ChunkReader* reader) {
  const ByteSource source = [&](void* data, std::size_t size) -> Status {
    if (size > bytes) return Status::Corruption("its index does not fit its length");
    bytes -= size;
    return reader->Read(data, size);
  };
  if (graph1 == nullptr) return ParseRowIndex(kind, rows, bytes, source);
  auto graph = std::make_unique<HnswGraph>();
  graph->m = graph1->m;
  graph->entry = graph1->entry;
  graph->top_layer = graph1->top_layer;
  return HnswIndex::ParseLinks(std::move(graph), rows, bytes, source);
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string out(1, static_cast<char>(kManifestVersion));
  PutVarint(&out, static_cast<std::uint64_t>(manifest.dimension));
  PutVarint(&out, manifest.applied_seq);
  PutVarint(&out, manifest.next_segment);
  PutString(&out, manifest.faiss_version);
  out.push_back(static_cast<char>(manifest.kind));
  PutVarint(&out, manifest.segments.size());
  for (const ManifestEntry& entry : manifest.segments) {
    PutVarint(&out, entry.number);
    PutVarint(&out, entry.rows);
    PutVarint(&out, entry.chunks);
    PutVarint(&out, entry.bytes);
    PutFixed(&out, entry.crc);
    out.push_back(static_cast<char>(entry.kind));
    PutVarint(&out, entry.dead.size());
    std::uint32_t next = 0;  // each dead row as its distance from the one before
    for (const std::uint32_t row : entry.dead) {
      PutVarint(&out, row - next);
      next = row + 1;
    }
  }
  return out;
}

Result<Manifest> ParseManifest(std::string_view bytes) {
  const Status damaged = Status::Corruption("the manifest does not parse");
  if (bytes.empty()) return damaged;
  const auto version = static_cast<std::uint8_t>(bytes.front());
  if (version > kManifestVersion) {
    return Status::Unsupported("the manifest has version " + std::to_string(version) +
                               ", and this program knows " + std::to_string(kManifestVersion));
  }
  if (version == 0) return damaged;
  bytes.remove_prefix(1);
  Manifest manifest;
  std::uint64_t dimension = 0, segments = 0;
  if (!GetVarint(&bytes, &dimension) || dimension < 1 || dimension > 65'536 ||
      !GetVarint(&bytes, &manifest.applied_seq) || !GetVarint(&bytes, &manifest.next_segment) ||
      !GetString(&bytes, &manifest.faiss_version)) {
    return damaged;
  }
  if (version > 1) {
    std::uint8_t kind = 0;
    if (!GetFixed(&bytes, &kind)) return damaged;
    // One that only a later program can build: its segments say so when they are read.
    manifest.kind = IsIndexKind(kind) ? static_cast<IndexKind>(kind) : IndexKind::kAuto;
  }
  if (!GetVarint(&bytes, &segments) || segments > bytes.size()) return damaged;
  manifest.dimension = static_cast<std::int64_t>(dimension);
  for (std::uint64_t i = 0; i < segments; ++i) {
    ManifestEntry entry;
    std::uint64_t chunks = 0, dead = 0;
    std::uint8_t kind = 0;  // version 1: whether there is an HNSW graph
    if (!GetVarint(&bytes, &entry.number) || !GetVarint(&bytes, &entry.rows) || entry.rows < 1 ||
        entry.rows > kMaxRows || !GetVarint(&bytes, &chunks) || chunks > UINT32_MAX ||
        !GetVarint(&bytes, &entry.bytes) || !GetFixed(&bytes, &entry.crc) ||
        !GetFixed(&bytes, &kind) || kind > (version == 1 ? 1 : 254) || !GetVarint(&bytes, &dead) ||
        dead > entry.rows || dead > bytes.size()) {
      return damaged;
    }
    entry.chunks = static_cast<std::uint32_t>(chunks);
    entry.kind = static_cast<IndexKind>(kind);
    entry.dead.reserve(dead);
    std::uint64_t next = 0;
    for (std::uint64_t j = 0; j < dead; ++j) {
      std::uint64_t gap = 0;
      if (!GetVarint(&bytes, &gap) || gap >= entry.rows - next) return damaged;
      entry.dead.push_back(static_cast<std::uint32_t>(next + gap));
      next += gap + 1;
    }
    manifest.segments.push_back(std::move(entry));
  }
  if (!bytes.empty()) return damaged;
  return manifest;
}

Status WriteSegment(Segment* segment, SegmentStore* store, std::stop_token stop) {
  if (segment->row_index() != nullptr) {
    ESPY_RETURN_IF_ERROR(segment->mutable_row_index()->Place(store, segment->number, stop));
  }
  ChunkWriter writer(segment, store, std::move(stop));
  const RowIndex* index = segment->row_index();
  Header header{};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  header.version = kSegmentVersion;
  header.dimension = static_cast<std::uint32_t>(segment->dimension());
  header.rows = static_cast<std::uint64_t>(segment->rows());
  header.kind = static_cast<std::uint32_t>(segment->kind());
  header.rows_apart = segment->far() || segment->rows_apart ? 1 : 0;
  if (index != nullptr) header.index_bytes = index->EncodedBytes();
  ESPY_RETURN_IF_ERROR(writer.Write(&header, sizeof(header)));
  ESPY_RETURN_IF_ERROR(
      writer.Write(segment->sorted_ids().data(), segment->sorted_ids().size_bytes()));
  for (std::int64_t row = 0; row < (header.rows_apart != 0 ? 0 : segment->rows()); ++row) {
    ESPY_RETURN_IF_ERROR(writer.Write(segment->Row(row), segment->dimension() * 2));
  }
  if (index != nullptr) {
    ESPY_RETURN_IF_ERROR(index->Encode(
        [&](const void* data, std::size_t size) { return writer.Write(data, size); }));
  }
  return writer.Finish();
}

Result<std::shared_ptr<Segment>> ReadSegment(const ManifestEntry& entry, std::int64_t dimension,
                                             bool rows_stay, const ReadChunkFn& read_chunk) {
  ChunkReader reader(entry, read_chunk);
  Header header{};
  ESPY_RETURN_IF_ERROR(reader.Read(&header, sizeof(header)));
  if (std::memcmp(header.magic, kMagic.data(), kMagic.size()) != 0) {
    return Status::Corruption("it does not begin as a segment");
  }
  if (header.version > kSegmentVersion || header.version == 0) {
    return Status::Unsupported("it has version " + std::to_string(header.version) +
                               ", and this program knows " + std::to_string(kSegmentVersion));
  }
  Graph1 graph1{};
  IndexKind kind = static_cast<IndexKind>(header.kind);
  if (header.version == 1) {
    std::memcpy(&graph1, reinterpret_cast<const char*>(&header) + offsetof(Header, kind),
                sizeof(graph1));
    kind = graph1.m == 0 ? IndexKind::kFlat : IndexKind::kHnsw;
  } else if (header.kind > 254 || header.rows_apart > (header.version == 2 ? 0 : 1)) {
    return Status::Corruption("its header does not parse");
  }
  const bool disk = kind == IndexKind::kDisk;
  if (header.version < 3) {
    header.rows_apart = disk ? 1 : 0;
  } else if (disk && header.rows_apart == 0) {
    return Status::Corruption("its header does not parse");
  }
  if (header.dimension != dimension || header.rows != entry.rows || kind != entry.kind) {
    return Status::Corruption("its header differs from the manifest");
  }
  // rows is at most 2^31 and the dimension 2^16: no overflow.
  const bool apart = header.rows_apart != 0;
  const bool far = disk || (rows_stay && apart && kind == IndexKind::kGraph);
  const std::uint64_t row_bytes = 8 + (apart ? 0 : std::uint64_t{2} * header.dimension);
  const std::uint64_t flat_bytes = sizeof(header) + entry.rows * row_bytes;
  if (entry.bytes < flat_bytes || (kind == IndexKind::kFlat && entry.bytes != flat_bytes) ||
      (header.version != 1 && header.index_bytes != entry.bytes - flat_bytes) ||
      entry.bytes > entry.chunks * std::uint64_t{kChunkBytes}) {
    return Status::Corruption("its rows do not fit its length");
  }
  const auto rows = static_cast<std::int64_t>(entry.rows);
  std::shared_ptr<Segment> segment =
      far ? Segment::Far(dimension, rows) : Segment::Sealed(dimension, rows);
  ESPY_RETURN_IF_ERROR(reader.Read(segment->sealed_ids(), entry.rows * 8));
  const auto ids = segment->sorted_ids();
  if (std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) != ids.end()) {
    return Status::Corruption("its ids are not in order");
  }
  segment->rows_apart = apart && !far;
  if (apart) {
    // Its rows are read by their ids.
  } else if (segment->padded() == dimension) {
    ESPY_RETURN_IF_ERROR(reader.Read(segment->sealed_row(0), entry.rows * dimension * 2));
  } else {
    for (std::int64_t row = 0; row < rows; ++row) {
      ESPY_RETURN_IF_ERROR(reader.Read(segment->sealed_row(row), dimension * 2));
    }
  }
  if (kind != IndexKind::kFlat) {
    ESPY_ASSIGN_OR_RETURN(
        auto index, ReadIndex(kind, header.version == 1 ? &graph1 : nullptr, segment->half_rows(),
                              entry.bytes - flat_bytes, &reader));
    segment->set_row_index(std::move(index));
  }
  ESPY_RETURN_IF_ERROR(reader.Finish());
  segment->number = entry.number;
  segment->chunks = entry.chunks;
  segment->stored_bytes = entry.bytes;
  segment->crc = entry.crc;
  return segment;
}

}  // namespace espy::index
