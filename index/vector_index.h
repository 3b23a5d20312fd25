// The searchable form of one space's vectors: sealed FAISS segments and a growing exact one.
// Derived from storage and always rebuildable; knows neither pictures nor RocksDB.
//
// Threads: one writer at a time (Add, Remove, Publish); any number of searches beside it, each on a
// View, which never changes; sealing and merging run on the caller's background thread (Maintain)
// beside both.
#ifndef ESPY_INDEX_VECTOR_INDEX_H_
#define ESPY_INDEX_VECTOR_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/status.h"
#include "index/id_set.h"

namespace espy::index {

struct Candidate {
  float score = 0;  // inner product with the query: the cosine for unit vectors
  std::uint64_t id = 0;
};

class DeviceSearch;  // device_search.h

// How a sealed segment is searched. The numbers are stored.
enum class IndexKind : std::uint8_t {
  kFlat = 0,        // every row, exactly
  kHnsw = 1,        // a graph over half-precision rows
  kGraph = 2,       // a graph over codes, and half-precision rows for the best
  kIvfFlat = 16,    // lists of rows, read exactly
  kIvfPq = 17,      // lists with codes of 4 bits a part
  kIvfRabitq = 18,  // lists with codes of one bit a dimension
  kDisk = 19,       // lists with codes of 4 bits a part in the store, and rows by their ids
  kAuto = 255,      // by the number of rows; never stored
};

struct IndexOptions {
  std::int64_t dimension = 0;
  // What sealed segments are built as: of a new index. One that is there has its kind in its
  // manifest, and keeps it.
  IndexKind kind = IndexKind::kAuto;
  // Empty() takes the stored index's kind, when it has one, in place of `kind`.
  bool keep_kind = false;
  // kAuto: once the rows and what leads to them would take more bytes than this in memory, segments
  // are built as kDisk; 0: never.
  std::uint64_t memory_budget = 0;
  std::int64_t seal_rows = 20'000;   // the growing segment is sealed at this many rows
  std::int64_t index_rows = 20'000;  // kAuto: a sealed segment of at least this many rows gets an
                                     // index, a smaller one is searched exactly
  int hnsw_m = 32;                   // kHnsw
  int hnsw_ef_construction = 200;    // kHnsw
  int graph_ef_construction = 100;   // kGraph: up to 100,000 rows; more, by their root, for more
  double merge_dead_share = 0.2;     // a sealed segment with more dead rows than this is rewritten
  int merge_fan_in = 8;              // this many segments of like size are merged to one
  int threads = 0;                   // for building; 0: one for each core
  // For a reader that asks little: the rows of graphs stay in the store, where they are apart, and
  // are read as they are scored.
  bool rows_stay = false;
  // Searches segments on a GPU, exactly, in place of their graphs; null: all on the CPU.
  std::shared_ptr<DeviceSearch> device;
};

class RowReader;  // row_reader.h

// Where segments are kept: implemented by the engine over storage. Chunks are at most 4 MiB;
// integrity is checked before bytes come back.
class SegmentStore {
 public:
  virtual ~SegmentStore() = default;
  virtual Status WriteChunk(std::uint64_t segment, std::uint32_t chunk, std::string_view bytes) = 0;
  virtual Result<std::string> ReadChunk(std::uint64_t segment, std::uint32_t chunk) = 0;
  virtual Status DeleteSegment(std::uint64_t segment) = 0;
  virtual Result<std::vector<std::uint64_t>> ListSegments() = 0;
  virtual Status WriteManifest(std::string_view bytes) = 0;
  virtual Result<std::string> ReadManifest() = 0;  // NotFound when there is none

