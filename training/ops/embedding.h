// Rows of a table by number, as torch.nn.Embedding.
//   y[i] = table[ids[i]],  d table[id] = sum of dy[i] over the i with ids[i] = id
#ifndef ESPY_TRAINING_OPS_EMBEDDING_H_
#define ESPY_TRAINING_OPS_EMBEDDING_H_

#include <cstdint>
#include <span>

#include "training/tape.h"

namespace espy::training {

// table [n, width] -> [ids, width]. `table` may be any node: this is how rows are gathered too. The
// gradient is summed in FP32 in the order of ids.
Node* Embedding(Tape& tape, Node* table, std::span<const std::int64_t> ids);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_EMBEDDING_H_
