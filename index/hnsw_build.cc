// Building a graph with FAISS, the only place that names it. FAISS sees the rows through an index
// of ours that computes on half-precision rows in place, so that a build needs no float copy of
// them.
#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/FaissException.h>
#include <omp.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <string>

#include "base/half.h"
#include "index/dot.h"
#include "index/hnsw_graph.h"

namespace espy::index {
namespace {

class RowDistances final : public faiss::DistanceComputer {
 public:
  explicit RowDistances(const HalfRows& rows) : rows_(rows) {}
  void set_query(const float* x) override { query_ = x; }
  float operator()(std::int64_t i) override { return Dot(query_, rows_.row(i), rows_.padded); }
  float symmetric_dis(std::int64_t i, std::int64_t j) override {
    return DotHalf(rows_.row(i), rows_.row(j), rows_.padded);
  }

 private:
  const HalfRows rows_;
  const float* query_ = nullptr;
};

// What IndexHNSW calls its storage: knows the rows beforehand, "adding" only counts them.
class RowStorage final : public faiss::Index {
 public:
  explicit RowStorage(const HalfRows& rows)
      : faiss::Index(static_cast<int>(rows.padded), faiss::METRIC_INNER_PRODUCT), rows_(rows) {
    is_trained = true;
  }
  void add(std::int64_t n, const float*) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(std::int64_t, const float*, std::int64_t, float*, std::int64_t*,
              const faiss::SearchParameters*) const override {
    throw faiss::FaissException("RowStorage only lends its distances");
  }
  faiss::DistanceComputer* get_distance_computer() const override {
    return new RowDistances(rows_);
  }

 private:
  const HalfRows rows_;
};

// FAISS's loops take their thread count from OpenMP's setting of the calling thread; this changes
// that thread's alone, and puts it back.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  const int before_;
};

// Rows added at once: between two additions the build can stop. A larger graph takes larger steps,
// because FAISS makes a lock for every row at each.
std::int64_t StepRows(std::int64_t done) { return std::max<std::int64_t>(1024, done / 16); }

Result<std::unique_ptr<HnswGraph>> Build(const HalfRows& rows, const HnswBuildOptions& options,
                                         const std::stop_token& stop) {
  const OpenMpThreads threads(options.threads);
  RowStorage storage(rows);
  faiss::IndexHNSW index(&storage, options.m);
  index.own_fields = false;
  index.hnsw.efConstruction = options.ef_construction;
  std::vector<float> queries;
  for (std::int64_t done = 0; done < rows.n;) {
    if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
    const std::int64_t step = std::min(StepRows(done), rows.n - done);
    queries.resize(static_cast<std::size_t>(step * rows.padded));
    HalfToFloat(rows.row(done), queries.size(), queries.data());
    index.add(step, queries.data());
    done += step;
  }
  auto graph = std::make_unique<HnswGraph>();
  const faiss::HNSW& built = index.hnsw;
  graph->m = built.nb_neighbors(1);
  graph->entry = built.entry_point;
  graph->top_layer = built.max_level;
  graph->layers.assign(built.levels.begin(), built.levels.end());
  graph->links.assign(built.neighbors.data(), built.neighbors.data() + built.neighbors.size());
  graph->ComputeOffsets();
  return graph;
}

}  // namespace

const char* FaissVersion() {
  static const std::string version = std::to_string(FAISS_VERSION_MAJOR) + "." +
                                     std::to_string(FAISS_VERSION_MINOR) + "." +
                                     std::to_string(FAISS_VERSION_PATCH);
  return version.c_str();
}

Result<std::unique_ptr<HnswGraph>> BuildHnsw(const HalfRows& rows, const HnswBuildOptions& options,
                                             std::stop_token stop) {
  if (rows.n > std::numeric_limits<std::int32_t>::max()) {
    return Status::ResourceExhausted("building a segment: it has more than 2^31 rows");
  }
  try {
    auto graph = Build(rows, options, stop);
    if (graph.ok()) {
      // Also what a search relies on: FAISS's layout is the one this file copies.
      if (Status valid = (*graph)->Validate(); !valid.ok()) return valid;
    }
    return graph;
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("building a segment: not enough memory");
  } catch (const std::exception& error) {
    return Status::IoError(std::string("building a segment: ") + error.what());
  }
}

}  // namespace espy::index
