// Ingest end to end beside its parts alone, on one folder of pictures.
//
//   bench_ingest FOLDER [--model NAME] [--threads N] [--rounds N]
//
// Prints one JSON object a line: decode alone (read, hash, decode, fit, thumbnail, perceptual hash,
// on every core), encode alone (the model on every core, full batches), ingest (both, with commits,
// into a fresh library), each as pictures a second, median of the rounds, which take turns so that
// a drifting machine drifts for all; then the share of the slower part that ingest reaches, and its
// peak memory.
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

double Seconds(const std::function<void()>& work) {
  const std::int64_t start = espy::Env::Default()->MonotonicNs();
  work();
  return static_cast<double>(espy::Env::Default()->MonotonicNs() - start) * 1e-9;
}

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
  int threads = 0, rounds = 3;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else if (flag == "--threads" && i + 1 < argc) {
      threads = std::atoi(argv[++i]);
    } else if (flag == "--rounds" && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      folder = flag;
    }
  }
  if (folder.empty()) {
    std::fprintf(stderr, "usage: bench_ingest FOLDER [--model NAME] [--threads N] [--rounds N]\n");
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
  std::atomic<std::int64_t> decoded{0};
  const auto decode_all = [&] {
    decoded = 0;
    pool.ParallelFor(static_cast<std::int64_t>(files.size()), [&](std::int64_t i) {
      auto bytes = espy::Env::Default()->ReadFile(files[i], 256u << 20);
      if (bytes.ok() && espy::ReadPicture(*bytes, espy::Sha256(*bytes), info.preprocess).ok()) {
        ++decoded;
      }
    });
  };
  const std::int64_t batch = (*encoder)->preferred_batch();
  const std::vector<float> pixels(3ull * info.preprocess.width * info.preprocess.height * batch,
                                  0.1f);
  std::vector<float> vectors(info.dimension * batch);
  const auto encode_all = [&] {
    for (std::int64_t done = 0; done < decoded; done += batch) {
      const auto status = (*encoder)->EncodeImages(pixels.data(), batch, vectors.data());
      if (!status.ok()) Die(status);
    }
  };
  const fs::path scratch = fs::temp_directory_path() / "espy-bench-ingest";
  std::uint64_t added = 0;
  const auto ingest_all = [&] {
    fs::remove_all(scratch);
    espy::OpenOptions options;
    options.create_if_missing = true;
    options.model = *directory;
    options.threads = threads;
    auto library = espy::Library::Open(scratch.string(), options);
    if (!library.ok()) Die(library.status());
    espy::IngestOptions ingest;
    ingest.paths = {folder};
    ingest.jobs = threads;
    auto report = (*library)->Ingest(ingest);
    if (!report.ok()) Die(report.status());
    added = report->added + report->known;
  };

  std::vector<double> decode, encode, ingest;
  decode_all();  // warm the page cache
  for (int round = 0; round < rounds; ++round) {
    decode.push_back(static_cast<double>(decoded) / Seconds(decode_all));
    encode.push_back(static_cast<double>(decoded) / Seconds(encode_all));
    const double seconds = Seconds(ingest_all);
    ingest.push_back(static_cast<double>(added) / seconds);
  }
  fs::remove_all(scratch);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double slower = std::min(Median(decode), Median(encode));
  std::printf("{\"pictures\": %zu, \"taken\": %llu, \"threads\": %d, \"model\": \"%s\"}\n",
              files.size(), static_cast<unsigned long long>(added), cores, info.name.c_str());
  std::printf("{\"part\": \"decode alone\", \"per_second\": %.1f}\n", Median(decode));
  std::printf("{\"part\": \"encode alone, batch %lld\", \"per_second\": %.1f}\n",
              static_cast<long long>(batch), Median(encode));
  std::printf(
      "{\"part\": \"ingest\", \"per_second\": %.1f, \"share_of_the_slower\": %.3f, \"peak_mb\": "
      "%.0f}\n",
      Median(ingest), Median(ingest) / slower, static_cast<double>(usage.ru_maxrss) / 1024.0);
  return 0;
}
