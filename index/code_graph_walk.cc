// Walking a graph over codes. The inner loop is: the links of the best open row, those not met
// before, their codes asked for from memory all at once, scored four at a time, and put in their
// place in the beam.
#include <algorithm>
#include <limits>

#include "index/code_graph.h"
#include "index/met_rows.h"

namespace espy::index {
namespace {

constexpr std::int64_t kStarts = 4;  // entries that a walk begins at

// The best rows met, best first, of which the open ones are yet to be expanded. Inserting moves
// what is behind: for beams of up to some hundreds that is faster than two heaps.
class Beam {
 public:
  void Begin(std::int64_t capacity) {
    capacity_ = capacity;
    entries_.resize(static_cast<std::size_t>(capacity) + 1);
    size_ = next_ = 0;
    worst_ = -std::numeric_limits<float>::infinity();
  }
  // Also rows that score no number, and those of a score of -infinity, while there is room.
  bool Takes(float score) const { return score > worst_ || size_ < capacity_; }
  void Insert(float score, std::int32_t row) {
    std::int64_t at = size_ < capacity_ ? size_ : capacity_ - 1;
    std::int64_t low = 0, high = at;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (entries_[middle].score < score) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    std::copy_backward(entries_.begin() + low, entries_.begin() + at, entries_.begin() + at + 1);
    entries_[low] = {score, row};
    if (size_ < capacity_) ++size_;
    if (size_ == capacity_) worst_ = entries_[capacity_ - 1].score;
    next_ = std::min(next_, low);
  }
  // The best open row, which is then no longer open; -1 when there is none.
  std::int32_t Expand() {
    while (next_ < size_ && entries_[next_].row < 0) ++next_;
    if (next_ == size_) return -1;
    const std::int32_t row = entries_[next_].row;
    entries_[next_++].row = ~row;
    return row;
  }
  // The one that Expand would give if nothing better came; -1 when there is none.
  std::int32_t Next() const {
    return next_ < size_ && entries_[next_].row >= 0 ? entries_[next_].row : -1;
  }
  void Take(std::vector<MetRow>* found) const {
    found->resize(static_cast<std::size_t>(size_));
    for (std::int64_t i = 0; i < size_; ++i) {
      (*found)[i] = {entries_[i].score, entries_[i].row < 0 ? ~entries_[i].row : entries_[i].row};
    }
  }

