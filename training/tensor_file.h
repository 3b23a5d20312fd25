// Writes tensors as a safetensors file (encoders/safetensors.h reads them), in one piece and whole:
// a killed or failing writer leaves what was there before.
#ifndef ESPY_TRAINING_TENSOR_FILE_H_
#define ESPY_TRAINING_TENSOR_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "espy/status.h"

namespace espy::training {

class TensorFile {
 public:
  // What strangers see of it: strings by name, under safetensors' "__metadata__".
  void Note(const std::string& name, const std::string& value) { notes_[name] = value; }

  // Names must differ and hold no quotes, backslashes or control characters.
  void AddFloat32(const std::string& name, const std::vector<std::int64_t>& shape,
                  const float* values);
  void AddFloat16(const std::string& name, const std::vector<std::int64_t>& shape,
                  const float* values);  // rounded to nearest
  void AddInt64(const std::string& name, const std::vector<std::int64_t>& values);

  std::string Bytes() const;
  Status Write(Env* env, const std::string& path) const {
    return env->WriteFileAtomically(path, Bytes());
  }

 private:
  struct Tensor {
    std::string_view dtype;
    std::vector<std::int64_t> shape;
    std::string bytes;
  };
  void Add(const std::string& name, Tensor tensor);

  std::map<std::string, std::string> notes_;
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_TENSOR_FILE_H_
