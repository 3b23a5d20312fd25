// Exact search of segments on a GPU. Their rows stay there from search to search; ids and deaths
// stay with the host. Scores, order and answers are those of the CPU, to the bit, so that a view
// may be searched on either, or partly on each.
#ifndef ESPY_INDEX_DEVICE_SEARCH_H_
#define ESPY_INDEX_DEVICE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "espy/status.h"
#include "index/segment.h"
#include "index/top_k.h"

namespace espy::index {

// Bit r % 32 of word r / 32 is set where row r may be found.
using RowMask = std::vector<std::uint32_t>;

// Rows [0, rows) of a segment, for a reader at `seq`.
struct DevicePart {
  std::shared_ptr<const Segment> segment;
  std::int64_t rows = 0;
  std::uint64_t seq = 0;
  // Fills the mask, which has bits for `rows` rows and begins as zeros, with the rows that are
  // alive at `seq` and allowed; empty: all that are alive.
  std::function<void(RowMask*)> allowed;
};

// A query of the segments' padded dimension, in the host's memory or in the device's, where work
// that is done has written it.
struct DeviceQuery {
  const float* data = nullptr;
  bool on_device = false;
};

class DeviceSearch {
 public:
  virtual ~DeviceSearch() = default;

  // Adds the k best rows of each part to `top`. searched[i] says whether part i was: one that finds
  // no room on the device is left to the CPU. After any other error no part was, `top` is as
  // before, and all later searches are left to the CPU. Any thread; searches take turns.
  virtual Status Search(const std::vector<DevicePart>& parts, const DeviceQuery& query,
                        std::int64_t k, TopK* top, std::vector<bool>* searched) = 0;

  // Brings `n` numbers of a query on the device to the host, for the parts that the CPU searches.
  virtual Status Read(const float* query, std::int64_t n, float* to) const = 0;

  // Whether a part of so many rows, of which about so many are allowed, is worth the way to the
  // device, and k within what it takes.
  virtual bool Takes(std::int64_t rows, std::int64_t allowed, std::int64_t k) const = 0;

  virtual std::string name() const = 0;            // "NVIDIA H200"
  virtual std::uint64_t memory_bytes() const = 0;  // on the device, for rows and masks
};

struct DeviceSearchOptions {
  std::uint64_t memory_bytes = 0;  // that segments may take on the device at most; 0: half of it
  // Parts of fewer rows, or with fewer allowed, are searched on the CPU, which has done by the time
  // that an answer is back. Not measured yet.
  std::int64_t least_rows = 4096;
  std::int64_t least_allowed = 2048;
};

// Of the first GPU. NotFound, saying why, where there is none, or where the program was built
// without CUDA.
Result<std::shared_ptr<DeviceSearch>> OpenDeviceSearch(const DeviceSearchOptions& options);

}  // namespace espy::index

#endif  // ESPY_INDEX_DEVICE_SEARCH_H_
