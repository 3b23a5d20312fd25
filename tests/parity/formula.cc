#include "tests/parity/formula.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/coding.h"
#include "base/half.h"

namespace espy::parity {
namespace {

std::uint64_t Fnv1a64(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return value;
}

std::uint64_t SplitMix64(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint16_t FloatToBfloat16(float value) {  // to nearest even; no NaN comes here
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace

std::vector<float> FormulaValues(std::string_view name, std::int64_t n, float scale, float offset) {
  const std::uint64_t start = Fnv1a64(name);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float u = static_cast<float>(SplitMix64(start + i) >> 40) * 0x1p-23f - 1.0f;
    values[i] = u * scale + offset;
  }
  return values;
}

std::string FormulaSafetensors(const std::vector<FormulaTensor>& tensors, std::string_view dtype) {
  nlohmann::ordered_json header;
  std::string buffer;
  for (const FormulaTensor& tensor : tensors) {
    std::int64_t n = 1;
    for (const std::int64_t size : tensor.shape) n *= size;
    const std::size_t begin = buffer.size();
    for (const float value : FormulaValues(tensor.name, n, tensor.scale, tensor.offset)) {
      if (dtype == "F16") {
        PutFixed(&buffer, FloatToHalf(value));
      } else if (dtype == "BF16") {
        PutFixed(&buffer, FloatToBfloat16(value));
      } else {
        PutFixed(&buffer, value);
      }
    }
    header[tensor.name] = {
        {"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, buffer.size()}}};
  }
  const std::string text = header.dump();
  std::string file;
  PutFixed(&file, static_cast<std::uint64_t>(text.size()));
  return file + text + buffer;
}

}  // namespace espy::parity
