// What starting with a model costs: the time until its towers are ready, the first picture and the
// first text, and the memory that the process then holds more, private and of files apart. One JSON
// line; bench/load_peers.py runs it beside transformers.
//   bench_load MODEL [--precision fp32|bf16|int8] [--threads N] [--tower both|image|text]
//   [--seconds S]
// With --seconds also the median time of a picture in batches of 8 in the S seconds that follow.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "encoders/encoder.h"
#include "encoders/model_store.h"

namespace {

double NowMs() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Memory {
  double anonymous_mb = 0, file_mb = 0;
};

Memory Resident() {
  Memory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) memory.anonymous_mb = std::stod(line.substr(8)) / 1024;
    if (line.rfind("RssFile:", 0) == 0) memory.file_mb = std::stod(line.substr(8)) / 1024;
  }
  return memory;
}

int Fail(const espy::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using espy::Precision;
  std::string model, tower = "both";
  double seconds = 0;
  espy::encoders::EncoderOptions options;
  options.precision = Precision::kFloat32;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.rfind("--", 0) != 0) {
      model = flag;
    } else if (++i == argc) {
      model.clear();
    } else if (flag == "--threads") {
      options.threads = std::atoi(argv[i]);
    } else if (flag == "--seconds") {
      seconds = std::atof(argv[i]);
    } else if (flag == "--tower") {
      tower = argv[i];
    } else if (flag == "--precision") {
      for (const Precision p : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
        if (espy::PrecisionName(p) == argv[i]) options.precision = p;
      }
    }
  }
  if (model.empty()) {
    std::fprintf(stderr,
                 "usage: bench_load MODEL [--precision fp32|bf16|int8] [--threads N] "
                 "[--tower both|image|text] [--seconds S]\n");
    return 2;
  }
  options.load_image = tower != "text";
  options.load_text = tower != "image";

  const Memory before = Resident();
  const double start = NowMs();
  auto encoder = espy::encoders::Encoder::Load(model, options);
  if (!encoder.ok()) return Fail(encoder.status());
  const double loaded = NowMs();
  const espy::encoders::EncoderInfo& info = encoder.value()->info();
  std::vector<float> out(static_cast<std::size_t>(info.dimension));
  double first_image = 0, first_text = 0;
  if (options.load_image) {
    const std::vector<float> pixels(std::size_t{3} * info.preprocess.width * info.preprocess.height,
                                    0.25f);
    const double from = NowMs();
    const auto status = encoder.value()->EncodeImages(pixels.data(), 1, out.data());
    if (!status.ok()) return Fail(status);
    first_image = NowMs() - from;
  }
  if (options.load_text) {
    const std::vector<std::string> texts{"two red apples left of a dog on grass"};
    const double from = NowMs();
    const auto status = encoder.value()->EncodeTexts(texts, out.data());
    if (!status.ok()) return Fail(status);
    first_text = NowMs() - from;
  }
  const Memory used = Resident();
  double later_image = 0;
  if (seconds > 0 && options.load_image) {
    constexpr int kBatch = 8;
    const std::vector<float> pixels(
        std::size_t{3} * kBatch * info.preprocess.width * info.preprocess.height, 0.25f);
    out.resize(out.size() * kBatch);
    std::vector<double> calls;
    for (const double from = NowMs(); NowMs() - from < 1000 * seconds;) {
      const double before_call = NowMs();
      const auto status = encoder.value()->EncodeImages(pixels.data(), kBatch, out.data());
      if (!status.ok()) return Fail(status);
      calls.push_back((NowMs() - before_call) / kBatch);
    }
    std::sort(calls.begin(), calls.end());
    later_image = calls[calls.size() / 2];
  }
  const double end = NowMs();
  encoder.value().reset();  // waits for the cache to be written
  const double gone = NowMs();
  std::printf(
      "{\"bench\":\"load\",\"engine\":\"espy\",\"precision\":\"%s\",\"tower\":\"%s\","
      "\"load_ms\":%.1f,\"first_image_ms\":%.1f,\"first_text_ms\":%.1f,\"later_image_ms\":%.3f,"
      "\"close_ms\":%.1f,"
      "\"anonymous_mb\":%.1f,\"file_mb\":%.1f}\n",
      espy::PrecisionName(options.precision).data(), tower.c_str(), loaded - start, first_image,
      first_text, later_image, gone - end, used.anonymous_mb - before.anonymous_mb,
      used.file_mb - before.file_mb);
}
