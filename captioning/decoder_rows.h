// The rows of one forward pass, and what each of them sees.
#ifndef ESPY_CAPTIONING_DECODER_ROWS_H_
#define ESPY_CAPTIONING_DECODER_ROWS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/cross_cache.h"
#include "captioning/kv_cache.h"
#include "espy/status.h"

namespace espy::captioning {

// A plain step is one row a sequence, a prompt a chain, a draft a tree: row i follows row
// parents[i] of the same call (a lower index, of the same sequence), or with -1 the last row that
// its sequence has kept. It sees the kept rows, its ancestors and itself; its position is how many
// those are before it.
struct DecoderInput {
  std::span<const std::int32_t> tokens;     // [n]
  std::span<const std::int32_t> parents;    // [n]
  std::span<const std::int32_t> sequences;  // [n], of the KvCache; empty: all of sequence 0
  // Rows whose logits are wanted, in the order in which they are written; empty: all n. (Of a
  // prompt only the last is read, and the vocabulary is a third of a step's weights.)
  std::span<const std::int32_t> logit_rows;
};

// A DecoderInput checked, its rows placed in a KvCache.
class DecoderRows {
 public:
  struct Row {
    std::int32_t sequence = 0;
    std::int64_t position = 0;
    std::int64_t kept = 0;  // rows of the sequence that are kept: slots [0, kept)
    std::int64_t slot = 0;  // the row's own
    std::int64_t path = 0;  // its ancestors' slots and its own: paths()[path, +path_length)
    std::int64_t path_length = 0;
  };

  // Begins a pass of `cache`. InvalidArgument, and nothing is changed: lengths that differ, a
  // parent that is not an earlier row of the same sequence, a sequence that is not there, a
  // picture that `cross` does not hold, a position from `context` on. An empty input is one too.
  static Result<DecoderRows> Place(const DecoderInput& in, std::int64_t context,
                                   const CrossCache& cross, KvCache* cache);

  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<std::int64_t>& paths() const { return paths_; }
  // The rows ordered by picture, so that each picture's are together: order()[i] is a row.
  const std::vector<std::int32_t>& order() const { return order_; }
  // Picture g of the call has the places [picture_offsets()[g], picture_offsets()[g + 1]) of
  // order().
  const std::vector<std::int64_t>& picture_offsets() const { return picture_offsets_; }
  const std::vector<std::int32_t>& pictures() const { return pictures_; }

 private:
  std::vector<Row> rows_;
  std::vector<std::int64_t> paths_;
  std::vector<std::int32_t> order_;
  std::vector<std::int64_t> picture_offsets_;
  std::vector<std::int32_t> pictures_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DECODER_ROWS_H_
