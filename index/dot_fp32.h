// The inner product of two rows of FP32 numbers, by the order of additions that dot.h has for rows
// in half precision: the same bits on every CPU.
#ifndef ESPY_INDEX_DOT_FP32_H_
#define ESPY_INDEX_DOT_FP32_H_

#include <cstdint>

namespace espy::index {

// Both have `n` numbers; any n, no alignment. Numbers beyond the last count as zeros.
float DotFp32(const float* query, const float* row, std::int64_t n);

namespace internal {
// The variants, for the test that compares them; call only what the CPU has.
float DotFp32Plain(const float* query, const float* row, std::int64_t n);
float DotFp32Avx2(const float* query, const float* row, std::int64_t n);
}  // namespace internal

}  // namespace espy::index

#endif  // ESPY_INDEX_DOT_FP32_H_
