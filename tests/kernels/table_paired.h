#ifndef ESPY_TESTS_KERNELS_TABLE_PAIRED_H_
#define ESPY_TESTS_KERNELS_TABLE_PAIRED_H_

#include "kernels/cpu/kernel_table.h"

namespace espy::kernels::testing {

// The kernels at AVX-512's sixteen lanes and tile shape, each vector a pair of AVX2's. Needs a CPU
// with AVX2.
const cpu::KernelTable& PairedKernels();

}  // namespace espy::kernels::testing

#endif  // ESPY_TESTS_KERNELS_TABLE_PAIRED_H_
