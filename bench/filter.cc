// What filters cost over a made library: reading all records into columns, their memory, and
// filtered searches whose filter is another each time, by the share of items that pass.
//   bench_filter DIRECTORY ITEMS DIMENSION [QUERIES] [unsealed]
// The library is made in DIRECTORY when it is not there, compacted and with its columns stored;
// "unsealed" leaves all rows waiting and stores nothing. Widths are 0 to 999 at random: a range of
// ten of them keeps 1 % of the items, and the year half of them says nothing of the vectors.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "engine/fields/table.h"
#include "tests/engine/made_library.h"

namespace {

using espy::testing::MadeVectors;

constexpr std::size_t kClusters = 1000;

double NowMs() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

[[noreturn]] void Fail(const espy::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

void Make(const std::string& directory, std::uint64_t items, std::int64_t dimension) {
  MadeVectors vectors(1, static_cast<std::size_t>(dimension), kClusters);
  std::mt19937 random(2);
  const auto status = espy::testing::MakeLibrary(
      directory, items, dimension, [&](std::uint64_t i, espy::Record* record) {
        record->paths = {"/home/someone/Pictures/" + std::to_string(2000 + i % 25) + "/" +
                         std::to_string(i / 200) + "/IMG_" + std::to_string(i) + ".jpg"};
        record->width = static_cast<std::int32_t>(random() % 1000);
        record->height = static_cast<std::int32_t>(random() % 4000);
        record->file_bytes = random() % 10'000'000;
        record->taken_unix = 1'000'000'000 + static_cast<std::int64_t>(random() % 700'000'000);
        record->camera = "Maker Model " + std::to_string(random() % 30);
        if (random() % 3 == 0)
          record->place = espy::Place{random() % 90 * 1.0, random() % 180 * 1.0};
        record->tags = {"tag" + std::to_string(random() % 500)};
        return vectors.Near(random() % kClusters);
      });
  if (!status.ok()) Fail(status);
}

void MeasureColumns(const std::string& directory) {
  espy::storage::StoreOptions options;
  options.read_only = true;
  auto store = espy::storage::Store::Open(directory, options);
  if (!store.ok()) Fail(store.status());
  const double start = NowMs();
  espy::fields::Block block;
  const auto status = (*store)->ScanItems([&](const espy::Record& record) {
    block.Add(record);
    return true;
  });
  if (!status.ok()) Fail(status);
  block.Finish();
  std::printf("{\"items\":%u,\"columns_ms\":%.1f,\"bytes_an_item\":%.1f}\n", block.rows(),
              NowMs() - start, static_cast<double>(block.bytes()) / block.rows());
}

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void MeasureSearches(espy::Library* library, MadeVectors* vectors, int width, int queries) {
  std::mt19937 random(7);
  std::vector<double> times;
  int hits = 0, wanted = 0;
  std::string plan;
  for (int q = 0; q < queries; ++q) {
    const espy::Query query = espy::testing::VectorQuery(vectors->Near(random() % kClusters));
    espy::SearchOptions options;
    if (width < 1000) {
      const int low = static_cast<int>(random() % static_cast<unsigned>(1000 - width));
      options.where =
          "width >= " + std::to_string(low) + " and width < " + std::to_string(low + width);
    }
    const double start = NowMs();
    const auto found = library->Search(query, options);
    times.push_back(NowMs() - start);
    if (!found.ok()) Fail(found.status());
    plan = found->plan;
    if (q % 4 != 0) continue;
    options.exact = true;
    const auto exact = library->Search(query, options);
    if (!exact.ok()) Fail(exact.status());
    std::set<espy::ItemId> ids;
    for (const espy::Hit& hit : found->hits) ids.insert(hit.id);
    for (const espy::Hit& hit : exact->hits) hits += ids.contains(hit.id) ? 1 : 0, ++wanted;
  }
  times.erase(times.begin(), times.begin() + queries / 10);  // warming up
  std::printf(
      "{\"share\":%.3f,\"queries\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"recall_at_10\":%.4f,"
      "\"plan\":\"%s\"}\n",
      width / 1000.0, queries, Quantile(times, 0.5), Quantile(times, 0.99),
      static_cast<double>(hits) / wanted, plan.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_filter DIRECTORY ITEMS DIMENSION [QUERIES] [unsealed]\n");
    return 2;
  }
  const std::string directory = argv[1];
  const std::int64_t dimension = std::atoll(argv[3]);
  const int queries = argc > 4 ? std::max(20, std::atoi(argv[4])) : 400;
  const bool unsealed = argc > 5 && std::string(argv[5]) == "unsealed";
  const bool make = !std::filesystem::exists(directory);
  if (make) Make(directory, std::strtoull(argv[2], nullptr, 10), dimension);
  if (make && !unsealed) {
    auto made = espy::Library::Open(directory);
    if (!made.ok()) Fail(made.status());
    if (const auto compacted = (*made)->Compact(); !compacted.ok()) Fail(compacted.status());
    if (const auto stored = (*made)->WaitForBackground(); !stored.ok()) Fail(stored);
  }
  MeasureColumns(directory);
  MadeVectors vectors(1, static_cast<std::size_t>(dimension), kClusters);
  const espy::Query query = espy::testing::VectorQuery(vectors.Near(0));
  double start = NowMs();
  espy::OpenOptions open;
  open.background_build = !unsealed;
  open.read_only = !unsealed;
  auto library = espy::Library::Open(directory, open);
  if (!library.ok()) Fail(library.status());
  if (const auto first = (*library)->Search(query); !first.ok()) Fail(first.status());
  const double opened = NowMs() - start;
  start = NowMs();
  espy::SearchOptions filtered;
  filtered.where = "width < 10";
  if (const auto first = (*library)->Search(query, filtered); !first.ok()) Fail(first.status());
  std::printf("{\"open_to_first_answer_ms\":%.1f,\"first_filtered_answer_ms\":%.1f}\n", opened,
              NowMs() - start);
  for (const int width : {1000, 500, 100, 10, 1}) {
    MeasureSearches(library->get(), &vectors, width, queries);
  }
  return 0;
}