  // For kind disk. Lists belong to a segment and are deleted with it.
  virtual Status WriteListChunk(std::uint64_t segment, std::uint32_t list, std::uint32_t chunk,
                                std::string_view bytes) {
    (void)segment, (void)list, (void)chunk, (void)bytes;
    return Status::Unsupported("the store keeps no lists");
  }
  // Lists, and the rows that were added, as they are now, for as long as the reader lives; null:
  // the store keeps none. Then kind disk is none for it, and segments store their rows.
  virtual std::shared_ptr<const RowReader> Rows() { return nullptr; }
};

struct SearchParams {
  std::int64_t k = 10;
  int ef_search = 128;
  bool exact = false;
  AllowedIds allowed;  // ids that may be returned; nullopt: all
};

// What one search sees.
class View {
 public:
  virtual ~View() = default;
  virtual std::uint64_t seq() const = 0;
  virtual std::int64_t live_rows() const = 0;
  // Whether there is a GPU for SearchFromDevice.
  virtual bool on_device() const = 0;
  // The k best, best first, equal scores by id. Scores come from the FP16-stored vectors in FP32 by
  // one routine, so that they have the same bits whatever segment holds a row. Fewer than k only
  // when fewer rows are alive and allowed.
  virtual Result<std::vector<Candidate>> Search(std::span<const float> query,
                                                const SearchParams& params) const = 0;
  // The same for a query that lies in the GPU's memory, PaddedDimension(dimension) numbers of which
  // those beyond the dimension are zeros, and that stays there but for parts that the CPU searches.
  // Unsupported where the index is searched on no GPU; InvalidArgument for a query that holds no
  // numbers.
  virtual Result<std::vector<Candidate>> SearchFromDevice(const float* query,
                                                          const SearchParams& params) const = 0;
  // The same for many queries, one behind the other, each of the index's dimension: the same
  // answers as one by one, and faster where rows are read, because they are read once for all.
  virtual Result<std::vector<std::vector<Candidate>>> SearchBatch(
      std::span<const float> queries, const SearchParams& params) const = 0;
  virtual std::vector<std::uint64_t> LiveIds() const = 0;          // ascending
  virtual std::string Plan(const SearchParams& params) const = 0;  // one line for people
};

struct IndexStats {
  IndexKind kind = IndexKind::kAuto;  // that segments are built as from now on
  std::uint64_t sealed_segments = 0, sealed_rows = 0, dead_rows = 0, growing_rows = 0;
  std::uint64_t memory_bytes = 0;
};

class VectorIndex {
 public:
  // Loads the manifest and its segments, deletes orphans (chunks no manifest names; not when
  // read_only). A segment that cannot be read is an error naming it; the remedy is Rebuild (start
  // from an empty manifest and add every vector). What follows is the replay of the log, then
  // ReadRows.
  static Result<std::unique_ptr<VectorIndex>> Open(const IndexOptions& options, SegmentStore* store,
                                                   bool read_only = false);
  // An empty index whose first manifest write replaces whatever is stored. Nothing stored is
  // touched before the first Maintain has built all that there is to build, so a rebuild that fails
  // or is cancelled leaves the old index whole.
  static std::unique_ptr<VectorIndex> Empty(const IndexOptions& options, SegmentStore* store);
  virtual ~VectorIndex() = default;

  // The log must be replayed above this number after Open; 0: the index is empty, and everything
  // must be added. A number above the log's last means that the index is not this library's:
  // rebuild it.
  virtual std::uint64_t applied_seq() const = 0;

  // Once that was done, and before a view is taken or anything built: reads the rows of segments
  // that were stored without them, from where the store has them. The store's own error where it
  // cannot read them; Corruption, naming ids, where it has none for a row that is alive.
  virtual Status ReadRows() = 0;

  // Writer's side. `half` has the index's dimension. Several changes may share a number. An id
  // added again replaces its earlier row. Changes are seen by views taken after Publish(seq).
  virtual void Add(std::uint64_t seq, std::uint64_t id, std::span<const std::uint16_t> half) = 0;
  // The same for an id that has no row alive, which is then not looked for.
  virtual void AddNew(std::uint64_t seq, std::uint64_t id, std::span<const std::uint16_t> half) {
    Add(seq, id, half);
  }
  virtual void Remove(std::uint64_t seq, std::uint64_t id) = 0;
  virtual void Publish(std::uint64_t seq) = 0;

  // With kind disk, while the store stands at the number that was published last.
  virtual std::shared_ptr<const View> TakeView() const = 0;

  // For an index that is being filled (Empty), every row at the same `seq`: once a merge's worth of
  // rows is there, builds segments of them where these keep no rows in memory, so that never all
  // rows are. Writes no manifest; Publish and Maintain end the filling.
  virtual Status SealFull(std::uint64_t seq, std::stop_token stop) = 0;

  // True when Maintain has something to do.
  virtual bool NeedsMaintenance() const = 0;
  // Seals a full growing segment, merges; writes segments and the manifest. `everything`: seal what
  // there is, rewrite every segment with dead rows, and consolidate (compact). Returns Cancelled
  // soon after `stop` is requested, with nothing half-done.
  virtual Status Maintain(bool everything, std::stop_token stop) = 0;

  // Merges segments that Maintain leaves apart, so that searches walk few: more work than it is
  // worth while changes come in. As Maintain otherwise.
  virtual bool NeedsConsolidation() const = 0;
  virtual Status Consolidate(std::stop_token stop) = 0;

  virtual IndexStats stats() const = 0;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_VECTOR_INDEX_H_
