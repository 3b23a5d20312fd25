// The best rows of a stream: kept unsorted with room for more, cut down to the k best when full. A
// row that is worse than the k-th best so far is never written down.
#ifndef ESPY_KERNELS_CUDA_SEARCH_KEPT_CUH_
#define ESPY_KERNELS_CUDA_SEARCH_KEPT_CUH_

#include <cstdint>

#include "kernels/cuda/platform.cuh"

namespace espy::cuda {

struct Scored {
  float score;
  std::int32_t row;
};

// No number is last, but above nothing at all.
ESPY_DEVICE float Ranked(float score) { return score == score ? score : -Infinity(); }

// The total order of answers.
struct BetterRow {
  const std::uint64_t* ids;

  ESPY_DEVICE bool operator()(const Scored& a, const Scored& b) const {
    if (a.score != b.score) return a.score > b.score;
    if (ids != nullptr && ids[a.row] != ids[b.row]) return ids[a.row] < ids[b.row];
    return a.row < b.row;
  }
};

// The threads that sort a list together.
struct BlockTeam {
  ESPY_DEVICE static int Index() { return ThreadInBlock(); }
  ESPY_DEVICE static int Size() { return ThreadsOfBlock(); }
  ESPY_DEVICE static void Sync() { SyncBlock(); }
};
struct WarpTeam {
  ESPY_DEVICE static int Index() { return ThreadInBlock() % 32; }
  ESPY_DEVICE static int Size() { return 32; }
  ESPY_DEVICE static void Sync() { SyncWarp(); }
};

// Sorts, best first; ends with the team's barrier. A bitonic network whose comparators all put the
// better one at the lower place, so that places at `count` and beyond can be thought to hold the
// worst and are never touched.
template <class Team>
ESPY_DEVICE void SortBest(Scored* entries, int count, const BetterRow& better) {
  int whole = 1;
  while (whole < count) whole *= 2;
  const auto compare = [&](int low, int high) {
    if (high >= count || !better(entries[high], entries[low])) return;
    const Scored kept = entries[low];
    entries[low] = entries[high];
    entries[high] = kept;
  };
  for (int size = 2; size <= whole; size *= 2) {
    for (int i = Team::Index(); i < whole / 2; i += Team::Size()) {
      const int first = i / (size / 2) * size, at = i % (size / 2);
      compare(first + at, first + size - 1 - at);
    }
    Team::Sync();
    for (int half = size / 4; half > 0; half /= 2) {
      for (int i = Team::Index(); i < whole / 2; i += Team::Size()) {
        const int low = i / half * half * 2 + i % half;
        compare(low, low + half);
      }
      Team::Sync();
    }
  }
}

// What a block keeps for one query. Entries are in shared or in device memory; the other two in
// shared memory.
struct Kept {
  Scored* entries;
  int* count;        // may be read after a barrier
  float* threshold;  // the score of the k-th best; NaN, which nothing is below, until k are there

  // By one thread, followed by a barrier.
  ESPY_DEVICE void Begin() const {
    *count = 0;
    *threshold = FloatOfBits(0x7fc00000u);
  }

  // By any thread; there must be room. How many there are then, 0 when the row is too bad. Among
  // rows that score as the k-th best the order decides when they are cut; where kTies is false,
  // those that were first stay.
  template <bool kTies = true>
  ESPY_DEVICE int Add(float score, std::int32_t row) const {
    score = Ranked(score);
    if (score < *threshold || (!kTies && score == *threshold)) return 0;
    const int at = AtomicAdd(count, 1);
    entries[at] = {score, row};
    return at + 1;
  }

  // By a team, between its barriers: the k best, sorted when there were more. `sorting` has room
  // for all entries in shared memory, or is null when they are there.
  template <class Team>
  ESPY_DEVICE void Cut(int k, const BetterRow& better, Scored* sorting) const {
    const int n = *count;
    if (n <= k) return;
    Scored* sorted = sorting != nullptr ? sorting : entries;
    if (sorting != nullptr) {
      for (int i = Team::Index(); i < n; i += Team::Size()) sorting[i] = entries[i];
    }
    Team::Sync();
    SortBest<Team>(sorted, n, better);
    if (sorting != nullptr) {
      for (int i = Team::Index(); i < k; i += Team::Size()) entries[i] = sorting[i];
    }
    if (Team::Index() == 0) {
      *count = k;
      *threshold = sorted[k - 1].score;
    }
    Team::Sync();
  }
};

// What blocks leave for the merge: list l of a query has counts[l] entries at entries + l * stride.
struct KeptLists {
  const Scored* entries;
  const int* counts;
  std::int64_t stride;
  int lists;
  int longest;  // of any list
};

inline constexpr int kMergeStep = 1024;  // entries that are looked at between two barriers
ESPY_HOST_DEVICE constexpr int MergeRoom(int k) { return 2 * k + kMergeStep; }

// The k best of all lists to `kept`, sorted. By all threads; kept.entries has MergeRoom(k).
ESPY_DEVICE void MergeLists(const KeptLists& in, int k, const BetterRow& better, const Kept& kept) {
  if (ThreadInBlock() == 0) kept.Begin();
  SyncBlock();
  const int all = in.lists * in.longest;
  for (int first = 0; first < all; first += kMergeStep) {
    const int end = first + kMergeStep < all ? first + kMergeStep : all;
    for (int i = first + ThreadInBlock(); i < end; i += ThreadsOfBlock()) {
      const int list = i / in.longest, at = i % in.longest;
      if (at >= in.counts[list]) continue;
      const Scored entry = in.entries[list * in.stride + at];
      kept.Add(entry.score, entry.row);
    }
    SyncBlock();
    const bool full = *kept.count > MergeRoom(k) - kMergeStep;
    SyncBlock();  // all have read the count before any adds to it
    if (full) kept.Cut<BlockTeam>(k, better, nullptr);
  }
  kept.Cut<BlockTeam>(k, better, nullptr);
  const int n = *kept.count;
  SortBest<BlockTeam>(kept.entries, n, better);
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_KEPT_CUH_
