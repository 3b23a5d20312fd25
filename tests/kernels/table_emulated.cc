#include "tests/kernels/table_emulated.h"

#include "tests/kernels/emulate_avx512.h"
// What follows takes the emulation's names.
#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::testing {

std::vector<const cpu::KernelTable*> EmulatedAvx512() {
  static constinit const cpu::KernelTable plain = cpu::MakeTable<cpu::Avx512>("emulated_avx512");
  static constinit const cpu::KernelTable vnni =
      cpu::MakeTable<cpu::Avx512Vnni>("emulated_avx512_vnni");
  static constinit const cpu::KernelTable bf16 =
      cpu::MakeTable<cpu::Avx512Bf16>("emulated_avx512_bf16");
  return {&plain, &vnni, &bf16};
}

}  // namespace espy::kernels::testing
