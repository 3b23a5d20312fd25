#include "base/cpu_features.h"

#include <cstdlib>
#include <string_view>

namespace espy {
namespace {

CpuFeatureSet Detect() {
  CpuFeatureSet set;
#if defined(__x86_64__)
  __builtin_cpu_init();
  set.sse42 = __builtin_cpu_supports("sse4.2") != 0;
  set.avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  set.f16c = set.avx2;  // every CPU with AVX2 has F16C; g++ 12 cannot ask for it by name
  set.avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  set.avx512_bf16 = set.avx512 && __builtin_cpu_supports("avx512bf16") != 0;
  set.avx512_vnni = set.avx512 && __builtin_cpu_supports("avx512vnni") != 0;
#endif
  const char* cap = std::getenv("ESPY_CPU");
  if (cap == nullptr) return set;
  const std::string_view level(cap);
  if (level == "baseline") return CpuFeatureSet{};
  if (level == "avx2") set.avx512 = set.avx512_bf16 = set.avx512_vnni = false;
  return set;
}

}  // namespace

const CpuFeatureSet& CpuFeatures() {
  static const CpuFeatureSet set = Detect();
  return set;
}

std::string CpuDescription() {
  const CpuFeatureSet& f = CpuFeatures();
  std::string text = f.avx512 ? "avx512" : f.avx2 ? "avx2" : "baseline";
  if (f.avx512_bf16) text += " bf16";
  if (f.avx512_vnni) text += " vnni";
  return "cpu (" + text + ")";
}

}  // namespace espy
