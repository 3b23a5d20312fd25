// Attention of the rows of a decoding step, each to its own past: the rows that its sequence has
// kept, then a path of further rows. With several rows a sequence it is attention under the
// ancestor mask of a tree, without the mask: a row reads the keys that it sees and no others.
#ifndef ESPY_KERNELS_PATH_ATTENTION_H_
#define ESPY_KERNELS_PATH_ATTENTION_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/attention.h"

namespace espy::kernels {

// What one query sees: rows 0 .. kept - 1 of k and v, then the rows path[0], path[1], ...; one key
// at least.
struct AttentionPath {
  HeadRows k, v;
  std::int64_t kept = 0;
  const std::int64_t* path = nullptr;
  std::int64_t path_length = 0;
};

struct PathAttentionArgs {
  std::int64_t rows = 0;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;  // any size from 1 to 1024
  float scale = 1;
  const AttentionPath* paths = nullptr;  // [rows]
  HeadRows q;                            // [rows, heads * head_dim]
  float* out = nullptr;                  // the same shape
  std::int64_t out_stride = 0;
};

// A row's bits depend on its query and on the keys it sees, in the order in which it sees them;
// not on where they lie: a key kept and the same key at the end of a path are one.
void PathAttention(const PathAttentionArgs& args, ThreadPool* pool);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PATH_ATTENTION_H_
