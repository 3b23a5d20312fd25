// How fast the index answers at which recall, how long it takes to build, what memory it holds.
//
//   bench_index FOLDER KIND [THREADS [ROWS]]
//
// FOLDER holds base.f32 (n x 512), query.f32 (q x 512) and gt.i64 (q x 100: the nearest rows of
// each query). KIND: a name of index_kind.h, and not disk. Builds one segment on THREADS threads,
// prints
// {"build_s", "bytes_a_vector"} and then answers each line "EFFORT THREADS BATCH SECONDS" of its
// standard input with {"recall", "per_s", "p50_us", "p99_us"}; EFFORT 0 is exact search, BATCH the
// queries of a call. bench/index_peers.py lets it take turns with peers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/half.h"
#include "index/index_kind.h"
#include "index/vector_index.h"

namespace espy {
namespace {

constexpr std::int64_t kDimension = 512;
constexpr std::int64_t kTruth = 100, kK = 10;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T>
std::vector<T> Load(const std::string& path, std::int64_t most) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    std::cerr << path << ": cannot be read\n";
    std::exit(1);
  }
  const auto count =
      std::min<std::int64_t>(most, file.tellg() / static_cast<std::int64_t>(sizeof(T)));
  std::vector<T> values(static_cast<std::size_t>(count));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), count * static_cast<std::int64_t>(sizeof(T)));
  return values;
}

void Require(const Status& status) {
  if (status.ok()) return;
  std::cerr << status.message() << "\n";
  std::exit(1);
}

// Takes the segments and forgets them.
class NoStore final : public index::SegmentStore {
 public:
  Status WriteChunk(std::uint64_t, std::uint32_t, std::string_view) override {
    return Status::Ok();
  }
  Result<std::string> ReadChunk(std::uint64_t, std::uint32_t) override {
    return Status::NotFound("no chunk is kept");
  }
  Status DeleteSegment(std::uint64_t) override { return Status::Ok(); }
  Result<std::vector<std::uint64_t>> ListSegments() override {
    return std::vector<std::uint64_t>();
  }
  Status WriteManifest(std::string_view) override { return Status::Ok(); }
  Result<std::string> ReadManifest() override { return Status::NotFound("no manifest is kept"); }
};

struct Work {
  std::int64_t effort = 0, threads = 1, batch = 1;
  double seconds = 1;
};

struct Measured {
  double recall = 0, per_s = 0, p50_us = 0, p99_us = 0;
};

Measured Measure(const index::View& view, const std::vector<float>& queries,
                 const std::vector<std::int64_t>& truth, const Work& work) {
  const auto count = static_cast<std::int64_t>(queries.size()) / kDimension;
  const index::SearchParams params{
      .k = kK,
      .ef_search = static_cast<int>(std::max<std::int64_t>(work.effort, 1)),
      .exact = work.effort == 0};
  std::vector<std::int64_t> hits(static_cast<std::size_t>(count));
  // One call: the queries from `begin` on; their ids are compared when the first round is counted.
  const auto call = [&](std::int64_t begin, std::int64_t n, bool count_hits) {
    const auto found = view.SearchBatch(
        {queries.data() + begin * kDimension, static_cast<std::size_t>(n * kDimension)}, params);
    Require(found.status());
    for (std::int64_t q = 0; q < n && count_hits; ++q) {
      const std::int64_t* nearest = truth.data() + (begin + q) * kTruth;
      for (const index::Candidate& candidate : (*found)[static_cast<std::size_t>(q)]) {
        hits[static_cast<std::size_t>(begin + q)] +=
            std::count(nearest, nearest + kK, static_cast<std::int64_t>(candidate.id) - 1);
      }
    }
  };
  const auto round = [&](bool count_hits, std::vector<double>* calls) {
    std::vector<std::thread> threads;
    const auto share = [&](std::int64_t thread) {
      const std::int64_t end = count * (thread + 1) / work.threads;
      for (std::int64_t at = count * thread / work.threads; at < end; at += work.batch) {
        const double start = Now();
        call(at, std::min(work.batch, end - at), count_hits);
        if (work.threads == 1) calls->push_back(Now() - start);
      }
    };
    for (std::int64_t thread = 1; thread < work.threads; ++thread)
      threads.emplace_back(share, thread);
    share(0);
    for (std::thread& thread : threads) thread.join();
  };
  std::vector<double> calls;
  round(true, &calls);
  calls.clear();
  std::int64_t rounds = 0;
  const double start = Now();
  do {
    round(false, &calls);
    ++rounds;
  } while (Now() - start < work.seconds);
  const double elapsed = Now() - start;
  Measured measured;
  std::int64_t all_hits = 0;
  for (const std::int64_t hit : hits) all_hits += hit;
  measured.recall = static_cast<double>(all_hits) / static_cast<double>(kK * count);
  measured.per_s = static_cast<double>(rounds * count) / elapsed;
  if (!calls.empty()) {
    std::sort(calls.begin(), calls.end());
    measured.p50_us = calls[calls.size() / 2] * 1e6;
    measured.p99_us = calls[calls.size() * 99 / 100] * 1e6;
  }
  return measured;
}

int Run(const std::string& folder, const std::string& kind, int threads, std::int64_t rows) {
  index::IndexOptions options;
  options.dimension = kDimension;
  options.threads = threads;
  const Result<index::IndexKind> parsed = index::ParseIndexKind(kind);
  if (!parsed.ok()) {
    std::fprintf(stderr, "%s\n", parsed.status().message().c_str());
    return 2;
  }
  options.kind = *parsed;
  NoStore store;
  const auto index = index::VectorIndex::Empty(options, &store);
  std::int64_t n = 0;
  {
    const std::vector<float> base = Load<float>(folder + "/base.f32", rows * kDimension);
    n = static_cast<std::int64_t>(base.size()) / kDimension;
    std::vector<std::uint16_t> half(kDimension);
    for (std::int64_t i = 0; i < n; ++i) {
      FloatToHalf(base.data() + i * kDimension, half.size(), half.data());
      index->Add(static_cast<std::uint64_t>(i) + 1, static_cast<std::uint64_t>(i) + 1, half);
    }
  }
  index->Publish(static_cast<std::uint64_t>(n));
  const double start = Now();
  Require(index->Maintain(true, {}));
  const double build_s = Now() - start;
  const index::IndexStats stats = index->stats();
  const auto view = index->TakeView();
  std::printf("{\"build_s\": %.2f, \"bytes_a_vector\": %.1f, \"plan\": \"%s\"}\n", build_s,
              static_cast<double>(stats.memory_bytes) / static_cast<double>(n),
              view->Plan({}).c_str());
  std::fflush(stdout);

  const std::vector<float> queries = Load<float>(folder + "/query.f32", 1 << 30);
  const std::vector<std::int64_t> truth = Load<std::int64_t>(folder + "/gt.i64", 1 << 30);
  for (std::string line; std::getline(std::cin, line);) {
    Work work;
    std::istringstream(line) >> work.effort >> work.threads >> work.batch >> work.seconds;
    const Measured measured = Measure(*view, queries, truth, work);
    std::printf("{\"recall\": %.4f, \"per_s\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
                measured.recall, measured.per_s, measured.p50_us, measured.p99_us);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace espy

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: bench_index FOLDER KIND [THREADS [ROWS]]\n";
    return 2;
  }
  return espy::Run(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 0,
                   argc > 4 ? std::atoll(argv[4]) : 1 << 30);
}
