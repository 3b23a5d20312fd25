// bench: the speed of this machine, part by part, with pictures and vectors made on the spot.
#include <algorithm>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "base/env.h"
#include "base/half.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/library_impl.h"
#include "engine/picture.h"
#include "espy/model.h"
#include "imaging/decode.h"
#include "imaging/facts.h"
#include "index/vector_index.h"

namespace espy {
namespace {

constexpr std::int64_t kSearchRows = 100'000;
constexpr const char* kPhrase = "two red apples left of a dog on grass";

// A picture with edges, gradients and some noise, so that its JPEG is about as dense as a
// photograph's.
imaging::Image MakePicture(std::int32_t width, std::int32_t height) {
  imaging::Image image{width, height, std::vector<std::uint8_t>(3ull * width * height)};
  std::minstd_rand random(7);
  std::uint8_t* pixel = image.pixels.data();
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      const auto noise = static_cast<std::int32_t>(random() >> 16 & 15);
      const bool tile = ((x >> 6) + (y >> 6)) % 3 == 0;
      *pixel++ = static_cast<std::uint8_t>(std::min(255, (x * 200 / width) + noise));
      *pixel++ = static_cast<std::uint8_t>(std::min(255, (y * 200 / height) + noise));
      *pixel++ = static_cast<std::uint8_t>((tile ? 180 : 60) + noise);
    }
  }
  return image;
}

class NoStore final : public index::SegmentStore {
 public:
  Status WriteChunk(std::uint64_t, std::uint32_t, std::string_view) override { return {}; }
  Result<std::string> ReadChunk(std::uint64_t, std::uint32_t) override {
    return Status::NotFound("no chunk");
  }
  Status DeleteSegment(std::uint64_t) override { return {}; }
  Result<std::vector<std::uint64_t>> ListSegments() override {
    return std::vector<std::uint64_t>{};
  }
  Status WriteManifest(std::string_view) override { return {}; }
  Result<std::string> ReadManifest() override { return Status::NotFound("no manifest"); }
};

class Measurer {
 public:
  Measurer(double seconds, const ProgressFn& progress, std::stop_token stop)
      : seconds_(seconds), progress_(progress), stop_(std::move(stop)) {}

  // Repeats `step`, which handles `items` at once, for the time given to each part.
  Status Part(const std::string& name, std::int64_t items, const std::function<Status()>& step) {
    if (progress_) progress_({name, parts_.size(), 0});
    ESPY_RETURN_IF_ERROR(step());  // warm: caches, kernels, lazily loaded weights
    std::vector<double> ms;
    Env* env = Env::Default();
    const std::int64_t start = env->MonotonicNs();
    do {
      if (stop_.stop_requested()) return Status::Cancelled("bench: stopped");
      const std::int64_t before = env->MonotonicNs();
      ESPY_RETURN_IF_ERROR(step());
      ms.push_back(static_cast<double>(env->MonotonicNs() - before) * 1e-6);
    } while (static_cast<double>(env->MonotonicNs() - start) * 1e-9 < seconds_);
    std::nth_element(ms.begin(), ms.begin() + ms.size() / 2, ms.end());
    const double median = ms[ms.size() / 2];
    parts_.push_back({name, 1000.0 * static_cast<double>(items) / median, median});
    return Status::Ok();
  }

  std::vector<BenchPart> Take() { return std::move(parts_); }

 private:
  double seconds_;
  const ProgressFn& progress_;
  std::stop_token stop_;
  std::vector<BenchPart> parts_;
};

Status MeasureDecode(Measurer* measure, const imaging::PreprocessSpec& spec) {
  struct Size {
    const char* name;
    std::int32_t width, height;
  };
  for (const Size& size : {Size{"decode and fit 12 MP JPEG, one core", 4000, 3000},
                           Size{"decode and fit 640 x 480 JPEG, one core", 640, 480}}) {
    ESPY_ASSIGN_OR_RETURN(const std::string jpeg,
                          imaging::MakeThumbnail(MakePicture(size.width, size.height), 4000));
    const ContentHash hash = Sha256(jpeg);
    ESPY_RETURN_IF_ERROR(
        measure->Part(size.name, 1, [&] { return ReadPicture(jpeg, hash, spec).status(); }));
  }
  return Status::Ok();
}

Status MeasureEncode(Measurer* measure, const encoders::Encoder& encoder) {
  const encoders::EncoderInfo& info = encoder.info();
  const imaging::PreprocessSpec& spec = info.preprocess;
  const std::string numbers = ", " + std::string(PrecisionName(encoder.precision()));
  for (const std::int64_t batch : {1, 8}) {
    const std::vector<float> pixels(3ull * spec.width * spec.height * batch, 0.25f);
    std::vector<float> out(info.dimension * batch);
    ESPY_RETURN_IF_ERROR(
        measure->Part("encode pictures, batch " + std::to_string(batch) + numbers, batch,
                      [&] { return encoder.EncodeImages(pixels.data(), batch, out.data()); }));
  }
  const std::string text = kPhrase;
  std::vector<float> out(info.dimension);
  return measure->Part("encode a phrase" + numbers, 1, [&] {
    return encoder.EncodeTexts({&text, 1}, out.data());
  });
}

