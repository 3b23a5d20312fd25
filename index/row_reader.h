// Rows and lists that are not in memory, read as of one moment: what segments of kind disk are
// searched by, and what others find their rows by when they are opened. A view keeps one, so that
// it sees what was there when it was taken, whatever is forgotten or merged meanwhile. Implemented
// by the engine over storage.
#ifndef ESPY_INDEX_ROW_READER_H_
#define ESPY_INDEX_ROW_READER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "espy/status.h"

namespace espy::index {

class RowReader {
 public:
  virtual ~RowReader() = default;

  // Calls row(i, half) for each of `ids`, which ascend; half has the dimension's numbers, and lives
  // until the call returns. Ids that have no row are passed over. Any thread.
  using RowFn = std::function<void(std::size_t, std::span<const std::uint16_t>)>;
  virtual Status Read(std::span<const std::uint64_t> ids, const RowFn& row) const = 0;

  // Calls row(id, half) for each row whose id lies in [first, last], in order of id, until it
  // answers false. Any thread; what it costs is reading those rows one behind the other.
  using IdRowFn = std::function<bool(std::uint64_t, std::span<const std::uint16_t>)>;
  virtual Status ReadBetween(std::uint64_t first, std::uint64_t last, const IdRowFn& row) const = 0;

  // The chunks of a segment's list (SegmentStore::WriteListChunk) in their order; each lives until
  // `chunk` returns. Any thread.
  virtual Status ReadList(std::uint64_t segment, std::uint32_t list,
                          const std::function<Status(std::string_view)>& chunk) const = 0;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_ROW_READER_H_
