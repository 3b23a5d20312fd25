// The kernel tables that this machine can run, so that one test covers every variant.
#ifndef ESPY_TESTS_KERNELS_TABLES_H_
#define ESPY_TESTS_KERNELS_TABLES_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/kernel_table.h"

namespace espy::kernels::testing {

// Baseline always, the others where the CPU has them, and AVX-512's emulated wherever there is
// AVX2.
std::vector<const cpu::KernelTable*> RunnableTables();

// GoogleTest's name for a table.
std::string TableName(const ::testing::TestParamInfo<const cpu::KernelTable*>& info);

// `n` values from a normal distribution, the same for the same seed.
std::vector<float> Normal(std::int64_t n, std::uint64_t seed, float scale = 1.0f);

}  // namespace espy::kernels::testing

#endif  // ESPY_TESTS_KERNELS_TABLES_H_
