#include "base/cpu_features.h"
#include "kernels/cpu/kernel_table.h"

namespace espy::kernels::cpu {

const KernelTable& Kernels() {
#if defined(__x86_64__)
  if (CpuFeatures().avx512_bf16 && CpuFeatures().avx512_vnni) return Avx512Bf16Kernels();
  if (CpuFeatures().avx512_vnni) return Avx512VnniKernels();
  if (CpuFeatures().avx512) return Avx512Kernels();
  if (CpuFeatures().avx2) return Avx2Kernels();
#endif
  return BaselineKernels();
}

}  // namespace espy::kernels::cpu
