// How fast a BLIP model captions, as JSON lines.
//   caption MODEL [--what caption|vision|step|memory|tokens] [--batch 1] [--threads 1] [--new 20]
//   [--beams 1] [--precision fp32|fp16|bf16|int8] [--device cpu|cuda] [--seconds 1] [--rounds 3]
//   [--step] [--pixels FILE]
// MODEL is a directory as published; pictures are noise, or FILE's FP32 numbers. tokens: the
// captions' tokens, once, to be compared with a peer's. caption: whole captions of --new tokens
// each; vision: the vision tower alone (on a GPU with the pictures' keys); step: passes of the
// decoder of one token a picture, from 10 to 10 + --new tokens; memory: how fast this machine reads
// as many bytes as a step does. One line a round; with --step each round waits for a line on the
// standard input, so that a script can take rounds in turn with a peer's.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "captioning/captioner.h"
#include "kernels/aligned_buffer.h"

namespace espy::captioning {
namespace {

double CpuSeconds() {  // of all threads of this process
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Settings {
  std::string model, what = "caption", pixels;
  std::size_t batch = 1;
  int threads = 1;
  std::int64_t new_tokens = 20, beams = 1;
  Precision precision = Precision::kFloat32;
  Device device = Device::kCpu;
  double seconds = 1;
  int rounds = 3;
  bool waits = false;
};

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      settings.model = name;
      continue;
    }
    if (name == "--step") {
      settings.waits = true;
      continue;
    }
    const std::string value = i + 1 < argc ? argv[++i] : "";
    if (name == "--what") settings.what = value;
    if (name == "--pixels") settings.pixels = value;
    if (name == "--batch") settings.batch = std::stoul(value);
    if (name == "--threads") settings.threads = std::stoi(value);
    if (name == "--new") settings.new_tokens = std::stol(value);
    if (name == "--beams") settings.beams = std::stol(value);
    if (name == "--seconds") settings.seconds = std::stod(value);
    if (name == "--rounds") settings.rounds = std::stoi(value);
    if (name == "--device") settings.device = value == "cuda" ? Device::kCuda : Device::kCpu;
    if (name == "--precision") {
      for (const Precision p :
           {Precision::kFloat32, Precision::kFloat16, Precision::kBfloat16, Precision::kInt8}) {
        if (value == PrecisionName(p)) settings.precision = p;
      }
    }
  }
  return settings;
}

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

template <class T>
T Must(Result<T> result) {
  if (!result.ok()) Die(result.status());
  return std::move(result).value();
}

// Repeats `run`, which handles `items`, and prints the rates of each round.
template <class Run>
void Measure(const Settings& settings, std::size_t items, const Run& run) {
  run();
  if (settings.waits) {
    std::printf("ready\n");
    std::fflush(stdout);
  }
  for (int round = 0; settings.waits || round < settings.rounds; ++round) {
    std::string line;
    if (settings.waits && !std::getline(std::cin, line)) return;
    const double start = Now(), cpu = CpuSeconds();
    std::vector<double> calls;
    while (calls.empty() || Now() - start < settings.seconds) {
      const double call = Now();
      run();
      calls.push_back(Now() - call);
    }
    const double done = static_cast<double>(calls.size() * items);
    const double wall = Now() - start, busy = CpuSeconds() - cpu;
    std::sort(calls.begin(), calls.end());
    std::printf(
        "{\"what\":\"%s\",\"precision\":\"%s\",\"batch\":%zu,\"threads\":%d,\"per_s\":%.5g,"
        "\"per_cpu_s\":%.5g,\"call_ms\":%.4g}\n",
        settings.what.c_str(), std::string(PrecisionName(settings.precision)).c_str(),
        settings.batch, settings.threads, done / wall, done / busy, 1e3 * calls[calls.size() / 2]);
    std::fflush(stdout);
  }
}

