// What the first question of a fresh process costs: describing the model, loading its text tower,
// and the first text; then the median of 50 more texts. One JSON line, milliseconds by the clock
// and by the processor time of all threads.
//   bench_cold_query MODEL [TEXT] [THREADS]
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "encoders/encoder.h"
#include "encoders/model_store.h"

namespace {

struct Moment {
  double wall_ms = 0, cpu_ms = 0;
};

Moment Now() {
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double, std::milli>(wall).count(),
          1e3 * static_cast<double>(cpu.tv_sec) + 1e-6 * static_cast<double>(cpu.tv_nsec)};
}

int Fail(const espy::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_cold_query MODEL [TEXT] [THREADS]\n");
    return 2;
  }
  const std::vector<std::string> texts{argc > 2 ? argv[2] : "a photo of a dog on the beach"};
  const Moment start = Now();
  auto directory = espy::encoders::ResolveModel(argv[1]);
  if (!directory.ok()) return Fail(directory.status());
  auto encoder = espy::encoders::Encoder::Load(
      *directory, {.threads = argc > 3 ? std::atoi(argv[3]) : 0, .load_text = true});
  if (!encoder.ok()) return Fail(encoder.status());
  const Moment loaded = Now();
  std::vector<float> vector(static_cast<std::size_t>(encoder.value()->info().dimension));
  if (const auto status = encoder.value()->EncodeTexts(texts, vector.data()); !status.ok()) {
    return Fail(status);
  }
  const Moment first = Now();
  std::vector<double> more;
  for (int i = 0; i < 50; ++i) {
    const double before = Now().wall_ms;
    if (!encoder.value()->EncodeTexts(texts, vector.data()).ok()) return 1;
    more.push_back(Now().wall_ms - before);
  }
  std::sort(more.begin(), more.end());
  std::printf(
      "{\"bench\":\"cold_query\",\"model\":\"%s\",\"load_ms\":%.2f,\"load_cpu_ms\":%.2f,"
      "\"first_text_ms\":%.2f,\"first_text_cpu_ms\":%.2f,\"later_text_ms_p50\":%.3f}\n",
      encoder.value()->info().name.c_str(), loaded.wall_ms - start.wall_ms,
      loaded.cpu_ms - start.cpu_ms, first.wall_ms - loaded.wall_ms, first.cpu_ms - loaded.cpu_ms,
      more[more.size() / 2]);
}
