// The numbers that encoders multiply in.
#ifndef ESPY_PRECISION_H_
#define ESPY_PRECISION_H_

#include <string_view>

namespace espy {

// Vectors of one picture in two precisions are close enough that one library may hold both: beside
// the FP32 vector of the reference implementation, the cosine is at least what is said here.
enum class Precision {
  kAuto,      // the fastest on this CPU or GPU of those that keep 0.9999
  kFloat32,   // 0.99999
  kBfloat16,  // 0.9999; layers in half of the memory
  kInt8,      // 0.995; layers in a quarter of the memory
  kFloat16,   // 0.9999; on a GPU alone
};

constexpr std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kAuto:
      return "auto";
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBfloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kFloat16:
      return "fp16";
  }
  return "";
}

}  // namespace espy

#endif  // ESPY_PRECISION_H_