// Reads 512 MB, divided among the threads; a call is one reading.
void MeasureMemory(const Settings& settings) {
  constexpr std::int64_t kFloats = std::int64_t{1} << 27;
  constexpr std::int64_t kParts = 64;
  kernels::AlignedBuffer memory(kFloats);
  std::fill(memory.data(), memory.data() + kFloats, 1.0f);
  ThreadPool pool(settings.threads);
  volatile std::uint64_t sink = 0;
  Measure(settings, kFloats * 4, [&] {
    pool.ParallelFor(kParts, [&](std::int64_t part) {
      const auto* words =
          reinterpret_cast<const std::uint64_t*>(memory.data()) + part * (kFloats / 2 / kParts);
      std::uint64_t sums[8] = {};
      for (std::int64_t i = 0; i < kFloats / 2 / kParts; i += 8) {
        for (int j = 0; j < 8; ++j) sums[j] ^= words[i + j];
      }
      sink = sink ^ std::accumulate(sums, sums + 8, std::uint64_t{0});
    });
  });
}

void Run(const Settings& settings) {
  if (settings.what == "memory") return MeasureMemory(settings);
  const auto captioner = Must(Captioner::Load(
      settings.model,
      {.precision = settings.precision, .threads = settings.threads, .device = settings.device}));
  const auto side = static_cast<std::int32_t>(captioner->config().vision.image_size);
  std::vector<float> pixels(settings.batch * 3 * static_cast<std::size_t>(side * side));
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& pixel : pixels) pixel = normal(random);
  if (!settings.pixels.empty()) {
    std::ifstream file(settings.pixels, std::ios::binary);
    file.read(reinterpret_cast<char*>(pixels.data()),
              static_cast<std::streamsize>(pixels.size() * sizeof(float)));
    if (!file) Die(Status::IoError(settings.pixels + ": too short for the pictures"));
  }
  std::vector<imaging::PictureView> views;
  for (std::size_t i = 0; i < settings.batch; ++i) {
    views.push_back({pixels.data() + i * 3 * static_cast<std::size_t>(side * side), {side, side}});
  }
  if (settings.what == "vision") {
    Measure(settings, settings.batch, [&] {
      if (settings.device == Device::kCuda) {
        Must(captioner->Look(views, /*with_rows=*/false));
      } else {
        Must(captioner->model().See(views));
      }
    });
    return;
  }
  CaptionOptions options;
  options.max_length = options.min_length = 1 + settings.new_tokens;
  options.beams = settings.beams;
  if (settings.what == "tokens") {
    std::string list;
    for (const Caption& caption : Must(captioner->CaptionPictures(views, options))) {
      list += list.empty() ? "[" : ",[";
      for (const std::int32_t token : caption.tokens) list += std::to_string(token) + ",";
      list.back() = ']';
    }
    std::printf("{\"tokens\":[%s]}\n", list.c_str());
    return;
  }
  if (settings.what == "caption") {
    Measure(settings, settings.batch, [&] { Must(captioner->CaptionPictures(views, options)); });
    return;
  }
  CrossCache cross = Must(captioner->Look(views, /*with_rows=*/false)).cross;
  const TextDecoder& decoder = captioner->decoder();
  KvCache cache = decoder.NewCache();
  std::vector<std::vector<std::int32_t>> starts;
  for (std::size_t i = 0; i < settings.batch; ++i) {
    cache.Add(static_cast<std::int32_t>(i));
    starts.emplace_back(10, 7);
  }
  DecoderOutput out;
  if (Status read = ReadStarts(decoder, starts, &cache, &cross, &out); !read.ok()) Die(read);
  std::vector<std::int32_t> sequences(settings.batch);
  std::iota(sequences.begin(), sequences.end(), 0);
  const std::vector<std::int32_t> tokens(settings.batch, 9), parents(settings.batch, -1);
  Measure(settings, settings.batch, [&] {
    const Status step = decoder.Forward(
        {.tokens = tokens, .parents = parents, .sequences = sequences}, &cache, &cross, &out);
    if (!step.ok()) Die(step);
    for (const std::int32_t s : sequences) {
      cache.Keep(s, {&s, 1});
      if (cache.length(s) == 10 + settings.new_tokens) cache.Truncate(s, 10);
    }
  });
}

}  // namespace
}  // namespace espy::captioning

int main(int argc, char** argv) {
  espy::captioning::Run(espy::captioning::Parse(argc, argv));
  return 0;
}