 private:
  std::int64_t capacity_ = 0, size_ = 0, next_ = 0;
  float worst_ = 0;
  std::vector<MetRow> entries_;  // an expanded row as ~row
};

struct Scratch {
  MetRows met;
  Beam beam;
  std::vector<MetRow> open;  // heap, the best in front
  std::vector<std::int32_t> fresh;
  std::vector<float> scores;
  std::vector<std::int32_t> entry_numbers;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

// The best entries and their scores, met.
std::int64_t Start(const CodeGraph& graph, const CodeQuery& query, Scratch* scratch,
                   MetRow* starts) {
  const auto n = static_cast<std::int64_t>(graph.entries.size());
  while (static_cast<std::int64_t>(scratch->entry_numbers.size()) < n) {
    scratch->entry_numbers.push_back(static_cast<std::int32_t>(scratch->entry_numbers.size()));
  }
  if (static_cast<std::int64_t>(scratch->scores.size()) < n) scratch->scores.resize(n);
  float* scores = scratch->scores.data();
  ScoreCodes(graph.entry_codes, query, scratch->entry_numbers.data(), n, scores);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (count == kStarts && !(scores[i] > starts[count - 1].score)) continue;
    std::int64_t at = count < kStarts ? count++ : kStarts - 1;
    for (; at > 0 && starts[at - 1].score < scores[i]; --at) starts[at] = starts[at - 1];
    starts[at] = {scores[i], graph.entries[i]};
  }
  for (std::int64_t i = 0; i < count; ++i) scratch->met.Meet(starts[i].row);
  return count;
}

// The links of `row` that were not met before, and their scores in scratch->scores.
std::int64_t Fresh(const CodeGraph& graph, const CodeMatrix& codes, const CodeQuery& query,
                   std::int32_t row, std::int32_t next, Scratch* scratch) {
  std::int32_t* fresh = scratch->fresh.data();
  std::int64_t count = 0;
  const std::int64_t stride = codes.stride();
  graph.links.ForEach(row, [&](std::int32_t to) {
    if (!scratch->met.Meet(to)) return;
    const std::uint8_t* code = codes.row(to);
    for (std::int64_t line = 0; line < stride; line += kCodeLine) __builtin_prefetch(code + line);
    fresh[count++] = to;
  });
  if (next >= 0) graph.links.Prefetch(next);
  ScoreCodes(codes, query, fresh, count, scratch->scores.data());
  return count;
}

void Prepare(const CodeGraph& graph, Scratch* scratch) {
  scratch->met.Begin(static_cast<std::size_t>(graph.links.n()));
  const auto degree = static_cast<std::size_t>(graph.links.degree());
  if (scratch->fresh.size() < degree) scratch->fresh.resize(degree);
  if (scratch->scores.size() < degree) scratch->scores.resize(degree);
}

bool BetterFirst(const MetRow& a, const MetRow& b) {
  return a.score != b.score ? a.score < b.score : a.row > b.row;
}
bool WorseFirst(const MetRow& a, const MetRow& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

}  // namespace

bool WalkCodes(const CodeGraph& graph, const CodeMatrix& codes, const CodeQuery& query,
               std::int64_t ef, std::int64_t budget, std::vector<MetRow>* found) {
  Scratch& scratch = ThreadScratch();
  Prepare(graph, &scratch);
  Beam& beam = scratch.beam;
  beam.Begin(ef);
  MetRow starts[kStarts];
  std::int64_t count = Start(graph, query, &scratch, starts);
  for (std::int64_t i = 0; i < count; ++i) {
    if (beam.Takes(starts[i].score)) beam.Insert(starts[i].score, starts[i].row);
  }
  std::int64_t scored = 0;
  for (std::int32_t row = beam.Expand(); row >= 0; row = beam.Expand()) {
    count = Fresh(graph, codes, query, row, beam.Next(), &scratch);
    for (std::int64_t i = 0; i < count; ++i) {
      if (beam.Takes(scratch.scores[i])) beam.Insert(scratch.scores[i], scratch.fresh[i]);
    }
    scored += count;
    if (scored > budget) return false;
  }
  beam.Take(found);
  return true;
}

bool WalkCodesFiltered(const CodeGraph& graph, const CodeMatrix& codes, const CodeQuery& query,
                       std::int64_t ef, std::int64_t budget, const RowFilter& filter,
                       std::vector<MetRow>* found) {
  Scratch& scratch = ThreadScratch();
  Prepare(graph, &scratch);
  found->clear();
  std::vector<MetRow>& open = scratch.open;
  open.clear();
  const auto full = static_cast<std::size_t>(ef);
  const auto take = [&](const MetRow& next) {
    const bool room = found->size() < full;
    if (!room && !WorseFirst(next, found->front())) return;
    open.push_back(next);
    std::push_heap(open.begin(), open.end(), BetterFirst);
    if (!filter(next.row)) return;
    if (!room) {
      std::pop_heap(found->begin(), found->end(), WorseFirst);
      found->pop_back();
    }
    found->push_back(next);
    std::push_heap(found->begin(), found->end(), WorseFirst);
  };
  MetRow starts[kStarts];
  std::int64_t count = Start(graph, query, &scratch, starts);
  for (std::int64_t i = 0; i < count; ++i) take(starts[i]);
  std::int64_t scored = 0;
  while (!open.empty()) {
    const MetRow best = open.front();
    if (found->size() == full && !WorseFirst(best, found->front())) break;
    std::pop_heap(open.begin(), open.end(), BetterFirst);
    open.pop_back();
    if (scored > budget) return false;
    count = Fresh(graph, codes, query, best.row, open.empty() ? -1 : open.front().row, &scratch);
    for (std::int64_t i = 0; i < count; ++i) take({scratch.scores[i], scratch.fresh[i]});
    scored += count;
  }
  return true;
}

}  // namespace espy::index
