// The few coordinates of a vector that tell near from far: principal components, learned from a
// sample of a segment's rows.
//
// Embeddings lie in a cone (they share a large common part), and vary along far fewer directions
// than they have dimensions. With m the mean, x = m + r and q = m + p: the inner product q.x is
// m.m + m.p + m.r + p.r; the first two are the same for all rows, the third is a number a row, and
// the last is close to (B p).(B r), B the leading components as rows. Where rows do not compress
// so, z is r itself.
#ifndef ESPY_INDEX_PROJECTION_H_
#define ESPY_INDEX_PROJECTION_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"
#include "index/codes.h"
#include "index/row_index.h"

namespace espy::index {

struct Projection {
  std::int64_t dimension = 0;        // of rows, padded
  std::int64_t dims = 0;             // of z
  std::vector<float> mean;           // [dimension]
  std::vector<std::uint16_t> basis;  // [dims][dimension], halves; empty: z is the centred vector

  // z: [dims]
  void Apply(const float* vector, float* z) const;
  // z of a row, and the number that is added to its score.
  void ApplyRow(const std::uint16_t* row, float* z, float* bias) const;
  std::uint64_t MemoryBytes() const { return mean.size() * 4 + basis.size() * 2; }
};

// As many dimensions (in steps of a cache line of code) as make walks cheapest: with few, more rows
// must be met until the ten nearest are among them. Judged on the rows themselves; when they do not
// compress so, the projection is none.
Projection LearnProjection(const HalfRows& rows, ThreadPool* pool);

// Codes of all rows. Cancelled soon after `stop`.
Result<CodeMatrix> EncodeRows(const Projection& projection, const HalfRows& rows, ThreadPool* pool,
                              std::stop_token stop);

}  // namespace espy::index

#endif  // ESPY_INDEX_PROJECTION_H_