Status MeasureSearch(Measurer* measure, std::int64_t dimension, int threads) {
  index::IndexOptions options;
  options.dimension = dimension;
  options.threads = threads;
  NoStore store;
  const auto index = index::VectorIndex::Empty(options, &store);
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> row(dimension);
  for (std::int64_t i = 0; i < kSearchRows; ++i) {
    for (float& x : row) x = normal(random);
    Normalize(row);
    index->Add(static_cast<std::uint64_t>(i) + 1, static_cast<std::uint64_t>(i) + 1,
               HalfFromUnit(row));
  }
  index->Publish(kSearchRows);
  const auto view = index->TakeView();
  index::SearchParams params;
  params.exact = true;
  return measure->Part("search 100000 vectors exactly", 1,
                       [&] { return view->Search(row, params).status(); });
}

// Memory of this process as Linux counts it; 0 elsewhere.
struct Resident {
  std::uint64_t anonymous = 0, file = 0;
};

Resident ResidentBytes() {
  Resident resident;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto kilobytes = [&line] { return std::stoull(line.substr(8)) * 1024; };
    if (line.rfind("RssAnon:", 0) == 0) resident.anonymous = kilobytes();
    if (line.rfind("RssFile:", 0) == 0) resident.file = kilobytes();
  }
  return resident;
}

std::uint64_t Growth(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

std::uint64_t BytesOfParameter(Precision precision) {
  return precision == Precision::kInt8 ? 1 : precision == Precision::kBfloat16 ? 2 : 4;
}

Result<std::unique_ptr<encoders::Encoder>> LoadEncoder(const BenchOptions& options) {
  if (!(options.seconds > 0) || options.seconds > 3600) {
    return Status::InvalidArgument("bench: --seconds must be above 0 and at most 3600");
  }
  ESPY_ASSIGN_OR_RETURN(
      const std::string directory,
      encoders::ResolveModel(options.model.empty() ? "espy-mini" : options.model));
  encoders::EncoderOptions encoder_options;
  encoder_options.threads = options.threads;
  encoder_options.precision = options.precision;
  encoder_options.device = options.device;
  encoder_options.vram = options.vram;
  encoder_options.load_image = encoder_options.load_text = true;
  return encoders::Encoder::Load(directory, encoder_options);
}

}  // namespace

Result<ModelCost> MeasureModel(const BenchOptions& options, const ProgressFn& progress,
                               std::stop_token stop) {
  const Resident before = ResidentBytes();
  ESPY_ASSIGN_OR_RETURN(const auto encoder, LoadEncoder(options));
  const encoders::EncoderInfo& info = encoder->info();
  const std::int64_t batch = encoder->preferred_batch();
  const std::vector<float> pixels(
      std::size_t{3} * info.preprocess.width * info.preprocess.height * batch, 0.25f);
  std::vector<float> out(info.dimension * batch);
  const std::string text = kPhrase;
  Measurer measure(options.seconds, progress, std::move(stop));
  ESPY_RETURN_IF_ERROR(measure.Part(info.name + ": pictures", batch, [&] {
    return encoder->EncodeImages(pixels.data(), batch, out.data());
  }));
  ESPY_RETURN_IF_ERROR(measure.Part(info.name + ": texts", 1, [&] {
    return encoder->EncodeTexts({&text, 1}, out.data());
  }));
  const Resident after = ResidentBytes();
  const std::vector<BenchPart> parts = measure.Take();
  ModelCost cost;
  cost.precision = encoder->precision();
  cost.shared = Growth(before.file, after.file);
  cost.memory = Growth(before.anonymous, after.anonymous) + cost.shared;
  cost.weights = (info.image_parameters + info.text_parameters) * BytesOfParameter(cost.precision);
  cost.ms_per_picture = 1000.0 / parts[0].per_second;
  cost.ms_per_text = 1000.0 / parts[1].per_second;
  return cost;
}

Result<std::vector<BenchPart>> RunBench(const BenchOptions& options, const ProgressFn& progress,
                                        std::stop_token stop) {
  ESPY_ASSIGN_OR_RETURN(const auto encoder, LoadEncoder(options));
  Measurer measure(options.seconds, progress, std::move(stop));
  ESPY_RETURN_IF_ERROR(MeasureDecode(&measure, encoder->info().preprocess));
  ESPY_RETURN_IF_ERROR(MeasureEncode(&measure, *encoder));
  ESPY_RETURN_IF_ERROR(MeasureSearch(&measure, encoder->info().dimension, options.threads));
  return measure.Take();
}

}  // namespace espy
