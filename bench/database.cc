// An embedder's program: vectors with a payload go in, durable; questions are asked meanwhile and
// after. Prints one JSON line.
//   bench_database LIBRARY DATA [N] [QUERIES] [BATCH] [THREADS]
// DATA holds base.f32 and query.f32: rows of 512 floats. LIBRARY must not be there yet.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "espy/library.h"

namespace {

constexpr std::int64_t kDimension = 512;
constexpr std::size_t kHits = 10;
constexpr int kTags = 100;  // each on one item of a hundred

using Clock = std::chrono::steady_clock;
double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_database: %s\n", why.c_str());
  std::exit(1);
}

std::vector<float> ReadRows(const std::string& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) Die(path + ": cannot be read");
  const auto rows =
      std::min(most, static_cast<std::size_t>(file.tellg()) / (kDimension * sizeof(float)));
  std::vector<float> values(rows * kDimension);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

float Dot(const float* a, const float* b) {
  float sums[16] = {};
  for (std::int64_t i = 0; i < kDimension; i += 16) {
    for (int j = 0; j < 16; ++j) sums[j] += a[i + j] * b[i + j];
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

// About 116 bytes of what is known of a picture.
espy::Record Payload(std::size_t i) {
  char text[80];
  espy::Record record;
  std::snprintf(text, sizeof(text), "/photos/2024/%03zu/IMG_%08zu.jpg", i % 977, i);
  record.paths = {text};
  std::snprintf(text, sizeof(text), "a picture of thing number %zu on a table", i);
  record.caption = text;
  record.width = 4000;
  record.height = 3000;
  record.tags = {"t" + std::to_string(i % kTags)};
  return record;
}

std::size_t RowOf(const espy::Record& record) {
  return std::strtoull(record.paths[0].c_str() + record.paths[0].rfind('_') + 1, nullptr, 10);
}

class Bench {
 public:
  Bench(std::vector<float> base, std::vector<float> queries)
      : base_(std::move(base)), queries_(std::move(queries)) {}
  std::size_t rows() const { return base_.size() / kDimension; }
  std::size_t queries() const { return queries_.size() / kDimension; }

  void Open(const std::string& path, bool create) {
    espy::OpenOptions options;
    options.create_if_missing = create;
    auto opened = espy::Library::Open(path, options);
    if (!opened.ok()) Die(opened.status().message());
    library_ = std::move(*opened);
  }
  // As a program does that asks one question and ends.
  void OpenForOne(const std::string& path) {
    espy::OpenOptions options;
    options.read_only = options.few_searches = true;
    auto opened = espy::Library::Open(path, options);
    if (!opened.ok()) Die(opened.status().message());
    library_ = std::move(*opened);
  }
  void Close() { library_.reset(); }
  espy::Library* library() { return library_.get(); }

  // Rows [begin, end) in batches; `shift` gives them other numbers and slightly other values.
  void Insert(std::size_t begin, std::size_t end, std::size_t batch, std::size_t shift = 0) {
    std::vector<espy::ImportItem> items;
    std::vector<float> moved;
    for (std::size_t at = begin; at < end; at += batch) {
      const std::size_t n = std::min(batch, end - at);
      const float* rows = base_.data() + at * kDimension;
      if (shift > 0) {
        moved.assign(rows, rows + n * kDimension);
        for (std::size_t i = 0; i < n; ++i) {
          moved[i * kDimension + (shift + i) % kDimension] += 0.1f;
        }
        rows = moved.data();
      }
      items.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        items[i].vector = {rows + i * kDimension, static_cast<std::size_t>(kDimension)};
        items[i].record = Payload(at + i + shift);
      }
      const auto report = library_->Import(items, {.space = "bench", .dimension = kDimension});
      if (!report.ok()) Die(report.status().message());
    }
  }

  void FindTruth() {
    truth_ = std::vector<std::vector<std::size_t>>(queries());
    truth_of_tag_ = truth_;
    for (std::size_t q = 0; q < queries(); ++q) {
      std::vector<std::pair<float, std::size_t>> all, tagged;
      for (std::size_t i = 0; i < rows(); ++i) {
        const float score = -Dot(queries_.data() + q * kDimension, base_.data() + i * kDimension);
        all.emplace_back(score, i);
        if (i % kTags == 7) tagged.emplace_back(score, i);
      }
      truth_[q] = Best(&all);
      truth_of_tag_[q] = Best(&tagged);
    }
  }

  struct Answers {
    double p50_ms = 0, p99_ms = 0, recall = 0;
  };
  Answers Ask(bool tagged, std::size_t most = 1'000'000) {
    espy::SearchOptions options;
    options.k = kHits;
    if (tagged) options.where = "tag = t7";
    const auto& truth = tagged ? truth_of_tag_ : truth_;
    std::vector<double> times;
    std::size_t found = 0;
    for (std::size_t q = 0; q < std::min(queries(), most); ++q) {
      const auto start = Clock::now();
      const std::vector<espy::Hit> hits = Search(q, options);
      times.push_back(SecondsSince(start) * 1e3);
      for (const espy::Hit& hit : hits) {
        const auto& wanted = truth[q];
        found += std::find(wanted.begin(), wanted.end(), RowOf(hit.record)) != wanted.end();
      }
    }
    Answers answers;
    answers.recall = static_cast<double>(found) / static_cast<double>(kHits * times.size());
    std::sort(times.begin(), times.end());
    answers.p50_ms = times[times.size() / 2];
    answers.p99_ms = times[times.size() * 99 / 100];
    return answers;
  }

  // Queries a second of two threads over four seconds.
  double AskInTwo() {
    std::atomic<std::size_t> asked{0};
    const auto start = Clock::now();
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t q = t; SecondsSince(start) < 4; q += 2) {
          Search(q % queries(), {.k = kHits});
          ++asked;
        }
      });
    }
    threads.clear();
    return static_cast<double>(asked) / SecondsSince(start);
  }

 private:
  static std::vector<std::size_t> Best(std::vector<std::pair<float, std::size_t>>* scored) {
    const auto k = std::min(kHits, scored->size());
    std::partial_sort(scored->begin(), scored->begin() + static_cast<std::ptrdiff_t>(k),
                      scored->end());
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < k; ++i) rows.push_back((*scored)[i].second);
    return rows;
  }
  std::vector<espy::Hit> Search(std::size_t q, const espy::SearchOptions& options) {
    espy::QueryTerm term;
    term.kind = espy::QueryTerm::Kind::kVector;
    const float* row = queries_.data() + q * kDimension;
    term.vector.assign(row, row + kDimension);
    auto result = library_->Search({{term}}, options);
    if (!result.ok()) Die(result.status().message());
    return std::move(result->hits);
  }

  const std::vector<float> base_, queries_;
  std::vector<std::vector<std::size_t>> truth_, truth_of_tag_;
  std::unique_ptr<espy::Library> library_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) Die("usage: bench_database LIBRARY DATA [N] [QUERIES] [BATCH] [THREADS]");
  const std::string library = argv[1], data = argv[2];
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  Bench bench(ReadRows(data + "/base.f32", number(3, 100'000)),
              ReadRows(data + "/query.f32", number(4, 300)));
  const std::size_t n = bench.rows(), batch = number(5, 1000), threads = number(6, 1);
  bench.Open(library, true);
  const auto start = Clock::now();
  {
    std::vector<std::jthread> inserters;
    for (std::size_t t = 0; t < threads; ++t) {
      inserters.emplace_back(
          [&, t] { bench.Insert(n * t / threads, n * (t + 1) / threads, batch); });
    }
  }
  const double insert_s = SecondsSince(start);
  std::printf(
      "{\"bench\":\"database\",\"n\":%zu,\"batch\":%zu,\"threads\":%zu,\"insert_s\":%.3f,"
      "\"insert_vps\":%.0f",
      n, batch, threads, insert_s, static_cast<double>(n) / insert_s);
  std::fflush(stdout);
  if (const auto built = bench.library()->WaitForBackground(); !built.ok()) Die(built.message());
  const double indexed_s = SecondsSince(start);
  std::printf(",\"indexed_s\":%.2f,\"indexed_vps\":%.0f", indexed_s,
              static_cast<double>(n) / indexed_s);
  std::fflush(stdout);
  if (bench.queries() > 0) {
    bench.FindTruth();
    for (int round = 0; round < 3; ++round) bench.Ask(false);  // warm
    const auto idle = bench.Ask(false);
    std::printf(",\"recall\":%.4f,\"p50_ms\":%.3f,\"p99_ms\":%.3f", idle.recall, idle.p50_ms,
                idle.p99_ms);
    bench.Ask(true, 100);
    const auto tagged = bench.Ask(true, 100);
    std::printf(",\"filtered_recall\":%.4f,\"filtered_p50_ms\":%.3f,\"filtered_p99_ms\":%.3f",
                tagged.recall, tagged.p50_ms, tagged.p99_ms);
    std::printf(",\"qps_2_threads\":%.0f", bench.AskInTwo());
    std::fflush(stdout);
    {
      // 500 rows a second, ten at a time.
      std::jthread inserter([&](const std::stop_token& stop) {
        const auto begin = Clock::now();
        for (std::size_t i = 0; !stop.stop_requested(); ++i) {
          const std::size_t at = i * 10 % (n - 10);
          bench.Insert(at, at + 10, 10, 2 * n + i * 10);
          std::this_thread::sleep_until(begin + std::chrono::milliseconds(20 * (i + 1)));
        }
      });
      std::vector<double> p50, p99;
      const auto begin = Clock::now();
      while (SecondsSince(begin) < 5) {
        const auto busy = bench.Ask(false);
        p50.push_back(busy.p50_ms);
        p99.push_back(busy.p99_ms);
      }
      std::sort(p50.begin(), p50.end());
      std::sort(p99.begin(), p99.end());
      std::printf(",\"inserting_p50_ms\":%.3f,\"inserting_p99_ms\":%.3f", p50[p50.size() / 2],
                  p99[p99.size() / 2]);
    }
  }
  const auto info = bench.library()->Info();
  if (!info.ok()) Die(info.status().message());
  bench.Close();
  std::printf(",\"disk_bytes_a_vector\":%.0f",
              static_cast<double>(info->disk_bytes) / static_cast<double>(info->items));
  if (bench.queries() > 0) {
    const auto reopened = Clock::now();
    bench.Open(library, false);
    const double open_s = SecondsSince(reopened);
    bench.Ask(false, 1);
    std::printf(",\"open_s\":%.3f,\"reopen_to_first_answer_s\":%.3f", open_s,
                SecondsSince(reopened));
    bench.Close();
    const auto once = Clock::now();
    bench.OpenForOne(library);
    bench.Ask(false, 1);
    std::printf(",\"one_answer_s\":%.3f", SecondsSince(once));
  }
  std::printf("}\n");
  return 0;
}
