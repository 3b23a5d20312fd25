// What one search sees: segments, how many of their rows, and the sequence number that says which
// of them are alive.
#ifndef ESPY_INDEX_VIEW_H_
#define ESPY_INDEX_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "index/device_search.h"
#include "index/row_reader.h"
#include "index/segment.h"
#include "index/top_k.h"
#include "index/vector_index.h"

namespace espy::index {

struct ViewPart {
  std::shared_ptr<const Segment> segment;
  std::int64_t rows = 0;
};

class SegmentView final : public View {
 public:
  SegmentView(std::int64_t dimension, std::uint64_t seq, std::int64_t live_rows,
              std::vector<ViewPart> parts, std::shared_ptr<DeviceSearch> device)
      : dimension_(dimension),
        seq_(seq),
        live_rows_(live_rows),
        parts_(std::move(parts)),
        device_(std::move(device)) {}

  // The same with a reader for the rows of its far segments.
  SegmentView(const SegmentView& view, std::shared_ptr<const RowReader> rows) : SegmentView(view) {
    far_rows_ = std::move(rows);
  }

  std::uint64_t seq() const override { return seq_; }
  std::int64_t live_rows() const override { return live_rows_; }
  bool on_device() const override { return device_ != nullptr; }
  Result<std::vector<Candidate>> Search(std::span<const float> query,
                                        const SearchParams& params) const override;
  Result<std::vector<std::vector<Candidate>>> SearchBatch(
      std::span<const float> queries, const SearchParams& params) const override;
  Result<std::vector<Candidate>> SearchFromDevice(const float* query,
                                                  const SearchParams& params) const override;
  std::vector<std::uint64_t> LiveIds() const override;
  std::string Plan(const SearchParams& params) const override;

 private:
  // How one part is searched: by its index, by the codes of the rows that are allowed, exactly over
  // all rows or over the allowed ones, or exactly on the device.
  enum class Way { kRows, kAllowedRows, kAllowedCodes, kIndex, kDevice };
  struct PartPlan {
    Way way = Way::kRows;
    double share = 1;         // of the rows that an index may return
    double max_cost = 0;      // beyond which exact search would have been cheaper
    std::int64_t effort = 0;  // of an index, in this part
  };
  // A part that its index is asked about, and the best k of what it led to.
  struct Walk {
    ViewPart part;
    PartPlan plan;
    std::vector<Candidate> found;
  };
  PartPlan PlanPart(const ViewPart& part, const SearchParams& params) const;

  // Adds what the device finds to `top`; the parts that are left to the CPU.
  std::vector<ViewPart> SearchDevice(const DeviceQuery& query, const SearchParams& params,
                                     TopK* top) const;
  // Adds what those parts hold; `query` has the padded dimension.
  Status SearchOnCpu(const std::vector<ViewPart>& parts, const float* query,
                     const SearchParams& params, TopK* top) const;
  // The same without the device.
  PartPlan PlanOnCpu(const ViewPart& part, const SearchParams& params) const;
  // `count` queries, each of the padded dimension; tops[i] belongs to query i.
  void SearchRows(const ViewPart& part, const float* queries, std::int64_t count,
                  const SearchParams& params, TopK* tops) const;
  // The same, for many queries and where CanScreen().
  void SearchRowsScreened(const ViewPart& part, const float* queries, std::int64_t count,
                          const SearchParams& params, TopK* tops) const;
  // The effort for a part that has one of several indexes: the more rows, the more.
  std::int64_t EffortIn(const ViewPart& part, const SearchParams& params) const;
  double ShareOf(const ViewPart& part) const;  // of all rows
  Status CheckQuery(std::span<const float> query, const SearchParams& params) const;
  void SearchAllowedRows(const ViewPart& part, const float* query, const SearchParams& params,
                         TopK* top) const;
  // By all their indexes; where the best rows crowd in one part, that one again and at full effort.
  Status SearchIndexes(std::vector<Walk> walks, const float* query, const SearchParams& params,
                       TopK* top) const;
  Status SearchOne(const ViewPart& part, const PartPlan& plan, const float* query,
                   const SearchParams& params, TopK* top) const;
  void SearchAllowedCodes(const ViewPart& part, const PartPlan& plan, const float* query,
                          const SearchParams& params, TopK* top) const;
  // A part without rows in memory, in either way.
  Status SearchFar(const ViewPart& part, const PartPlan& plan, const float* query,
                   const SearchParams& params, TopK* top) const;
  RowQuery RowQueryFor(const ViewPart& part, const PartPlan& plan, const float* query,
                       const SearchParams& params) const;
  // False when the index gave up or found too few: the part is then searched exactly.
  bool SearchIndex(const ViewPart& part, const PartPlan& plan, const float* query,
                   const SearchParams& params, TopK* top) const;

  const std::int64_t dimension_;
  const std::uint64_t seq_;
  const std::int64_t live_rows_;
  const std::vector<ViewPart> parts_;
  const std::shared_ptr<DeviceSearch> device_;  // may be null
  std::shared_ptr<const RowReader> far_rows_;   // null: no part is far
};

}  // namespace espy::index

#endif  // ESPY_INDEX_VIEW_H_
