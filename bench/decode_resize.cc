// How many pictures a second does one core take from file bytes to the 8-bit input of a vision
// tower?
//
//   decode_resize FILE... [--target 224] [--seconds 3]
//
// One line of JSON for each file: medians over single pictures, by the clock and by the CPU time of
// this thread. The second is what the first would be on a machine with nothing else to do, caches
// aside. decode_peers.py runs it beside Pillow and libvips.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "imaging/decode.h"
#include "imaging/preprocess.h"

namespace {

using espy::imaging::Decode;
using espy::imaging::FitForModel;

double Milliseconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool Measure(const std::string& path, int target, double seconds) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  espy::imaging::PreprocessSpec spec;
  spec.resize_shortest = spec.width = spec.height = target;
  std::vector<double> wall, cpu, decode_cpu;
  int width = 0;
  int height = 0;
  const double begin = Milliseconds(CLOCK_MONOTONIC);
  for (int i = 0; i < 3 || Milliseconds(CLOCK_MONOTONIC) - begin < seconds * 1e3; ++i) {
    const double wall_begin = Milliseconds(CLOCK_MONOTONIC);
    const double cpu_begin = Milliseconds(CLOCK_THREAD_CPUTIME_ID);
    const auto decoded = Decode(bytes, {.target_width = target, .target_height = target});
    if (!decoded.ok()) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), decoded.status().message().c_str());
      return false;
    }
    const double cpu_decoded = Milliseconds(CLOCK_THREAD_CPUTIME_ID);
    const espy::imaging::Image fitted = FitForModel(decoded->image, spec);
    if (fitted.pixels.empty()) return false;
    cpu.push_back(Milliseconds(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
    wall.push_back(Milliseconds(CLOCK_MONOTONIC) - wall_begin);
    decode_cpu.push_back(cpu_decoded - cpu_begin);
    width = decoded->full_width;
    height = decoded->full_height;
  }
  std::printf(
      "{\"file\": \"%s\", \"width\": %d, \"height\": %d, \"bytes\": %zu, \"target\": %d, "
      "\"pictures\": %zu, \"wall_ms_p50\": %.3f, \"cpu_ms_p50\": %.3f, \"decode_cpu_ms_p50\": "
      "%.3f, "
      "\"pictures_per_second\": %.2f, \"pictures_per_cpu_second\": %.2f, \"device\": \"%s\"}\n",
      path.c_str(), width, height, bytes.size(), target, wall.size(), Median(wall), Median(cpu),
      Median(decode_cpu), 1e3 / Median(wall), 1e3 / Median(cpu), espy::CpuDescription().c_str());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  int target = 224;
  double seconds = 3;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--target" && i + 1 < argc) {
      target = std::atoi(argv[++i]);
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      files.push_back(argument);
    }
  }
  if (files.empty() || target < 1) {
    std::fprintf(stderr, "usage: decode_resize FILE... [--target 224] [--seconds 3]\n");
    return 2;
  }
  bool fine = true;
  for (const std::string& file : files) fine = Measure(file, target, seconds) && fine;
  return fine ? 0 : 1;
}
