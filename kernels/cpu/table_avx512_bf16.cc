#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

const KernelTable& Avx512Bf16Kernels() {
  static constinit const KernelTable table = MakeTable<Avx512Bf16>("avx512_bf16");
  return table;
}

}  // namespace espy::kernels::cpu
