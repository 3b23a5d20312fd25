// encode_cli MODEL image|text INPUT OUTPUT [THREADS [PAD [PRECISION]]]: one tower of a model
// directory on raw numbers.
//   image  INPUT is float32: for each picture its width and height, then [3, height, width]
//   text   INPUT is int32: for each text its length, then its ids
// OUTPUT becomes float32 [batch, projection], not normalised. Little-endian, no headers.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "encoders/config.h"
#include "encoders/model_files.h"
#include "encoders/tower.h"

namespace espy::encoders {
namespace {

template <class T>
std::vector<T> ReadNumbers(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<T> numbers(bytes.size() / sizeof(T));
  bytes.copy(reinterpret_cast<char*>(numbers.data()), numbers.size() * sizeof(T));
  return numbers;
}

int Fail(const Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

int Main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "encode_cli MODEL image|text INPUT OUTPUT [THREADS [PAD [fp32|bf16|int8]]]\n");
    return 2;
  }
  const std::string directory = argv[1], tower = argv[2];
  ThreadPool pool(argc > 5 ? std::atoi(argv[5]) : CoreCount());
  const auto config = ReadModelConfig(directory);
  if (!config.ok()) return Fail(config.status());
  const auto weights = OpenWeights(directory);
  if (!weights.ok()) return Fail(weights.status());
  TowerOptions options(&pool);
  for (const auto precision : {kernels::Precision::kBfloat16, kernels::Precision::kInt8}) {
    if (argc > 7 && argv[7] == kernels::PrecisionName(precision)) options.precision = precision;
  }
  Workspace workspace;
  std::vector<float> out;
  if (tower == "image") {
    const auto image = LoadImageTower(*config, **weights, options);
    if (!image.ok()) return Fail(image.status());
    const auto pixels = ReadNumbers<float>(argv[3]);
    std::vector<imaging::PictureView> pictures;
    for (std::size_t i = 0; i + 2 < pixels.size();) {
      const imaging::Size size{static_cast<std::int32_t>(pixels[i]),
                               static_cast<std::int32_t>(pixels[i + 1])};
      const std::size_t values = std::size_t{3} * size.width * size.height;
      if (!image.value()->Takes(size) || i + 2 + values > pixels.size()) {
        return Fail(Status::InvalidArgument(std::string(argv[3]) + ": a picture of a wrong size"));
      }
      pictures.push_back({&pixels[i + 2], size});
      i += 2 + values;
    }
    out.resize(pictures.size() * static_cast<std::size_t>(config->projection));
    image.value()->Encode(pictures, &workspace, out.data(), &pool);
  } else {
    const int pad = argc > 6 ? std::atoi(argv[6]) : static_cast<int>(config->text.pad_id);
    const auto text = LoadTextTower(*config, **weights, {.id = pad}, options);
    if (!text.ok()) return Fail(text.status());
    const auto numbers = ReadNumbers<std::int32_t>(argv[3]);
    std::vector<std::vector<std::int32_t>> texts;
    for (std::size_t i = 0; i < numbers.size();) {
      const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      texts.emplace_back(first, first + numbers[i]);
      i += 1 + static_cast<std::size_t>(numbers[i]);
    }
    out.resize(texts.size() * static_cast<std::size_t>(config->projection));
    text.value()->Encode(texts, &workspace, out.data(), &pool);
  }
  std::ofstream file(argv[4], std::ios::binary);
  file.write(reinterpret_cast<const char*>(out.data()),
             static_cast<std::streamsize>(out.size() * sizeof(float)));
  return file.good() ? 0 : Fail(Status::IoError(std::string("cannot write ") + argv[4]));
}

}  // namespace
}  // namespace espy::encoders

int main(int argc, char** argv) { return espy::encoders::Main(argc, argv); }
