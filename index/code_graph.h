// A proximity graph over codes: one layer of links, and a sample of rows at which walks may begin.
//
// It is built like a Vamana graph (DiskANN: Subramanya et al. 2019): rows come in random order,
// each looks for its neighbours in what is there, keeps those that no kept one hides, and is linked
// back. Rows come in batches that see only earlier batches (ParlayANN: Manohar et al. 2024), so the
// graph follows from the codes alone, whatever the number of threads, and no locks are needed.
// There are no upper layers: comparing a query with a few hundred sampled codes, which lie together
// in memory, costs less than descending through them and leads as near.
#ifndef ESPY_INDEX_CODE_GRAPH_H_
#define ESPY_INDEX_CODE_GRAPH_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"
#include "index/aligned_bytes.h"
#include "index/codes.h"
#include "index/row_index.h"

namespace espy::index {

// The links of all rows: a cache line or two for each, of row numbers that take three bytes (21
// links a line) where three bytes can name every row, else four (16).
class LinkTable {
 public:
  LinkTable() = default;
  LinkTable(std::int64_t n, std::int64_t lines);  // without links
  static std::int64_t LinkBytes(std::int64_t n) { return n < 0xffffff ? 3 : 4; }

  std::int64_t n() const { return n_; }
  std::int64_t lines() const { return lines_; }
  std::int64_t degree() const { return degree_; }  // links a row, at most
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(n_ * lines_ * kCodeLine); }
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }

  const std::uint8_t* row(std::int64_t i) const { return data_.get() + i * lines_ * kCodeLine; }
  // Calls visit(to) for each link in order.
  template <class Visit>
  void ForEach(std::int64_t i, const Visit& visit) const {
    const std::uint8_t* at = row(i);
    for (std::int64_t j = 0; j < degree_; ++j, at += link_bytes_) {
      std::uint32_t to;
      std::memcpy(&to, at, sizeof(to));
      to &= mask_;
      if (to == mask_) return;
      visit(static_cast<std::int32_t>(to));
    }
  }
  void Set(std::int64_t i, std::span<const std::int32_t> links);  // at most degree()
  void Prefetch(std::int64_t i) const {
    for (std::int64_t line = 0; line < lines_; ++line) {
      __builtin_prefetch(row(i) + line * kCodeLine);
    }
  }

 private:
  std::int64_t n_ = 0, lines_ = 0, link_bytes_ = 0, degree_ = 0;
  std::uint32_t mask_ = 0;  // of a link's bytes; the number that it is ends a row's links
  AlignedArray<std::uint8_t> data_;
};

struct CodeGraph {
  LinkTable links;
  std::vector<std::int32_t> entries;  // rows at which walks may begin
  CodeMatrix entry_codes;             // theirs, in that order

  std::uint64_t MemoryBytes() const {
    return links.bytes() + entries.size() * sizeof(std::int32_t) + entry_codes.bytes();
  }
  void CopyEntryCodes(const CodeMatrix& codes);
  // Every number in range, so that no walk can leave the arrays: for graphs that were read.
  Status Validate() const;
};

struct CodeGraphOptions {
  std::int64_t ef_construction = 100;
  // 0: one, or two where a code takes three or more, and memory is not what is saved.
  std::int64_t link_lines = 0;
};
// Cancelled soon after `stop`. The same graph for any number of threads.
Result<CodeGraph> BuildCodeGraph(const CodeMatrix& codes, const CodeGraphOptions& options,
                                 ThreadPool* pool, std::stop_token stop);

// How many rows a graph of n rows has to begin at.
std::int64_t EntryCount(std::int64_t n);

// A row that a walk met, by the score of its code.
struct MetRow {
  float score = 0;
  std::int32_t row = 0;
};

// Walks to the `ef` best rows that the graph leads to, best first. False when more than `budget`
// codes were scored before that.
bool WalkCodes(const CodeGraph& graph, const CodeMatrix& codes, const CodeQuery& query,
               std::int64_t ef, std::int64_t budget, std::vector<MetRow>* found);
// The same for the `ef` best accepted rows, in no given order: others are passed through.
bool WalkCodesFiltered(const CodeGraph& graph, const CodeMatrix& codes, const CodeQuery& query,
                       std::int64_t ef, std::int64_t budget, const RowFilter& filter,
                       std::vector<MetRow>* found);

}  // namespace espy::index

#endif  // ESPY_INDEX_CODE_GRAPH_H_
