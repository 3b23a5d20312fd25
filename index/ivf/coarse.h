// The coarse part of an inverted file (Jegou, Douze and Schmid 2011): rows in lists, one for each
// of a set of centres; a query reads the lists whose centres score best with it.
#ifndef ESPY_INDEX_IVF_COARSE_H_
#define ESPY_INDEX_IVF_COARSE_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"
#include "index/ivf/projection.h"
#include "index/row_index.h"

namespace espy::index {

struct Coarse {
  IvfProjection projection;
  std::vector<std::uint16_t> centres;  // [lists][projection.to] halves, of projected rows

  std::int64_t dimensions() const { return projection.to; }
  std::int64_t lists() const { return static_cast<std::int64_t>(centres.size()) / projection.to; }
  std::uint64_t Bytes() const { return projection.Bytes() + centres.size() * 2; }
};

// How many lists so many rows get: four times the root, which balances reading centres with reading
// rows, and no list with fewer than a few rows on average.
std::int64_t ListCount(std::int64_t rows);

Result<Coarse> TrainCoarse(const HalfRows& rows, const IvfProjectionOptions& options,
                           ThreadPool* pool, const std::stop_token& stop);
// The list of each row.
Result<std::vector<std::int32_t>> AssignRows(const Coarse& coarse, const HalfRows& rows,
                                             ThreadPool* pool, const std::stop_token& stop);

// `count` different row numbers below n, ascending, drawn by `seed`.
std::vector<std::int32_t> SampleRows(std::int64_t n, std::int64_t count, std::uint64_t seed);

// A query as the lists see it, and the lists in the order in which they should be read. Reused from
// query to query.
class Probe {
 public:
  // Prepares the first `lists` of the order; equal scores by list number.
  void Begin(const Coarse& coarse, const float* query, std::int64_t lists);
  const float* projected() const { return projected_.data(); }
  // The i-th list to read; i below the number of lists, asked for in order.
  std::int32_t List(std::int64_t i);
  // What a row of the list scores by its centre alone: q . mean + (P q) . centre.
  float Score(std::int32_t list) const { return scores_[list]; }

 private:
  std::vector<float> projected_, scores_;
  std::vector<std::int32_t> order_;
  std::int64_t sorted_ = 0;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_COARSE_H_
