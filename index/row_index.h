// An approximate index over the rows of one sealed segment: what leads a search to the few rows
// that are worth scoring. A segment has at most one, of any kind, and the view plans over all kinds
// by what each expects to cost.
//
// An index is immutable once built or read. It never scores by itself what a search returns: found
// rows carry the score that Dot() gives their half-precision row, so an answer has the same bits
// whichever index led to it.
#ifndef ESPY_INDEX_ROW_INDEX_H_
#define ESPY_INDEX_ROW_INDEX_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/status.h"
#include "index/vector_index.h"

namespace espy::index {

// Rows one behind the other, each `padded` halves long.
struct HalfRows {
  const std::uint16_t* data = nullptr;
  std::int64_t n = 0;
  std::int64_t padded = 0;
  const std::uint16_t* row(std::int64_t i) const { return data + i * padded; }
};

class RowReader;     // row_reader.h
class SegmentStore;  // vector_index.h

// Rows that are not in memory: row i is the one of ids[i].
struct FarRows {
  const RowReader* reader = nullptr;
  const std::uint64_t* ids = nullptr;
  std::int64_t padded = 0;
};

// Which rows of a sealed segment a search may return: those alive at its sequence number whose id
// is allowed.
class RowFilter {
 public:
  RowFilter() = default;
  // `died` is null when no row has died.
  RowFilter(const std::uint64_t* ids, const std::atomic<std::uint64_t>* died, std::uint64_t seq,
            const AllowedIds& allowed)
      : ids_(ids), died_(died), seq_(seq), allowed_(allowed) {}

  bool all() const { return died_ == nullptr && !allowed_.has_value(); }
  bool operator()(std::int64_t row) const {
    if (died_ != nullptr && died_[row].load(std::memory_order_acquire) <= seq_) return false;
    return !allowed_.has_value() || allowed_.Contains(ids_[row]);
  }

 private:
  const std::uint64_t* ids_ = nullptr;
  const std::atomic<std::uint64_t>* died_ = nullptr;
  std::uint64_t seq_ = 0;
  AllowedIds allowed_;
};

struct FoundRow {
  float score = 0;  // by Dot()
  std::int32_t row = 0;
};

struct RowQuery {
  const float* vector = nullptr;  // [padded], zeros behind the dimension
  std::int64_t k = 0;
  std::int64_t effort = 0;  // >= k: how many of the best rows to look for; a graph's ef
  RowFilter filter;
  double share = 1.0;   // of the rows, about, that the filter keeps
  double max_cost = 0;  // give up beyond it; unit: rows scored one behind the other
};

// Takes the next bytes of an index; gives the next bytes of one, an error when there are no more.
using ByteSink = std::function<Status(const void* data, std::size_t size)>;
using ByteSource = std::function<Status(void* data, std::size_t size)>;

class RowIndex {
 public:
  virtual ~RowIndex() = default;

  virtual IndexKind kind() const = 0;    // never kAuto, never kFlat
  virtual std::string Name() const = 0;  // for people: "HNSW"

  // Whether searching reads rows that the filter keeps out, as a walk does that passes over the
  // dead. Then the segment stores its rows: elsewhere, those of the dead are not to be had.
  virtual bool ReadsDeadRows() const { return false; }

  // What a search will cost, about; unit: rows scored one behind the other.
  virtual double ExpectedCost(std::int64_t effort, double share) const = 0;

  // The same of SearchAmong; infinite where there is none.
  virtual double ExpectedCostAmong(std::int64_t /*effort*/, double /*rows*/) const {
    return std::numeric_limits<double>::infinity();
  }

  // Fills `found` with accepted rows, in no given order: the best that it is led to, at least k of
  // them where it finds as many. False when it gave up: what was found is then not to be trusted.
  // Any thread; `rows` are those it was built over.
  virtual bool Search(const HalfRows& rows, const RowQuery& query,
                      std::vector<FoundRow>* found) const = 0;

  // The best of `among`, `query.effort` of them where there are as many, in no given order, without
  // reading the rows of all: for filters that keep few. The filter itself is not asked.
  virtual void SearchAmong(const HalfRows&, const RowQuery&,
                           std::span<const std::int32_t> /*among*/, std::vector<FoundRow>*) const {}

  // The same as Search for an index whose segment keeps no rows in memory: kind disk.
  virtual Status SearchFar(const FarRows&, const RowQuery&, bool* trusted,
                           std::vector<FoundRow>*) const {
    *trusted = false;
    return Status::Ok();
  }
  // Writes what such an index keeps in the store beside its segment's chunks, before these, and
  // lets go of it; says whose it is, of one that was read.
  virtual Status Place(SegmentStore*, std::uint64_t /*segment*/, const std::stop_token&) {
    return Status::Ok();
  }
  virtual void Attach(std::uint64_t /*segment*/) {}

  virtual std::uint64_t MemoryBytes() const = 0;

  // Exactly EncodedBytes() bytes go to the sink; docs/FORMATS.md draws them.
  virtual std::uint64_t EncodedBytes() const = 0;
  virtual Status Encode(const ByteSink& sink) const = 0;
};

// Builds what `options.kind` asks for; null when that is nothing (flat, or auto and few rows).
// Cancelled soon after `stop`.
Result<std::unique_ptr<RowIndex>> BuildRowIndex(const HalfRows& rows, const IndexOptions& options,
                                                std::stop_token stop);

// Reads the `bytes` bytes of an index of `kind` over `rows`; whatever they hold, a search of what
// is returned stays within the rows.
Result<std::unique_ptr<RowIndex>> ParseRowIndex(IndexKind kind, const HalfRows& rows,
                                                std::uint64_t bytes, const ByteSource& source);

}  // namespace espy::index

#endif  // ESPY_INDEX_ROW_INDEX_H_
