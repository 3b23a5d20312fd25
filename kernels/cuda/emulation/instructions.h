// The words that kernels are written in, for threads that are fibers (fibers.h). Collectives stop
// each lane until all of its warp have come, as the hardware asks; copies to shared memory are held
// back until a thread has waited for them, so that a kernel that forgets to wait reads old bytes.
//
// Fragments, of a warp with lane = thread % 32 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//   A [16, 16]: a[0] row lane / 4, columns lane % 4 * 2 + {0, 1}; a[1] 8 rows below; a[2] 8 columns
//               on; a[3] both
//   B [16, 8]:  b0 rows lane % 4 * 2 + {0, 1}, column lane / 4; b1 8 rows below
//   C [16, 8]:  c[0..1] row lane / 4, columns lane % 4 * 2 + {0, 1}; c[2..3] 8 rows below
#ifndef ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_H_
#define ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/cuda/emulation/fibers.h"

namespace espy::cuda {

struct Half;
struct Bfloat16;

inline int ThreadInBlock() { return emulation::Current().thread; }
inline int ThreadsOfBlock() { return emulation::Current().threads; }
inline int BlockX() { return emulation::Current().block_x; }
inline int BlockY() { return emulation::Current().block_y; }
inline void SyncBlock() { emulation::MeetBlock(); }
inline std::byte* SharedMemory() { return emulation::Current().shared; }

// Every lane sees what each lane of its warp gives: lanes[i] is lane i's.
template <class T>
struct Exchanged {
  T lanes[32];
};
template <class T>
Exchanged<T> ExchangeInWarp(const T& mine) {
  Exchanged<T> all;
  emulation::ExchangeInWarp(&mine, sizeof(T), all.lanes);
  return all;
}

template <class T>
T ShuffleXor(T value, int mask) {
  return ExchangeInWarp(value).lanes[(ThreadInBlock() % 32) ^ mask];
}
inline bool AnyLane(bool says) {
  bool any = false;
  for (const bool lane : ExchangeInWarp(says).lanes) any = any || lane;
  return any;
}

inline void SyncWarp() { AnyLane(false); }

inline float Exp2(float x) { return std::exp2(x); }
inline float ReciprocalRoot(float x) { return 1.0f / std::sqrt(x); }
inline float SquareRoot(float x) { return std::sqrt(x); }
inline float Erf(float x) { return std::erf(x); }
inline float FloatOfBits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline float Infinity() { return std::numeric_limits<float>::infinity(); }
float HalfToFloat(std::uint16_t bits);
std::uint16_t FloatToHalf(float x);
std::uint16_t FloatToBfloat16(float x);

// Lane l gives the address of row l % 8 of the 8 x 8 matrix l / 8; register m gets of matrix m the
// row lane / 4, columns lane % 4 * 2 + {0, 1}; transposed: the rows lane % 4 * 2 + {0, 1}, column
// lane / 4.
void LoadMatrices(const void* row, int matrices, bool transposed, std::uint32_t* registers);
inline void LoadMatrix4(const void* row, std::uint32_t (&r)[4]) { LoadMatrices(row, 4, false, r); }
inline void LoadMatrix4Transposed(const void* row, std::uint32_t (&r)[4]) {
  LoadMatrices(row, 4, true, r);
}
inline void LoadMatrix2(const void* row, std::uint32_t (&r)[2]) { LoadMatrices(row, 2, false, r); }
inline void LoadMatrix2Transposed(const void* row, std::uint32_t (&r)[2]) {
  LoadMatrices(row, 2, true, r);
}

// c += A B, products exact, sums in FP32.
void MultiplyAddAs(float (*to_float)(std::uint16_t), float* c, const std::uint32_t* a,
                   std::uint32_t b0, std::uint32_t b1);
inline float Bfloat16BitsToFloat(std::uint16_t bits) {
  return FloatOfBits(static_cast<std::uint32_t>(bits) << 16);
}
template <class T>
void MultiplyAdd(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1);
template <>
inline void MultiplyAdd<Half>(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                              std::uint32_t b1) {
  MultiplyAddAs(HalfToFloat, c, a, b0, b1);
}
template <>
inline void MultiplyAdd<Bfloat16>(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                  std::uint32_t b1) {
  MultiplyAddAs(Bfloat16BitsToFloat, c, a, b0, b1);
}

inline void CopyAsync16(void* to, const void* from, bool present) {
  emulation::StartCopy(to, present ? from : nullptr);
}

using Barrier = std::uint64_t;
inline void InitBarrier(Barrier* barrier, int arrivals) {
  emulation::InitBarrier(barrier, arrivals);
}
inline void ArriveAfterCopies(Barrier* barrier) { emulation::ArriveAfterCopies(barrier); }
inline void WaitBarrier(Barrier* barrier, int parity) { emulation::WaitBarrier(barrier, parity); }

inline void LoadOnce16(const void* from, std::uint32_t (&r)[4]) { std::memcpy(r, from, 16); }
inline float FusedMultiplyAdd(float a, float b, float c) { return std::fma(a, b, c); }
// Fibers are not interrupted.
inline int AtomicAdd(int* to, int n) { return std::exchange(*to, *to + n); }
inline void AtomicMax(float* to, float x) { *to = x > *to ? x : *to; }

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_H_
