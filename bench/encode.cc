// How many pictures or texts a second a model's tower encodes, as JSON lines.
//   encode MODEL [--tower image|text] [--batch 1,8] [--threads 1,2] [--seconds 1] [--rounds 3]
//   [--tokens N] [--precision fp32|bf16|int8] [--step]
// MODEL needs config.json and model.safetensors only: pictures are noise, texts are ids (N of them,
// the context's length by default). With --step each round waits for a line on the standard input,
// so that a script can take rounds in turn with a peer's. One line a round and setting: the rate,
// the median seconds of a call, and this process's peak memory.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "encoders/config.h"
#include "encoders/model_files.h"
#include "encoders/tower.h"

namespace espy::encoders {
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
  std::string model, tower = "image";
  std::vector<int> batches{1, 8}, threads{1};
  double seconds = 1;
  int rounds = 3;
  int tokens = 0;
  kernels::Precision precision = kernels::Precision::kFloat32;
  bool step = false;
};

std::vector<int> Numbers(const std::string& text) {
  std::vector<int> numbers;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) numbers.push_back(std::stoi(part));
  return numbers;
}

bool ParsePrecision(const std::string& name, kernels::Precision* precision) {
  for (int i = 0; i < kernels::kPrecisions; ++i) {
    *precision = static_cast<kernels::Precision>(i);
    if (name == kernels::PrecisionName(*precision)) return true;
  }
  return false;
}

bool Parse(int argc, char** argv, Settings* settings) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--step") {
      settings->step = true;
      continue;
    }
    if (flag.rfind("--", 0) != 0) {
      settings->model = flag;
      continue;
    }
    if (++i == argc) return false;
    const std::string value = argv[i];
    if (flag == "--tower")
      settings->tower = value;
    else if (flag == "--batch")
      settings->batches = Numbers(value);
    else if (flag == "--threads")
      settings->threads = Numbers(value);
    else if (flag == "--seconds")
      settings->seconds = std::stod(value);
    else if (flag == "--rounds")
      settings->rounds = std::stoi(value);
    else if (flag == "--tokens")
      settings->tokens = std::stoi(value);
    else if (flag == "--precision") {
      if (!ParsePrecision(value, &settings->precision)) return false;
    } else
      return false;
  }
  return !settings->model.empty();
}

class Subject {
 public:
  Subject(const Settings& settings, const ModelConfig& config, const Safetensors& weights)
      : config_(config), text_side_(settings.tower == "text") {
    ThreadPool pool(CoreCount());
    Status status;
    if (text_side_) {
      auto loaded = LoadTextTower(config, weights, Padding{}, {&pool, settings.precision});
      status = loaded.status();
      if (loaded.ok()) text_ = std::move(loaded).value();
    } else {
      auto loaded = LoadImageTower(config, weights, {&pool, settings.precision});
      status = loaded.status();
      if (loaded.ok()) image_ = std::move(loaded).value();
    }
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.message().c_str());
      std::exit(1);
    }
    tokens_ = settings.tokens > 0 ? settings.tokens : static_cast<int>(config.text.context);
  }

  void Prepare(int batch) {
    std::mt19937 random(1);
    if (text_side_) {
      std::uniform_int_distribution<int> id(3, static_cast<int>(config_.text.vocabulary) - 2);
      texts_.assign(static_cast<std::size_t>(batch), {});
      for (auto& ids : texts_) {
        for (int i = 1; i < tokens_; ++i) ids.push_back(id(random));
        // The end of text, by either of CLIP's rules; no other id equals it.
        ids.push_back(static_cast<std::int32_t>(config_.text.vocabulary) - 1);
      }
    } else {
      std::normal_distribution<float> pixel;
      const std::int64_t size = config_.vision.image_size;
      pixels_.resize(static_cast<std::size_t>(batch * 3 * size * size));
      for (float& value : pixels_) value = pixel(random);
    }
    out_.resize(static_cast<std::size_t>(batch * config_.projection));
  }

  void Run(int batch, ThreadPool* pool) {
    if (text_side_) {
      text_->Encode(texts_, &workspace_, out_.data(), pool);
    } else {
      image_->Encode(pixels_.data(), batch, &workspace_, out_.data(), pool);
    }
  }

 private:
  const ModelConfig& config_;
  bool text_side_;
  int tokens_ = 0;
  std::unique_ptr<ImageTower> image_;
  std::unique_ptr<TextTower> text_;
  Workspace workspace_;
  std::vector<float> pixels_, out_;
  std::vector<std::vector<std::int32_t>> texts_;
};

int Main(int argc, char** argv) {
  Settings settings;
  if (!Parse(argc, argv, &settings)) {
    std::fprintf(stderr,
                 "usage: encode MODEL [--tower image|text] [--batch 1,8] [--threads 1,2] "
                 "[--seconds 1] [--rounds 3] [--tokens N] [--precision fp32|bf16|int8] [--step]\n");
    return 2;
  }
  const auto config = ReadModelConfig(settings.model);
  const auto weights = OpenWeights(settings.model);
  if (!config.ok() || !weights.ok()) {
    const Status& status = config.ok() ? weights.status() : config.status();
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  const double start = Now();
  Subject subject(settings, *config, **weights);
  const double load_s = Now() - start;
  for (int round = 0; round < settings.rounds; ++round) {
    for (const int threads : settings.threads) {
      ThreadPool pool(threads);
      for (const int batch : settings.batches) {
        subject.Prepare(batch);
        subject.Run(batch, &pool);
        if (settings.step) {
          std::string line;
          if (!std::getline(std::cin, line)) return 0;
        }
        std::vector<double> calls;
        double spent = 0;
        const double cpu_start = CpuSeconds();
        while (spent < settings.seconds || calls.size() < 3) {
          const double before = Now();
          subject.Run(batch, &pool);
          calls.push_back(Now() - before);
          spent += calls.back();
        }
        const double cpu = CpuSeconds() - cpu_start;
        std::sort(calls.begin(), calls.end());
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        std::printf(
            "{\"bench\":\"encode\",\"engine\":\"espy\",\"cpu\":\"%s\",\"tower\":\"%s\","
            "\"precision\":\"%s\",\"batch\":%"
            "d,"
            "\"threads\":%d,\"round\":%d,\"per_s\":%.3f,\"per_cpu_s\":%.3f,\"call_s_p50\":%.6f,"
            "\"load_s\":%.3f,"
            "\"peak_mb\":%ld}\n",
            CpuDescription().c_str(), settings.tower.c_str(),
            kernels::PrecisionName(settings.precision).data(), batch, threads, round,
            static_cast<double>(calls.size()) * batch / spent,
            static_cast<double>(calls.size()) * batch / cpu, calls[calls.size() / 2], load_s,
            usage.ru_maxrss / 1024);
        std::fflush(stdout);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace espy::encoders

int main(int argc, char** argv) { return espy::encoders::Main(argc, argv); }
