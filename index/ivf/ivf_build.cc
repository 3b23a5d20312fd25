// Building an inverted file over the rows of a segment.
#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <numeric>

#include "base/half.h"
#include "base/status_macros.h"
#include "index/ivf/ivf_index.h"

namespace espy::index {
namespace {

constexpr std::int64_t kRowsAtOnce = 16'384;  // projected and encoded

}  // namespace

void IvfIndex::Layout(const std::vector<std::int32_t>& lists) {
  list_begin_.assign(static_cast<std::size_t>(coarse_.lists() + 1), 0);
  for (const std::int32_t list : lists) ++list_begin_[list + 1];
  std::partial_sum(list_begin_.begin(), list_begin_.end(), list_begin_.begin());
  rows_.resize(lists.size());
  std::vector<std::int64_t> next(list_begin_.begin(), list_begin_.end() - 1);
  for (std::size_t row = 0; row < lists.size(); ++row) {
    rows_[next[lists[row]]++] = static_cast<std::int32_t>(row);
  }
  ComputeOffsets();
}

void IvfIndex::ComputeOffsets() {
  codes_begin_.assign(list_begin_.size(), 0);
  for (std::size_t list = 0; list + 1 < list_begin_.size(); ++list) {
    codes_begin_[list + 1] =
        codes_begin_[list] + codes_.ListBytes(ListSize(static_cast<std::int64_t>(list)));
  }
}

Result<std::unique_ptr<RowIndex>> IvfIndex::Build(CodeKind codes, const HalfRows& rows, int threads,
                                                  const std::stop_token& stop) {
  ESPY_ASSIGN_OR_RETURN(auto index, BuildLists(codes, rows, threads, stop));
  return std::unique_ptr<RowIndex>(std::move(index));
}

Result<std::unique_ptr<IvfIndex>> IvfIndex::BuildLists(CodeKind codes, const HalfRows& rows,
                                                       int threads, const std::stop_token& stop) {
  if (rows.n > std::numeric_limits<std::int32_t>::max()) {
    return Status::ResourceExhausted("building a segment: it has more than 2^31 rows");
  }
  try {
    ThreadPool pool(threads);
    std::unique_ptr<IvfIndex> index(new IvfIndex());
    ESPY_ASSIGN_OR_RETURN(index->coarse_, TrainCoarse(rows, ProjectionFor(codes), &pool, stop));
    const Coarse& coarse = index->coarse_;
    ESPY_ASSIGN_OR_RETURN(const std::vector<std::int32_t> lists,
                          AssignRows(coarse, rows, &pool, stop));
    ESPY_ASSIGN_OR_RETURN(index->codes_, TrainListCodes(codes, coarse, rows, lists, &pool, stop));
    index->Layout(lists);
    index->bytes_.resize(static_cast<std::size_t>(index->codes_begin_.back()));
    if (codes == CodeKind::kNone) return index;

    // Whole lists at a time.
    const std::int64_t d = coarse.dimensions();
    std::vector<float> x;
    for (std::int64_t first = 0, last = 0; first < coarse.lists(); first = last) {
      if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
      const std::int64_t begin = index->list_begin_[first];
      last = first + 1;
      while (last < coarse.lists() && index->list_begin_[last + 1] - begin <= kRowsAtOnce) ++last;
      const std::int64_t count = index->list_begin_[last] - begin;
      x.resize(static_cast<std::size_t>(count * d));
      coarse.projection.ApplyToRows(rows, index->rows_.data() + begin, count, &pool, x.data());
      pool.ParallelFor(last - first, [&](std::int64_t i) {
        const std::int64_t list = first + i, size = index->ListSize(list);
        float* offsets = x.data() + (index->list_begin_[list] - begin) * d;
        const std::uint16_t* centre = coarse.centres.data() + list * d;
        for (std::int64_t j = 0; j < size * d; ++j) offsets[j] -= HalfToFloat(centre[j % d]);
        index->codes_.EncodeList(offsets, size, index->bytes_.data() + index->codes_begin_[list]);
      });
    }
    return index;
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("building a segment: not enough memory");
  }
}

}  // namespace espy::index
