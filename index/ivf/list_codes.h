// The codes of a list's rows, and estimating scores from them. A list is coded and read as one run
// of bytes, wherever it is kept:
//
//     blocks of 32 rows, scan4.h's layout   ceil(n / 32) * parts * 16 bytes
//     RaBitQ: scale and spread of each row  n * 8 bytes, then zeros up to a multiple of 64
//
// What is coded is a row's projected offset from its list's centre, so the estimate of a score is
// what the list scores by its centre plus what the code says of the rest.
#ifndef ESPY_INDEX_IVF_LIST_CODES_H_
#define ESPY_INDEX_IVF_LIST_CODES_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "index/ivf/coarse.h"
#include "index/ivf/pq4.h"
#include "index/ivf/scan4.h"
#include "index/ivf/shortlist.h"
#include "index/row_index.h"

namespace espy::index {

enum class CodeKind : std::uint8_t {
  kNone = 0,    // rows are scored exactly
  kPq4 = 1,     // pq4.h
  kRabitq = 2,  // rabitq.h
};

struct ListCodes {
  CodeKind kind = CodeKind::kNone;
  std::int64_t parts = 0;  // a multiple of 4; 0 for kNone
  Pq4 pq;                  // kPq4
  // How far above its estimate a score is expected to be at most: mean and three deviations of what
  // was seen while building. For RaBitQ beside each row's own bound, for the dimensions left out.
  float slack = 0;

  std::int64_t BlocksBytes(std::int64_t rows) const {
    return (rows + kScanRows - 1) / kScanRows * BlockBytes(parts);
  }
  std::int64_t ListBytes(std::int64_t rows) const {
    const std::int64_t factors = kind == CodeKind::kRabitq ? (rows * 8 + 63) / 64 * 64 : 0;
    return BlocksBytes(rows) + factors;
  }
  // `offsets` [rows][dimensions]; `out` has ListBytes(rows) zero bytes.
  void EncodeList(const float* offsets, std::int64_t rows, std::uint8_t* out) const;
};

// Which projection the codes of a kind want.
IvfProjectionOptions ProjectionFor(CodeKind kind);

// Trains codes over offsets of sampled rows from their centres, and measures their slack.
Result<ListCodes> TrainListCodes(CodeKind kind, const Coarse& coarse, const HalfRows& rows,
                                 const std::vector<std::int32_t>& lists, ThreadPool* pool,
                                 const std::stop_token& stop);

// A query's tables over the codes. Reused from query to query.
class ListQuery {
 public:
  // `projected` as Probe has it.
  void Begin(const ListCodes& codes, const float* projected);
  // Adds the list's rows that pass the filter and the shortlist's threshold. Row i of the list is
  // row `rows[i]`; `score` is the list's by its centre; `bytes` are its codes.
  void ScanList(const ListCodes& codes, const std::uint8_t* bytes, const std::int32_t* rows,
                std::int64_t n, float score, const RowFilter& filter, Shortlist* shortlist);

 private:
  ByteTable table_;
  std::vector<float> floats_;
  std::vector<std::uint16_t> sums_;
  float length_ = 0;  // of the projected query
  float slack_ = 0;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_LIST_CODES_H_
