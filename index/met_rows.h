// Which rows a walk through a graph has met.
#ifndef ESPY_INDEX_MET_ROWS_H_
#define ESPY_INDEX_MET_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace espy::index {

// One byte a row, cleared only every 255 walks; one for each thread that walks.
class MetRows {
 public:
  void Begin(std::size_t n) {
    if (marks_.size() < n) marks_.resize(n, 0);
    if (++mark_ == 0) {
      std::fill(marks_.begin(), marks_.end(), 0);
      mark_ = 1;
    }
  }
  bool Meet(std::int32_t row) {  // false when it was met before
    if (marks_[row] == mark_) return false;
    marks_[row] = mark_;
    return true;
  }

 private:
  std::vector<std::uint8_t> marks_;
  std::uint8_t mark_ = 0;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_MET_ROWS_H_
