// How fast the attention kernel alone is, as JSON lines.
//   attention [--tokens N] [--heads H] [--dim D] [--batch B] [--threads T] [--seconds S]
//   [--rounds R] [--precision fp32|bf16] [--step]
// Q, K and V are read where a tower's fused projection leaves them, [tokens, 3 * H * D]. With
// --step each round waits for a line on the standard input, so that rounds can be taken in turn
// with a peer's. A line a round: sequences a second by the clock and by processor time, and
// GFLOP/s, counting 4 * N * N * D a head.
#include "kernels/attention.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "base/thread_pool.h"

namespace espy::kernels {
namespace {

struct Settings {
  std::int64_t tokens = 197, heads = 12, dim = 64, batch = 1;
  int threads = 1, rounds = 5;
  double seconds = 0.5;
  bool step = false;
  Precision precision = Precision::kFloat32;
};

bool Parse(int argc, char** argv, Settings* settings) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--step") {
      settings->step = true;
      continue;
    }
    if (++i == argc) return false;
    if (flag == "--precision") {
      const std::string name = argv[i];
      if (name != "fp32" && name != "bf16") return false;
      if (name == "bf16") settings->precision = Precision::kBfloat16;
      continue;
    }
    const double value = std::atof(argv[i]);
    if (value <= 0) return false;
    const auto whole = static_cast<std::int64_t>(value);
    if (flag == "--tokens")
      settings->tokens = whole;
    else if (flag == "--heads")
      settings->heads = whole;
    else if (flag == "--dim")
      settings->dim = whole;
    else if (flag == "--batch")
      settings->batch = whole;
    else if (flag == "--threads")
      settings->threads = static_cast<int>(whole);
    else if (flag == "--rounds")
      settings->rounds = static_cast<int>(whole);
    else if (flag == "--seconds")
      settings->seconds = value;
    else
      return false;
  }
  return true;
}

double Seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

int Main(int argc, char** argv) {
  Settings settings;
  if (!Parse(argc, argv, &settings)) {
    std::fprintf(stderr,
                 "usage: attention [--tokens N] [--heads H] [--dim D] [--batch B] [--threads T] "
                 "[--seconds S] [--rounds R] [--precision fp32|bf16] [--step]\n");
    return 2;
  }
  const std::int64_t width = settings.heads * settings.dim, rows = settings.batch * settings.tokens;
  std::vector<float> fused(static_cast<std::size_t>(rows * 3 * width));
  std::vector<float> out(static_cast<std::size_t>(rows * width));
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& value : fused) value = normal(random);
  std::vector<std::int64_t> offsets;
  for (std::int64_t s = 0; s <= settings.batch; ++s) offsets.push_back(s * settings.tokens);
  AttentionArgs args;
  args.sequences = settings.batch;
  args.heads = settings.heads;
  args.head_dim = settings.dim;
  args.scale = 0.125f;
  args.precision = settings.precision;
  args.query_offsets = args.key_offsets = offsets.data();
  args.q = {fused.data(), 3 * width};
  args.k = {fused.data() + width, 3 * width};
  args.v = {fused.data() + 2 * width, 3 * width};
  args.out = out.data();
  args.out_stride = width;
  ThreadPool pool(settings.threads);
  Attention(args, &pool);
  for (int round = 0; round < settings.rounds; ++round) {
    std::string line;
    if (settings.step && !std::getline(std::cin, line)) return 0;
    const double start = Seconds(CLOCK_MONOTONIC), cpu = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    std::int64_t calls = 0;
    while (calls < 3 || Seconds(CLOCK_MONOTONIC) - start < settings.seconds) {
      Attention(args, &pool);
      ++calls;
    }
    const double sequences = static_cast<double>(calls * settings.batch);
    const double per_s = sequences / (Seconds(CLOCK_MONOTONIC) - start);
    const double per_cpu_s = sequences / (Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    const double flops = 4.0 * static_cast<double>(settings.tokens * settings.tokens * width);
    std::printf(
        "{\"bench\":\"attention\",\"cpu\":\"%s\",\"tokens\":%ld,\"heads\":%ld,\"dim\":%ld,"
        "\"batch\":%ld,\"precision\":\"%s\",\"threads\":%d,\"per_s\":%.3f,\"per_cpu_s\":%.3f,"
        "\"gflops\":%.2f}\n",
        CpuDescription().c_str(), static_cast<long>(settings.tokens),
        static_cast<long>(settings.heads), static_cast<long>(settings.dim),
        static_cast<long>(settings.batch), std::string(PrecisionName(settings.precision)).c_str(),
        settings.threads, per_s, per_cpu_s, 1e-9 * flops * per_cpu_s);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace espy::kernels

int main(int argc, char** argv) { return espy::kernels::Main(argc, argv); }
