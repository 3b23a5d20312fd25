// An inverted file as an index of a segment: rows in lists, with or without codes that say which of
// a list's rows are worth an exact score.
//
// A search projects the query, scores the lists' centres, reads the best lists' codes, and gives
// the rows with the highest estimates their exact scores, from the best estimate on, until no
// estimate that is left can be expected to reach the k-th score. Nothing in it depends on the CPU:
// the same lists are read and the same rows scored wherever it runs.
#ifndef ESPY_INDEX_IVF_IVF_INDEX_H_
#define ESPY_INDEX_IVF_IVF_INDEX_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "index/ivf/coarse.h"
#include "index/ivf/list_codes.h"
#include "index/row_index.h"

namespace espy::index {

class IvfIndex final : public RowIndex {
 public:
  static Result<std::unique_ptr<RowIndex>> Build(CodeKind codes, const HalfRows& rows, int threads,
                                                 const std::stop_token& stop);
  static Result<std::unique_ptr<IvfIndex>> BuildLists(CodeKind codes, const HalfRows& rows,
                                                      int threads, const std::stop_token& stop);
  static Result<std::unique_ptr<RowIndex>> Parse(CodeKind codes, const HalfRows& rows,
                                                 std::uint64_t bytes, const ByteSource& source);

  IndexKind kind() const override;
  std::string Name() const override;
  double ExpectedCost(std::int64_t effort, double share) const override;
  bool Search(const HalfRows& rows, const RowQuery& query,
              std::vector<FoundRow>* found) const override;
  std::uint64_t MemoryBytes() const override;
  std::uint64_t EncodedBytes() const override;
  Status Encode(const ByteSink& sink) const override;

  // How many lists a search of this effort reads first.
  static std::int64_t Probes(std::int64_t effort, double share, std::int64_t lists);

  const Coarse& coarse() const { return coarse_; }
  const ListCodes& codes() const { return codes_; }
  struct ListView {
    std::int64_t n = 0;
    const std::int32_t* rows = nullptr;
    const std::uint8_t* codes = nullptr;  // ListCodes::ListBytes(n) of them
  };
  ListView List(std::int64_t list) const {
    return {ListSize(list), rows_.data() + list_begin_[list], bytes_.data() + codes_begin_[list]};
  }

 private:
  IvfIndex() = default;

  // Lays out what AssignRows said: rows by list, ascending within one.
  void Layout(const std::vector<std::int32_t>& lists);
  void ComputeOffsets();  // from list_begin_
  std::int64_t ListSize(std::int64_t list) const {
    return list_begin_[list + 1] - list_begin_[list];
  }
  // In rows scored one behind the other.
  double QueryCost() const;
  double ListCost(std::int64_t rows) const;

  Coarse coarse_;
  ListCodes codes_;
  std::vector<std::int64_t> list_begin_;   // [lists + 1]: where a list's rows begin
  std::vector<std::int32_t> rows_;         // [n] row numbers
  std::vector<std::int64_t> codes_begin_;  // [lists + 1]: where a list's codes begin; follows
  std::vector<std::uint8_t> bytes_;        // codes
};

// Scores the shortlist's rows exactly, the best estimates first, and leaves out those that are not
// expected to reach the k-th score.
void Rerank(const HalfRows& rows, const float* query, std::int64_t k, Shortlist* shortlist,
            std::vector<FoundRow>* found);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_IVF_INDEX_H_
