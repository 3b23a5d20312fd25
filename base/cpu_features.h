// What this CPU and operating system offer, read once. Kernels choose their variant by it at run
// time.
#ifndef ESPY_BASE_CPU_FEATURES_H_
#define ESPY_BASE_CPU_FEATURES_H_

#include <string>

namespace espy {

struct CpuFeatureSet {
  bool sse42 = false;
  bool f16c = false;
  bool avx2 = false;    // with FMA
  bool avx512 = false;  // F, BW, DQ and VL
  bool avx512_bf16 = false;
  bool avx512_vnni = false;
};

// The environment variable ESPY_CPU (baseline, avx2, avx512) lowers what is reported, so that a
// test or a measurement can run the narrower kernels on a wider machine; it never raises it.
const CpuFeatureSet& CpuFeatures();
std::string CpuDescription();  // "cpu (avx2)"

}  // namespace espy

#endif  // ESPY_BASE_CPU_FEATURES_H_
