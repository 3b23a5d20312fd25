// Passes through a tower on the device, two at a time: while one computes, the host fills the next
// one's page-locked memory and its upload runs. Each lane has a stream, memory and recorded runs of
// its own, so that nothing is shared between them but the weights.
#ifndef ESPY_ENCODERS_DEVICE_LANES_H_
#define ESPY_ENCODERS_DEVICE_LANES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "encoders/device/vector_rows.h"
#include "espy/status.h"
#include "kernels/cuda/stream.h"
#include "kernels/cuda/vram.h"

namespace espy::encoders {

// The work of one pass for each number of items, recorded when it comes a second time: what is
// asked for once is not worth it, and the first run loads what cannot be loaded while recording.
class RecordedRuns {
 public:
  // Queues `work`, which must queue the same each time for the same `items`.
  Status Run(std::int64_t items, const cuda::Stream& stream, const std::function<Status()>& work);

 private:
  static constexpr std::size_t kMost = 16;
  std::map<std::int64_t, std::optional<cuda::Graph>> runs_;
};

struct Lane {
  cuda::Stream stream;
  cuda::VramArena arena;
  cuda::PinnedBuffer in;   // as large as `staged`
  cuda::PinnedBuffer out;  // as large as `result`
  RecordedRuns recorded;

  // Of the arena.
  std::byte* staged = nullptr;  // where `in` is uploaded to
  float* result = nullptr;      // [items, dimension]
  void* workspace = nullptr;    // cuBLASLt's

  // Of the pass under way.
  std::int64_t items = 0;
  VectorRows to;  // the pass's part
};

// What a tower needs of a lane for passes of at most `items` items: taken from the arena (and kept
// where the tower keeps it, for lane number `lane`) behind what every lane has.
struct LaneNeeds {
  std::size_t staged_bytes = 0;
  std::function<void(int lane, cuda::VramArena*)> take;
};

class Lanes {
 public:
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // NVIDIA's advice

  // needs(items) says what passes of so many items take. `most`: items of a pass where memory
  // allows. `budget` must outlive the lanes. `what` begins messages: "the image tower".
  Lanes(cuda::VramBudget* budget, std::string what, std::int64_t dimension, std::int64_t most,
        std::function<LaneNeeds(std::int64_t items)> needs)
      : budget_(budget),
        what_(std::move(what)),
        dimension_(dimension),
        most_(most),
        needs_(std::move(needs)) {}

  // Puts items [first, first + n) into the lane: fills lane->in and queues uploads and kernels
  // whose last writes lane->result; n is what it returns, 1 at least and `most` at most.
  using Queue = std::function<Result<std::int64_t>(int number, Lane* lane, std::int64_t first,
                                                   std::int64_t most)>;
  // All of `count` items, a row of `out` each, there when it returns. Where memory runs out, passes
  // become half as large until a single item does not fit. One call at a time; others wait.
  Status Encode(std::int64_t count, const Queue& queue, const VectorRows& out);

  // Items of a pass: as many as fit when last tried.
  std::int64_t most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  Status Make();
  Status TryMake(std::int64_t items, int lanes);
  Status TryEncode(std::int64_t count, const Queue& queue, const VectorRows& out);
  // Queues the way of a pass's vectors to where they go.
  Status QueueResults(Lane* lane) const;
  Status Finish(Lane* lane);
  void Halve(const Status& why);
  void Drop();

  // Constant after construction.
  cuda::VramBudget* const budget_;
  const std::string what_;
  const std::int64_t dimension_;

  mutable std::mutex mutex_;
  std::int64_t most_;                                         // guarded by mutex_
  const std::function<LaneNeeds(std::int64_t items)> needs_;  // called under mutex_
  std::vector<Lane> lanes_;                                   // guarded by mutex_
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_LANES_H_
