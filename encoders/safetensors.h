// The safetensors file format: an 8-byte little-endian header length, a JSON header, then the
// tensors' bytes.
#ifndef ESPY_ENCODERS_SAFETENSORS_H_
#define ESPY_ENCODERS_SAFETENSORS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "espy/status.h"

namespace espy::encoders {

enum class DType { kF32, kF16, kBF16, kF64, kI64, kI32, kI16, kI8, kU8, kBool };
std::size_t DTypeBytes(DType dtype);

struct TensorView {  // bytes point into the mapped file
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::uint8_t> bytes;
  std::int64_t elements() const;
};

class Safetensors {
 public:
  // Maps the file and reads its header. Refused with a message that names the file: a length past
  // the end or over 100 MB, JSON that does not parse or nests, an unknown dtype, a negative or
  // overflowing shape, offsets out of range, overlapping or not covering the buffer, a size other
  // than shape x dtype, duplicate names.
  static Result<std::unique_ptr<Safetensors>> Open(const std::string& path);
  // The same for bytes in memory (fuzzing); they must outlive the object.
  static Result<std::unique_ptr<Safetensors>> Parse(std::span<const std::uint8_t> bytes,
                                                    std::string name);

  // Tensors of `parts` as one file: those of a model in several files, or of a publisher with names
  // of its own. `made` are the bytes of tensors that had to be put together. Both are kept; every
  // tensor's bytes must lie in one of them.
  static std::unique_ptr<Safetensors> Assemble(std::string path,
                                               std::unordered_map<std::string, TensorView> tensors,
                                               std::vector<std::unique_ptr<Safetensors>> parts,
                                               std::vector<std::vector<std::uint8_t>> made = {});

  const TensorView* Find(std::string_view name) const;  // nullptr when absent
  std::vector<std::string> Names() const;               // sorted
  const std::string& path() const { return path_; }
  // Gives back the memory of the mapped bytes that have been looked at; they are read again when
  // they are looked at again. Any thread.
  void Forget() const;

 private:
  std::string path_;
  std::unique_ptr<MappedFile> file_;
  std::vector<std::unique_ptr<Safetensors>> parts_;
  std::vector<std::vector<std::uint8_t>> made_;
  std::unordered_map<std::string, TensorView> tensors_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_SAFETENSORS_H_
