#include "kernels/cpu/simd_baseline.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

const KernelTable& BaselineKernels() {
  static constinit const KernelTable table = MakeTable<Baseline>("baseline");
  return table;
}

}  // namespace espy::kernels::cpu
