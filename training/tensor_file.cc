#include "training/tensor_file.h"

#include <cstring>

#include "base/check.h"
#include "base/coding.h"
#include "base/half.h"

namespace espy::training {
namespace {

std::int64_t Elements(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

// Notes may hold a person's words: what JSON does not take as it is, is escaped.
std::string Quoted(const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

void TensorFile::Add(const std::string& name, Tensor tensor) {
  for (const auto& [other, _] : tensors_) ESPY_CHECK(other != name, "a tensor's name is its own");
  tensors_.emplace_back(name, std::move(tensor));
}

void TensorFile::AddFloat32(const std::string& name, const std::vector<std::int64_t>& shape,
                            const float* values) {
  Tensor tensor{"F32", shape, std::string(static_cast<std::size_t>(Elements(shape)) * 4, '\0')};
  std::memcpy(tensor.bytes.data(), values, tensor.bytes.size());
  Add(name, std::move(tensor));
}

void TensorFile::AddFloat16(const std::string& name, const std::vector<std::int64_t>& shape,
                            const float* values) {
  const auto n = static_cast<std::size_t>(Elements(shape));
  std::vector<std::uint16_t> halves(n);
  FloatToHalf(values, n, halves.data());
  Tensor tensor{"F16", shape, std::string(n * 2, '\0')};
  std::memcpy(tensor.bytes.data(), halves.data(), tensor.bytes.size());
  Add(name, std::move(tensor));
}

void TensorFile::AddInt64(const std::string& name, const std::vector<std::int64_t>& values) {
  Tensor tensor{
      "I64", {static_cast<std::int64_t>(values.size())}, std::string(values.size() * 8, '\0')};
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  Add(name, std::move(tensor));
}

std::string TensorFile::Bytes() const {
  std::string header = "{";
  if (!notes_.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [name, value] : notes_) {
      if (header.back() != '{') header += ',';
      header += Quoted(name) + ":" + Quoted(value);
    }
    header += "},";
  }
  std::size_t at = 0;
  for (const auto& [name, tensor] : tensors_) {
    header += Quoted(name) + ":{\"dtype\":\"" + std::string(tensor.dtype) + "\",\"shape\":[";
    for (const std::int64_t size : tensor.shape) {
      if (header.back() != '[') header += ',';
      header += std::to_string(size);
    }
    header += "],\"data_offsets\":[" + std::to_string(at) + "," +
              std::to_string(at + tensor.bytes.size()) + "]},";
    at += tensor.bytes.size();
  }
  if (header.back() == ',') header.pop_back();
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that tensors begin at a multiple of 8
  std::string file;
  PutFixed(&file, static_cast<std::uint64_t>(header.size()));
  file += header;
  for (const auto& [_, tensor] : tensors_) file += tensor.bytes;
  return file;
}

}  // namespace espy::training
