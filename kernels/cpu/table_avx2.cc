#include "kernels/cpu/simd_avx2.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

const KernelTable& Avx2Kernels() {
  static constinit const KernelTable table = MakeTable<Avx2>("avx2");
  return table;
}

}  // namespace espy::kernels::cpu
