// What do embedded thumbnails change? (ingest --embedded-thumbnails)
//
//   bench_embedded_thumbnails FOLDER [--model NAME]
//
// Takes every JPEG of the folder that has a thumbnail which serves, whole and by it. One JSON line:
// CPU milliseconds a picture until the tensor is ready (read, hash, decode, fit, thumbnail,
// perceptual hash), the cosine between the two vectors, and how much of the ten nearest pictures
// stays: asked by a whole picture in a library of thumbnails, against the same library of whole
// pictures.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/sha256.h"
#include "encoders/model_store.h"
#include "engine/picture.h"

namespace {

constexpr std::size_t kNearest = 10;

[[noreturn]] void Die(const espy::Status& status) {
  std::fprintf(stderr, "bench_embedded_thumbnails: %s\n", status.message().c_str());
  std::exit(2);
}

double CpuMs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

double Dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

struct Taken {
  espy::Picture picture;
  double cpu_ms = 0;
};

Taken Take(const std::string& path, const espy::imaging::PreprocessSpec& spec, bool thumbnails) {
  const double start = CpuMs();
  const auto bytes = espy::Env::Default()->ReadFile(path, 256u << 20);
  if (!bytes.ok()) Die(bytes.status());
  auto picture = espy::ReadPicture(*bytes, espy::Sha256(*bytes), spec, thumbnails);
  if (!picture.ok()) Die(picture.status());
  return {*std::move(picture), CpuMs() - start};
}

// The numbers of the vectors nearest to `query`, which is number `self` and no answer to itself.
std::vector<std::size_t> Nearest(const std::vector<std::vector<float>>& vectors,
                                 const std::vector<float>& query, std::size_t self) {
  std::vector<std::pair<double, std::size_t>> scored;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (i != self) scored.emplace_back(-Dot(vectors[i], query), i);
  }
  const std::size_t k = std::min(kNearest, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(k), scored.end());
  std::vector<std::size_t> nearest;
  for (std::size_t i = 0; i < k; ++i) nearest.push_back(scored[i].second);
  return nearest;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder, model = "espy-mini";
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else {
      folder = flag;
    }
  }
  if (folder.empty()) {
    std::fprintf(stderr, "usage: bench_embedded_thumbnails FOLDER [--model NAME]\n");
    return 2;
  }
  const auto directory = espy::encoders::ResolveModel(model);
  if (!directory.ok()) Die(directory.status());
  const auto encoder =
      espy::encoders::Encoder::Load(*directory, {.load_image = true, .load_text = false});
  if (!encoder.ok()) Die(encoder.status());
  const auto& info = (*encoder)->info();

  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  std::vector<double> whole_ms, small_ms, cosines, kept;
  std::vector<std::vector<float>> whole, small;
  for (const std::string& file : files) {
    const Taken by_thumbnail = Take(file, info.preprocess, true);
    if (by_thumbnail.picture.record.pixels_from != espy::PixelSource::kThumbnail) continue;
    const Taken entire = Take(file, info.preprocess, false);
    small_ms.push_back(by_thumbnail.cpu_ms);
    whole_ms.push_back(entire.cpu_ms);
    for (const auto& [taken, vectors] : {std::pair(&entire, &whole), {&by_thumbnail, &small}}) {
      vectors->emplace_back(static_cast<std::size_t>(info.dimension));
      const espy::imaging::PictureView view = taken->picture.tensor.view();
      const auto status = (*encoder)->EncodeImages(std::span(&view, 1), vectors->back().data());
      if (!status.ok()) Die(status);
    }
    cosines.push_back(Dot(whole.back(), small.back()));
  }
  if (cosines.size() < 2) {
    std::fprintf(stderr,
                 "bench_embedded_thumbnails: fewer than two thumbnails serve; nothing to say\n");
    return 1;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::vector<std::size_t> right = Nearest(whole, whole[i], i);
    double same = 0;
    for (const std::size_t n : Nearest(small, whole[i], i)) {
      same += std::find(right.begin(), right.end(), n) != right.end() ? 1 : 0;
    }
    kept.push_back(same / static_cast<double>(right.size()));
  }
  double mean = 0;
  for (const double k : kept) mean += k / static_cast<double>(kept.size());
  std::printf(
      "{\"model\": \"%s\", \"files\": %zu, \"by_thumbnail\": %zu, \"whole_cpu_ms\": %.2f, "
      "\"thumbnail_cpu_ms\": %.2f, \"cosine_p50\": %.4f, \"cosine_p05\": %.4f, \"cosine_least\": "
      "%.4f, \"of_ten_nearest_kept\": %.3f}\n",
      info.name.c_str(), files.size(), cosines.size(), Quantile(whole_ms, 0.5),
      Quantile(small_ms, 0.5), Quantile(cosines, 0.5), Quantile(cosines, 0.05),
      Quantile(cosines, 0), mean);
  return 0;
}
