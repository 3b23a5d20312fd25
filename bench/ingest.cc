// Ingest end to end beside its parts alone, on one folder of pictures.
//
//   bench_ingest FOLDER [--model NAME] [--threads N] [--rounds N] [--batch N]
//   [--embedded-thumbnails]
//
// Prints one JSON object a line: decode alone (read, hash, decode, fit, thumbnail, perceptual hash,
// on every core), encode alone (the model on every core, full batches), ingest (both, with commits,
// into a fresh library whose model is loaded), each as pictures a second and CPU milliseconds a
// picture, medians of the rounds, in which they take turns so that a drifting machine drifts for
// all.
//
// Two parts that share the cores cannot both run at the speed that each has alone. What they can
// reach together is 1 / (1 / decode + 1 / encode): share_of_what_the_cores_allow is against that,
// by the clock, and work_per_work the same by processor time, which other programs disturb less.
// share_of_the_slower is against the slower part alone, as if the faster one cost nothing: near 1
// only where it does, as with a model on another device. All three are medians of rounds.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "encoders/model_store.h"
#include "engine/picture.h"
#include "espy/library.h"
#include "imaging/decode.h"

namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const espy::Status& status) {
  std::fprintf(stderr, "bench_ingest: %s\n", status.message().c_str());
  std::exit(2);
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One part's times, a picture.
struct Times {
  std::vector<double> wall, cpu;  // seconds, a round each

  void Measure(const std::function<std::uint64_t()>& work) {
    const double cpu_start = CpuSeconds();
    const std::int64_t start = espy::Env::Default()->MonotonicNs();
    const auto pictures = static_cast<double>(std::max<std::uint64_t>(work(), 1));
    wall.push_back(static_cast<double>(espy::Env::Default()->MonotonicNs() - start) * 1e-9 /
                   pictures);
    cpu.push_back((CpuSeconds() - cpu_start) / pictures);
  }
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::string> PicturesIn(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && espy::imaging::HasPictureExtension(entry.path().string())) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder, model = "espy-mini";
  int threads = 0, rounds = 3, batch_size = 0;
  bool thumbnails = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else if (flag == "--threads" && i + 1 < argc) {
      threads = std::atoi(argv[++i]);
    } else if (flag == "--rounds" && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else if (flag == "--batch" && i + 1 < argc) {
      batch_size = std::max(1, std::atoi(argv[++i]));
    } else if (flag == "--embedded-thumbnails") {
      thumbnails = true;
    } else {
      folder = flag;
    }
  }
  if (folder.empty()) {
    std::fprintf(stderr,
                 "usage: bench_ingest FOLDER [--model NAME] [--threads N] [--rounds N] [--batch N] "
                 "[--embedded-thumbnails]\n");
    return 2;
  }
  const std::vector<std::string> files = PicturesIn(folder);
  const auto directory = espy::encoders::ResolveModel(model);
  if (!directory.ok()) Die(directory.status());
  auto encoder = espy::encoders::Encoder::Load(
      *directory, {.threads = threads, .load_image = true, .load_text = false});
  if (!encoder.ok()) Die(encoder.status());
  const auto& info = (*encoder)->info();
  const int cores = threads > 0 ? threads : espy::CoreCount();

  espy::ThreadPool pool(cores);
  std::atomic<std::uint64_t> decoded{0};
  const auto decode_all = [&] {
    decoded = 0;
    pool.ParallelFor(static_cast<std::int64_t>(files.size()), [&](std::int64_t i) {
      auto bytes = espy::Env::Default()->ReadFile(files[i], 256u << 20);
      if (bytes.ok() &&
          espy::ReadPicture(*bytes, espy::Sha256(*bytes), info.preprocess, thumbnails).ok()) {
        ++decoded;
      }
    });
    return decoded.load();
  };
  const std::int64_t batch = batch_size > 0 ? batch_size : (*encoder)->preferred_batch();
  const std::vector<float> pixels(3ull * info.preprocess.width * info.preprocess.height * batch,
                                  0.1f);
  std::vector<float> vectors(info.dimension * batch);
  const auto encode_all = [&] {
    std::uint64_t done = 0;
    for (; done < decoded; done += batch) {
      const auto status = (*encoder)->EncodeImages(pixels.data(), batch, vectors.data());
      if (!status.ok()) Die(status);
    }
    return done;
  };
  const fs::path scratch = fs::temp_directory_path() / "espy-bench-ingest";
  const auto open_warm = [&] {
    fs::remove_all(scratch);
    espy::OpenOptions options;
    options.create_if_missing = true;
    options.model = *directory;
    options.threads = threads;
    auto library = espy::Library::Open(scratch.string(), options);
    if (!library.ok()) Die(library.status());
    // One picture, so that the model is loaded and the rest finds all in place.
    const auto report = (*library)->Ingest({.paths = {files.front()}});
    if (!report.ok()) Die(report.status());
    return *std::move(library);
  };
  const auto ingest_all = [&](espy::Library& library) {
    espy::IngestOptions ingest;
    ingest.paths = {folder};
    ingest.jobs = threads;
    ingest.batch_size = batch_size;
    ingest.embedded_thumbnails = thumbnails;
    auto report = library.Ingest(ingest);
    if (!report.ok()) Die(report.status());
    return report->added;
  };

  Times decode, encode, ingest;
  std::vector<double> of_slower, of_cores, of_work;
  std::uint64_t added = 0;
  decode_all();  // warm the page cache
  for (int round = 0; round < rounds; ++round) {
    decode.Measure(decode_all);
    encode.Measure(encode_all);
    const auto library = open_warm();
    ingest.Measure([&] { return added = ingest_all(*library); });
    const double d = decode.wall.back(), e = encode.wall.back(), i = ingest.wall.back();
    of_slower.push_back(std::max(d, e) / i);
    of_cores.push_back((d + e) / i);
    of_work.push_back((decode.cpu.back() + encode.cpu.back()) / ingest.cpu.back());
  }
  fs::remove_all(scratch);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"pictures\": %zu, \"taken\": %llu, \"threads\": %d, \"model\": \"%s\"}\n",
              files.size(), static_cast<unsigned long long>(added), cores, info.name.c_str());
  const auto line = [](const std::string& part, const Times& times) {
    std::printf("{\"part\": \"%s\", \"per_second\": %.1f, \"cpu_ms\": %.2f}\n", part.c_str(),
                1 / Median(times.wall), 1e3 * Median(times.cpu));
  };
  line("decode alone", decode);
  line("encode alone, batch " + std::to_string(batch), encode);
  line("ingest", ingest);
  std::printf(
      "{\"share_of_the_slower\": %.3f, \"share_of_what_the_cores_allow\": %.3f, \"work_per_work\": "
      "%.3f, \"peak_mb\": %.0f}\n",
      Median(of_slower), Median(of_cores), Median(of_work),
      static_cast<double>(usage.ru_maxrss) / 1024.0);
  return 0;
}
