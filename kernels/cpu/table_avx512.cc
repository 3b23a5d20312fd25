#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

const KernelTable& Avx512Kernels() {
  static constinit const KernelTable table = MakeTable<Avx512>("avx512");
  return table;
}

}  // namespace espy::kernels::cpu
