// Building a graph over codes, batch by batch. All threads read the graph of the earlier batches;
// then each row that gained links is changed by one thread.
#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "index/code_graph.h"

namespace espy::index {
namespace {

constexpr std::int64_t kTaskRows = 16;

struct Neighbour {
  float distance = 0;  // squared, between what the codes stand for
  std::int32_t row = 0;
  friend bool operator<(const Neighbour& a, const Neighbour& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
  }
};

class Builder {
 public:
  Builder(const CodeMatrix& codes, const CodeGraphOptions& options, ThreadPool* pool)
      : codes_(codes), options_(options), pool_(pool), norms_(codes.n()) {
    const std::int64_t lines = options.link_lines > 0           ? options.link_lines
                               : codes.stride() > 2 * kCodeLine ? 2
                                                                : 1;
    graph_.links = LinkTable(codes.n(), lines);
    order_.resize(static_cast<std::size_t>(codes.n()));
    std::iota(order_.begin(), order_.end(), 0);
    std::mt19937_64 random(20190612);
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random() % i]);
  }

  Result<CodeGraph> Build(const std::stop_token& stop) {
    pool_->ParallelFor(Tasks(codes_.n()), [&](std::int64_t task) {
      CodeQuery query;
      for (std::int64_t i = task * kTaskRows; i < End(task, codes_.n()); ++i) {
        query.Set(codes_, i);
        const auto row = static_cast<std::int32_t>(i);
        float score = 0;
        ScoreCodes(codes_, query, &row, 1, &score);
        norms_[i] = score - codes_.bias(i);
      }
    });
    const std::int64_t n = codes_.n();
    std::int64_t done = std::min<std::int64_t>(1, n);
    AddEntries(0, done);
    while (done < n) {
      // Small beside what is there, so that few neighbours are missed for being in the same batch.
      const std::int64_t most = std::max<std::int64_t>(n / 50, 1);
      const std::int64_t batch = std::min({std::max<std::int64_t>(done / 8, 1), most, n - done});
      Insert(done, batch, stop);
      if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
      AddEntries(done, batch);
      done += batch;
    }
    return std::move(graph_);
  }

 private:
  static std::int64_t Tasks(std::int64_t n) { return (n + kTaskRows - 1) / kTaskRows; }
  static std::int64_t End(std::int64_t task, std::int64_t n) {
    return std::min(n, (task + 1) * kTaskRows);
  }

  // The first rows of the random order are the entries.
  void AddEntries(std::int64_t begin, std::int64_t count) {
    const std::int64_t wanted = EntryCount(codes_.n());
    if (begin >= wanted) return;
    for (std::int64_t i = begin; i < std::min(begin + count, wanted); ++i) {
      graph_.entries.push_back(order_[i]);
    }
    graph_.CopyEntryCodes(codes_);
  }

  void Insert(std::int64_t begin, std::int64_t count, const std::stop_token& stop) {
    pool_->ParallelFor(Tasks(count), [&](std::int64_t task) {
      if (stop.stop_requested()) return;
      for (std::int64_t i = task * kTaskRows; i < End(task, count); ++i) {
        FindLinks(order_[begin + i]);
      }
    });
    if (stop.stop_requested()) return;
    LinkBack(begin, count);
  }

  void FindLinks(std::int32_t row) {
    thread_local CodeQuery query;
    thread_local std::vector<MetRow> met;
    thread_local std::vector<Neighbour> candidates;
    query.Set(codes_, row);
    WalkCodes(graph_, codes_, query, options_.ef_construction,
              std::numeric_limits<std::int64_t>::max(), &met);
    candidates.clear();
    for (const MetRow& next : met) {
      if (next.row != row) candidates.push_back({Distance(row, next.row, next.score), next.row});
    }
    Prune(row, &candidates);
  }

  // `score`: that of the code of b, asked by the code of a.
  float Distance(std::int32_t a, std::int32_t b, float score) const {
    return norms_[a] + norms_[b] - 2 * (score - codes_.bias(b));
  }

