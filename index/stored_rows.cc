#include "index/stored_rows.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "espy/record.h"

namespace espy::index {
namespace {

using SegmentPtr = std::shared_ptr<Segment>;

// Fewer rows are not worth a second thread.
constexpr std::int64_t kRowsAThread = 20'000;
constexpr std::size_t kNamedIds = 5;  // that a message lists
// Of 300,000 rows of 512 numbers in the system's cache, looking up a third takes as long as reading
// all, one in fifty two thirds of that, and one in two hundred a third.
constexpr std::int64_t kReadShare = 10;

// Ids that one thread reads.
struct Range {
  std::uint64_t first = 0, last = std::numeric_limits<std::uint64_t>::max();
};

// Cuts all ids into parts that hold about as many rows each.
std::vector<Range> Cut(std::span<const SegmentPtr> segments, int threads) {
  std::int64_t rows = 0;
  const Segment* largest = segments.front().get();
  for (const SegmentPtr& segment : segments) {
    rows += segment->rows();
    if (segment->rows() > largest->rows()) largest = segment.get();
  }
  const auto parts = static_cast<std::size_t>(
      std::clamp<std::int64_t>(rows / kRowsAThread, 1, std::max(threads, 1)));
  const std::span<const std::uint64_t> ids = largest->sorted_ids();
  std::vector<Range> ranges(1);
  for (std::size_t part = 1; part < parts; ++part) {
    const std::uint64_t from = ids[ids.size() * part / parts];
    if (from <= ranges.back().first) continue;
    ranges.back().last = from - 1;
    ranges.push_back({from, std::numeric_limits<std::uint64_t>::max()});
  }
  return ranges;
}

// The place of a thread in one segment.
struct Cursor {
  Segment* segment = nullptr;
  std::int64_t row = 0, end = 0;
};

class RangeReader {
 public:
  RangeReader(std::span<const SegmentPtr> segments, const RowReader& reader, Range range, bool few)
      : segments_(segments), reader_(reader), range_(range), few_(few) {}

  Status Read() try {
    for (const SegmentPtr& segment : segments_) {
      const std::span<const std::uint64_t> ids = segment->sorted_ids();
      const auto first = std::lower_bound(ids.begin(), ids.end(), range_.first) - ids.begin();
      const auto end = std::upper_bound(ids.begin(), ids.end(), range_.last) - ids.begin();
      cursors_.push_back({segment.get(), first, end});
    }
    const auto take = [&](std::uint64_t id, std::span<const std::uint16_t> half) {
      for (std::size_t i = 0; i < cursors_.size(); ++i) Take(i, id, half);
      return true;
    };
    ESPY_RETURN_IF_ERROR(few_ ? LookUp(take)
                              : reader_.ReadBetween(range_.first, range_.last, take));
    for (std::size_t i = 0; i < cursors_.size(); ++i) {
      while (cursors_[i].row < cursors_[i].end) PassOver(i);
    }
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("reading the index's rows: there is not enough memory");
  }

  const std::vector<std::uint64_t>& absent() const { return absent_; }

 private:
  Status LookUp(const RowReader::IdRowFn& take) const {
    std::vector<std::uint64_t> ids;
    for (const Cursor& cursor : cursors_) {
      const auto of_segment = cursor.segment->sorted_ids().subspan(
          static_cast<std::size_t>(cursor.row), static_cast<std::size_t>(cursor.end - cursor.row));
      ids.insert(ids.end(), of_segment.begin(), of_segment.end());
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return reader_.Read(
        ids, [&](std::size_t i, std::span<const std::uint16_t> half) { take(ids[i], half); });
  }

  // An id stands in several segments when it was given a new vector: all but one of its rows are
  // dead, and get the new vector's numbers, which nobody reads.
  void Take(std::size_t i, std::uint64_t id, std::span<const std::uint16_t> half) {
    Cursor& cursor = cursors_[i];
    while (cursor.row < cursor.end && cursor.segment->Id(cursor.row) < id) PassOver(i);
    if (cursor.row == cursor.end || cursor.segment->Id(cursor.row) != id) return;
    if (static_cast<std::int64_t>(half.size()) != cursor.segment->dimension()) return PassOver(i);
    // What is beyond the dimension was made zero with the segment.
    std::copy(half.begin(), half.end(), cursor.segment->sealed_row(cursor.row));
    ++cursor.row;
  }

  void PassOver(std::size_t i) {
    Cursor& cursor = cursors_[i];
    std::fill_n(cursor.segment->sealed_row(cursor.row), cursor.segment->padded(), std::uint16_t{0});
    if (cursor.segment->DiedAt(cursor.row) == kAlive) {
      absent_.push_back(cursor.segment->Id(cursor.row));
    }
    ++cursor.row;
  }

  const std::span<const SegmentPtr> segments_;
  const RowReader& reader_;
  const Range range_;
  const bool few_;
  std::vector<Cursor> cursors_;
  std::vector<std::uint64_t> absent_;  // ids of rows that are alive
};

}  // namespace

Status FillRows(std::span<const SegmentPtr> segments, const RowReader& reader, int threads) {
  std::vector<SegmentPtr> apart;
  std::int64_t apart_rows = 0, rows = 0;
  for (const SegmentPtr& segment : segments) {
    rows += segment->rows();
    if (!segment->rows_apart) continue;
    apart_rows += segment->rows();
    apart.push_back(segment);
  }
  if (apart.empty()) return Status::Ok();
  const bool few = apart_rows < rows / kReadShare;
  std::vector<RangeReader> readers;
  for (const Range& range : Cut(apart, threads)) readers.emplace_back(apart, reader, range, few);
  std::vector<Status> outcomes(readers.size());
  ThreadPool pool(static_cast<int>(readers.size()));
  pool.ParallelFor(std::ssize(readers), [&](std::int64_t i) {
    outcomes[static_cast<std::size_t>(i)] = readers[static_cast<std::size_t>(i)].Read();
  });
  std::vector<std::uint64_t> absent;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    ESPY_RETURN_IF_ERROR(outcomes[i]);
    absent.insert(absent.end(), readers[i].absent().begin(), readers[i].absent().end());
  }
  if (absent.empty()) return Status::Ok();
  std::string ids;
  for (std::size_t i = 0; i < std::min(absent.size(), kNamedIds); ++i) {
    ids += (i == 0 ? "" : ", ") + FormatItemId(absent[i]);
  }
  return Status::Corruption(
      std::to_string(absent.size()) +
      " of them are not among the stored ones or have another dimension: " + ids +
      (absent.size() > kNamedIds ? ", ..." : "") + "; run `espy rebuild`");
}

}  // namespace espy::index
