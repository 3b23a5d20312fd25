// What drafts bring on a trained captioner, as JSON lines: the same pictures captioned plainly and
// with every draft that lies beside the model, in turns of a round; whether a caption differed;
// tokens a step.
//   captioner_drafts MODEL_DIR PICTURE_DIR [--precision fp32|fp16|bf16|int8] [--device cpu|cuda]
//   [--threads 1] [--pictures 500]
//                    [--rounds 5] [--nodes N]   (N: so many in every tree, whether it pays or not)
// The pictures are to be ones that neither captioner nor heads saw. A caption's time begins with a
// fitted picture: the picture tower is in it, decoding the file is not.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "captioning/drafts/drafted_captioner.h"
#include "imaging/decode.h"
#include "imaging/preprocess.h"

namespace espy::captioning {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "captioner_drafts: " << why << "\n";
  std::exit(2);
}

template <class T>
T Take(Result<T> result) {
  if (!result.ok()) Die(result.status().message());
  return std::move(*result);
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<imaging::PictureTensor> Pictures(const std::string& directory,
                                             const imaging::PreprocessSpec& spec,
                                             std::size_t most) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<imaging::PictureTensor> pictures;
  for (const auto& path : paths) {
    if (pictures.size() == most) break;
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const imaging::Decoded decoded = Take(imaging::Decode(bytes));
    pictures.push_back(
        imaging::Preprocess(decoded.image, spec, {decoded.image.width, decoded.image.height}));
  }
  if (pictures.empty()) Die(directory + ": holds no picture");
  return pictures;
}

struct Settings {
  std::string model, pictures;
  ModelOptions load;
  std::size_t most = 500;
  int rounds = 5;
  int nodes = 0;  // of every tree; 0: as what is measured says
};

void Run(const Settings& settings) {
  const auto captioner = Take(Captioner::Load(settings.model, settings.load));
  SpeculationOptions speculation;
  speculation.always = settings.nodes > 0;
  if (settings.nodes > 0) speculation.max_nodes = settings.nodes;
  const auto drafted = Take(DraftedCaptioner::Load(captioner.get(), speculation));
  const auto pictures = Pictures(settings.pictures, captioner->preprocess(), settings.most);
  std::vector<double> plain_seconds, drafted_seconds;
  std::uint64_t differ = 0, plain_steps = 0, drafted_steps = 0;
  for (int round = 0; round < settings.rounds; ++round) {
    double plain = 0, with = 0;
    for (const imaging::PictureTensor& picture : pictures) {
      const imaging::PictureView view = picture.view();
      const double begin = Now();
      const Caption one = Take(captioner->CaptionPictures({&view, 1}))[0];
      const double middle = Now();
      const Caption other = Take(drafted->CaptionPictures({&view, 1}))[0];
      with += Now() - middle;
      plain += middle - begin;
      if (round > 0) continue;  // the same again
      differ += one.tokens != other.tokens ? 1 : 0;
      plain_steps += static_cast<std::uint64_t>(one.steps);
      drafted_steps += static_cast<std::uint64_t>(other.steps);
    }
    plain_seconds.push_back(plain);
    drafted_seconds.push_back(with);
  }
  const double n = static_cast<double>(pictures.size());
  const double plain = Median(plain_seconds) / n, with = Median(drafted_seconds) / n;
  const SpeculationCounters& counters = drafted->counters();
  std::printf(
      "{\"pictures\": %zu, \"differ\": %llu, \"plain_steps\": %llu, \"drafted_steps\": %llu, "
      "\"tokens_a_step\": %.3f, \"plain_ms\": %.4f, \"drafted_ms\": %.4f, \"speedup\": %.3f, "
      "\"acceptance\": [",
      pictures.size(), static_cast<unsigned long long>(differ),
      static_cast<unsigned long long>(plain_steps), static_cast<unsigned long long>(drafted_steps),
      counters.TokensAStep(), 1e3 * plain, 1e3 * with, plain / with);
  for (int depth = 0; depth < 4; ++depth) {
    const auto tried = static_cast<double>(counters.tried[static_cast<std::size_t>(depth)]);
    const auto held = static_cast<double>(counters.held[static_cast<std::size_t>(depth)]);
    std::printf("%s%.3f", depth == 0 ? "" : ", ", tried > 0 ? held / tried : 0);
  }
  std::printf("]}\n");
}

}  // namespace
}  // namespace espy::captioning

int main(int argc, char** argv) {
  espy::captioning::Settings settings;
  if (argc < 3) espy::captioning::Die("give MODEL_DIR and PICTURE_DIR");
  settings.model = argv[1];
  settings.pictures = argv[2];
  settings.load.threads = 1;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--precision") {
      bool found = false;
      for (const auto precision :
           {espy::Precision::kAuto, espy::Precision::kFloat32, espy::Precision::kFloat16,
            espy::Precision::kBfloat16, espy::Precision::kInt8}) {
        if (value != espy::PrecisionName(precision)) continue;
        settings.load.precision = precision;
        found = true;
      }
      if (!found) espy::captioning::Die("no precision " + value);
    } else if (flag == "--device") {
      settings.load.device = value == "cuda" ? espy::Device::kCuda : espy::Device::kCpu;
    } else if (flag == "--threads") {
      settings.load.threads = std::atoi(value.c_str());
    } else if (flag == "--pictures") {
      settings.most = static_cast<std::size_t>(std::atoi(value.c_str()));
    } else if (flag == "--nodes") {
      settings.nodes = std::atoi(value.c_str());
    } else if (flag == "--rounds") {
      settings.rounds = std::atoi(value.c_str());
    } else {
      espy::captioning::Die("unknown flag " + flag);
    }
  }
  espy::captioning::Run(settings);
}