  // Links a row to those of the candidates, nearest first, that no kept one is nearer to; where
  // that leaves room, to the nearest others: a line is read whole in any case.
  void Prune(std::int32_t row, std::vector<Neighbour>* candidates) {
    thread_local CodeQuery query;
    thread_local std::vector<std::int32_t> kept, hidden;
    std::sort(candidates->begin(), candidates->end());
    kept.clear();
    hidden.clear();
    const auto degree = static_cast<std::size_t>(graph_.links.degree());
    for (const Neighbour& candidate : *candidates) {
      if (kept.size() == degree) break;
      query.Set(codes_, candidate.row);
      bool hides = false;
      for (std::size_t i = 0; i < kept.size() && !hides; i += 4) {
        float scores[4];
        const std::size_t n = std::min<std::size_t>(4, kept.size() - i);
        ScoreCodes(codes_, query, kept.data() + i, static_cast<std::int64_t>(n), scores);
        for (std::size_t j = 0; j < n; ++j) {
          hides |= Distance(candidate.row, kept[i + j], scores[j]) < candidate.distance;
        }
      }
      (hides ? hidden : kept).push_back(candidate.row);
    }
    for (std::size_t i = 0; i < hidden.size() && kept.size() < degree; ++i) {
      kept.push_back(hidden[i]);
    }
    graph_.links.Set(row, kept);
  }

  void LinkBack(std::int64_t begin, std::int64_t count) {
    std::vector<std::pair<std::int32_t, std::int32_t>> back;  // to, from
    for (std::int64_t i = begin; i < begin + count; ++i) {
      graph_.links.ForEach(order_[i], [&](std::int32_t to) { back.emplace_back(to, order_[i]); });
    }
    std::sort(back.begin(), back.end());
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < back.size(); ++i) {
      if (i == 0 || back[i].first != back[i - 1].first) starts.push_back(i);
    }
    starts.push_back(back.size());
    const auto rows = static_cast<std::int64_t>(starts.size()) - 1;
    pool_->ParallelFor(Tasks(rows), [&](std::int64_t task) {
      for (std::int64_t i = task * kTaskRows; i < End(task, rows); ++i) {
        AddLinks(back[starts[i]].first, {back.data() + starts[i], back.data() + starts[i + 1]});
      }
    });
  }

  void AddLinks(std::int32_t row, std::span<const std::pair<std::int32_t, std::int32_t>> back) {
    thread_local std::vector<std::int32_t> rows;
    thread_local std::vector<float> scores;
    thread_local std::vector<Neighbour> candidates;
    thread_local CodeQuery query;
    rows.clear();
    graph_.links.ForEach(row, [](std::int32_t to) { rows.push_back(to); });
    const auto before = static_cast<std::ptrdiff_t>(rows.size());
    for (const auto& [to, from] : back) {
      if (std::find(rows.begin(), rows.begin() + before, from) == rows.begin() + before) {
        rows.push_back(from);
      }
    }
    if (static_cast<std::int64_t>(rows.size()) <= graph_.links.degree()) {
      graph_.links.Set(row, rows);
      return;
    }
    scores.resize(rows.size());
    query.Set(codes_, row);
    ScoreCodes(codes_, query, rows.data(), static_cast<std::int64_t>(rows.size()), scores.data());
    candidates.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      candidates.push_back({Distance(row, rows[i], scores[i]), rows[i]});
    }
    Prune(row, &candidates);
  }

  const CodeMatrix& codes_;
  const CodeGraphOptions options_;
  ThreadPool* const pool_;
  CodeGraph graph_;
  std::vector<std::int32_t> order_;
  std::vector<float> norms_;  // squared, of what the codes stand for
};

}  // namespace

std::int64_t EntryCount(std::int64_t n) { return std::clamp<std::int64_t>(n / 256, 1, 1024); }

Result<CodeGraph> BuildCodeGraph(const CodeMatrix& codes, const CodeGraphOptions& options,
                                 ThreadPool* pool, std::stop_token stop) {
  return Builder(codes, options, pool).Build(stop);
}

}  // namespace espy::index
