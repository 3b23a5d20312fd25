#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

const KernelTable& Avx512VnniKernels() {
  static constinit const KernelTable table = MakeTable<Avx512Vnni>("avx512_vnni");
  return table;
}

}  // namespace espy::kernels::cpu
