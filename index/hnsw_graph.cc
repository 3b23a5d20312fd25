#include "index/hnsw_graph.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "index/dot.h"
#include "index/met_rows.h"

namespace espy::index {
namespace {

// Orders that break ties by row, so that a walk follows from the graph and the query alone.
bool BetterFirst(const FoundRow& a, const FoundRow& b) {
  return a.score != b.score ? a.score < b.score : a.row > b.row;
}
bool WorseFirst(const FoundRow& a, const FoundRow& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

void Prefetch(const HalfRows& rows, std::int32_t row) {
  const char* p = reinterpret_cast<const char*>(rows.row(row));
  const std::int64_t bytes = std::min<std::int64_t>(rows.padded * 2, 512);
  for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

Status Bad(const std::string& what) { return Status::Corruption("its graph " + what); }

}  // namespace

void HnswGraph::ComputeOffsets() {
  offsets.resize(layers.size() + 1);
  offsets[0] = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    offsets[i + 1] = offsets[i] + LinkCount(m, layers[i]);
  }
}

Status HnswGraph::Validate() const {
  const auto n = static_cast<std::int64_t>(layers.size());
  if (m < 2 || m > 1024) return Bad("has an impossible degree");
  if (offsets.size() != layers.size() + 1 || offsets.back() != links.size()) {
    return Bad("has the wrong number of links");
  }
  if (n == 0) return entry == -1 && top_layer == -1 ? Status::Ok() : Bad("begins at no row");
  if (entry < 0 || entry >= n || top_layer < 0 || layers[entry] != top_layer + 1) {
    return Bad("begins at a row that is not on its top layer");
  }
  for (std::int64_t row = 0; row < n; ++row) {
    if (layers[row] < 1 || layers[row] > top_layer + 1) return Bad("has a row on an unknown layer");
    for (int layer = 0; layer < layers[row]; ++layer) {
      for (const std::int32_t to : LinksOf(row, layer)) {
        if (to == -1) continue;
        if (to < 0 || to >= n || layers[to] <= layer)
          return Bad("links to a row that is not there");
      }
    }
  }
  return Status::Ok();
}

bool WalkHnsw(const HnswGraph& graph, const HalfRows& rows, const float* query, std::int64_t ef,
              std::int64_t budget, const std::function<bool(std::int32_t)>& accept,
              std::vector<FoundRow>* found) {
  found->clear();
  if (graph.entry < 0) return true;
  std::int64_t scored = 1;
  FoundRow nearest{Dot(query, rows.row(graph.entry), rows.padded), graph.entry};
  for (int layer = graph.top_layer; layer > 0; --layer) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const std::int32_t to : graph.LinksOf(nearest.row, layer)) {
        if (to < 0) break;
        ++scored;
        const FoundRow next{Dot(query, rows.row(to), rows.padded), to};
        if (BetterFirst(nearest, next)) {
          nearest = next;
          moved = true;
        }
      }
    }
  }

  thread_local MetRows visited;
  thread_local std::vector<FoundRow> open;  // heap, the best in front
  visited.Begin(graph.layers.size());
  open.clear();
  const auto full = static_cast<std::size_t>(ef);
  const auto take = [&](const FoundRow& next) {
    const bool room = found->size() < full;
    if (!room && !WorseFirst(next, found->front())) return;
    open.push_back(next);
    std::push_heap(open.begin(), open.end(), BetterFirst);
    if (!accept(next.row)) return;
    if (!room) {
      std::pop_heap(found->begin(), found->end(), WorseFirst);
      found->pop_back();
    }
    found->push_back(next);
    std::push_heap(found->begin(), found->end(), WorseFirst);
  };
  visited.Meet(nearest.row);
  take(nearest);
  while (!open.empty()) {
    const FoundRow best = open.front();
    if (found->size() == full && !WorseFirst(best, found->front())) break;
    std::pop_heap(open.begin(), open.end(), BetterFirst);
    open.pop_back();
    if (scored > budget) return false;
    std::int32_t fresh[2048];  // a row has at most 2 * 1024 links
    int count = 0;
    for (const std::int32_t to : graph.LinksOf(best.row, 0)) {
      if (to < 0) break;
      if (!visited.Meet(to)) continue;
      Prefetch(rows, to);
      fresh[count++] = to;
    }
    scored += count;
    for (int i = 0; i < count; ++i) {
      take({Dot(query, rows.row(fresh[i]), rows.padded), fresh[i]});
    }
  }
  return true;
}

}  // namespace espy::index
