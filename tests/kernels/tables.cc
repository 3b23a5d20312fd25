#include "tests/kernels/tables.h"

#include <random>

#include "base/cpu_features.h"
#include "tests/kernels/table_emulated.h"

namespace espy::kernels::testing {

std::vector<const cpu::KernelTable*> RunnableTables() {
  std::vector<const cpu::KernelTable*> tables{&cpu::BaselineKernels()};
#if defined(__x86_64__)
  if (CpuFeatures().avx2) {
    tables.push_back(&cpu::Avx2Kernels());
    for (const cpu::KernelTable* table : EmulatedAvx512()) tables.push_back(table);
  }
  if (CpuFeatures().avx512) tables.push_back(&cpu::Avx512Kernels());
  if (CpuFeatures().avx512_vnni) tables.push_back(&cpu::Avx512VnniKernels());
  if (CpuFeatures().avx512_bf16 && CpuFeatures().avx512_vnni) {
    tables.push_back(&cpu::Avx512Bf16Kernels());
  }
#endif
  return tables;
}

std::string TableName(const ::testing::TestParamInfo<const cpu::KernelTable*>& info) {
  return info.param->name;
}

std::vector<float> Normal(std::int64_t n, std::uint64_t seed, float scale) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace espy::kernels::testing
