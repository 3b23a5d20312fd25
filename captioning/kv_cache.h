// Keys and values of the text that a decoder has read so far, for several sequences.
#ifndef ESPY_CAPTIONING_KV_CACHE_H_
#define ESPY_CAPTIONING_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "captioning/slot_pool.h"
#include "kernels/aligned_buffer.h"

namespace espy::captioning {

// A sequence has `length` kept rows, one a position, and after them the pending rows of the last
// forward pass over it: a plain step's one, a prompt's chain, or a draft's tree. Keep makes a path
// of the pending rows the sequence's new end, in place; the others are dropped, as all are when
// the next forward pass begins without one.
//
// Rows are FP32 in every precision of the products: they are few (a caption has tens), and so a row
// read back is the row written. Or they lie on a device, and the cache knows which of its slots
// each row has: there copies of a sequence share their rows, and nothing moves.
//
// For one thread at a time; sequences are numbered from 0 in the order of Add.
class KvCache {
 public:
  // layers: of the decoder; width: of its rows.
  KvCache(std::int64_t layers, std::int64_t width);
  // Of rows on a device: in slots of `pool`, which are given back as rows are dropped.
  explicit KvCache(std::shared_ptr<SlotPool> pool);
  KvCache(KvCache&&) = default;
  KvCache& operator=(KvCache&& other) noexcept;
  ~KvCache();

  // An empty sequence that looks at picture `picture` of the cross cache.
  std::int32_t Add(std::int32_t picture);
  std::int64_t sequences() const { return static_cast<std::int64_t>(sequences_.size()); }

  std::int64_t length(std::int32_t sequence) const { return At(sequence).length; }
  std::int32_t picture(std::int32_t sequence) const { return At(sequence).picture; }
  bool on_device() const { return pool_ != nullptr; }
  // Of the rows of a sequence on a device, kept ones and then pending ones: their slots.
  const std::vector<std::int32_t>& places(std::int32_t sequence) const {
    return At(sequence).places;
  }
  std::int64_t layers() const { return layers_; }
  std::int64_t width() const { return width_; }

  // rows: indices among the rows of the last forward pass, all of `sequence`, each the parent of
  // the one after it and the first's parent -1. They become the sequence's end; O(rows kept that
  // have to move). An empty path drops all pending rows.
  void Keep(std::int32_t sequence, std::span<const std::int32_t> rows);

  // Beams: the sequences become copies of sources[0], sources[1], ..., kept rows, picture and all;
  // as many as `sources` has, whatever there were. Pending rows are dropped: Keep first.
  void Reorder(std::span<const std::int32_t> sources);

  // The first `length` rows of the sequence stay kept.
  void Truncate(std::int32_t sequence, std::int64_t length);

  // Removes every sequence; memory is kept for the next.
  void Clear();

  // For the forward pass, in its order:

  // Room for `rows[s]` pending rows of each sequence s; what was pending is dropped. Throws
  // std::bad_alloc, then or at AddPending.
  void BeginPass(std::span<const std::int64_t> rows);
  // A row of the pass: row `row` of the call, whose parent is row `parent` of the call or -1.
  // Returns its slot among the sequence's: where its key and value go. Slots of kept rows are
  // their positions.
  std::int64_t AddPending(std::int32_t sequence, std::int32_t row, std::int32_t parent);
  // Of a layer, [slots, width] each, rows adjacent; valid until the next BeginPass.
  float* keys(std::int32_t sequence, std::int64_t layer);
  float* values(std::int32_t sequence, std::int64_t layer);

 private:
  struct Pending {
    std::int32_t row = 0;
    std::int32_t parent = -1;
  };
  struct Sequence {
    std::int32_t picture = 0;
    std::int64_t length = 0;
    std::vector<Pending> pending;      // of slots length, length + 1, ...
    std::int64_t slots = 0;            // that there is room for
    kernels::AlignedBuffer rows;       // [layers, 2, slots, width]: keys, then values
    std::vector<std::int32_t> places;  // on a device: of kept rows, then of pending ones
  };

  const Sequence& At(std::int32_t sequence) const;
  Sequence& At(std::int32_t sequence);
  float* Rows(Sequence* sequence, std::int64_t part) const;  // part: 2 * layer, + 1 for values
  void Grow(Sequence* sequence, std::int64_t slots) const;
  void CopyKept(const Sequence& from, Sequence* to) const;
  void Move(Sequence* sequence, std::int64_t from, std::int64_t to) const;
  // Of rows on a device: those from `length` on.
  void GiveBack(Sequence* sequence, std::int64_t length) const;

  std::int64_t layers_ = 0;
  std::int64_t width_ = 0;
  std::shared_ptr<SlotPool> pool_;  // null: the rows are here
  std::vector<Sequence> sequences_;
  std::vector<Sequence> spare_;  // of which the memory is used again
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_KV_CACHE_H_
