#ifndef ESPY_TESTS_KERNELS_TABLE_EMULATED_H_
#define ESPY_TESTS_KERNELS_TABLE_EMULATED_H_

#include <vector>

#include "kernels/cpu/kernel_table.h"

namespace espy::kernels::testing {

// The tables of the AVX-512 families (plain, VNNI, BF16) with every instruction emulated: the same
// sources, so that their arithmetic is tested where no CPU has the instructions. Needs AVX2.
std::vector<const cpu::KernelTable*> EmulatedAvx512();

}  // namespace espy::kernels::testing

#endif  // ESPY_TESTS_KERNELS_TABLE_EMULATED_H_
