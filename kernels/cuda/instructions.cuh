// The GPU's instructions that C++ has no words for (PTX ISA 8, sm_80 and later). The emulation has
// the same names; what is said there of fragments holds here.
#ifndef ESPY_KERNELS_CUDA_INSTRUCTIONS_CUH_
#define ESPY_KERNELS_CUDA_INSTRUCTIONS_CUH_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace espy::cuda {

struct Half;
struct Bfloat16;

ESPY_DEVICE int ThreadInBlock() { return static_cast<int>(threadIdx.x); }
ESPY_DEVICE int ThreadsOfBlock() { return static_cast<int>(blockDim.x); }
ESPY_DEVICE int BlockX() { return static_cast<int>(blockIdx.x); }
ESPY_DEVICE int BlockY() { return static_cast<int>(blockIdx.y); }
ESPY_DEVICE void SyncBlock() { __syncthreads(); }
ESPY_DEVICE void SyncWarp() { __syncwarp(); }

// The block's shared memory, 16-byte aligned, as large as the launch asked for.
ESPY_DEVICE std::byte* SharedMemory() {
  extern __shared__ __align__(128) std::byte shared[];
  return shared;
}

template <class T>
ESPY_DEVICE T ShuffleXor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
// True when any lane says so.
ESPY_DEVICE bool AnyLane(bool says) { return __any_sync(0xffffffffu, says) != 0; }

ESPY_DEVICE float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
ESPY_DEVICE float ReciprocalRoot(float x) { return rsqrtf(x); }
ESPY_DEVICE float SquareRoot(float x) { return sqrtf(x); }
ESPY_DEVICE float Erf(float x) { return erff(x); }
ESPY_DEVICE float FloatOfBits(std::uint32_t bits) { return __uint_as_float(bits); }
ESPY_DEVICE float Infinity() { return __int_as_float(0x7f800000); }
ESPY_DEVICE float HalfToFloat(std::uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
ESPY_DEVICE std::uint16_t FloatToHalf(float x) { return __half_as_ushort(__float2half_rn(x)); }
ESPY_DEVICE std::uint16_t FloatToBfloat16(float x) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(x));
}

ESPY_DEVICE std::uint32_t SharedAddress(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

ESPY_DEVICE void LoadMatrix4(const void* row, std::uint32_t (&r)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(row))
               : "memory");
}
ESPY_DEVICE void LoadMatrix4Transposed(const void* row, std::uint32_t (&r)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(row))
               : "memory");
}
ESPY_DEVICE void LoadMatrix2(const void* row, std::uint32_t (&r)[2]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(SharedAddress(row))
               : "memory");
}
ESPY_DEVICE void LoadMatrix2Transposed(const void* row, std::uint32_t (&r)[2]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(SharedAddress(row))
               : "memory");
}

template <class T>
ESPY_DEVICE void MultiplyAdd(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                             std::uint32_t b1);
template <>
ESPY_DEVICE void MultiplyAdd<Half>(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                   std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
ESPY_DEVICE void MultiplyAdd<Bfloat16>(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                       std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// 16 bytes to shared memory behind the program's back; zeros when not `present` (`from` is then
// not read, but must be a valid address).
ESPY_DEVICE void CopyAsync16(void* to, const void* from, bool present) {
  const int bytes = present ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(SharedAddress(to)), "l"(from), "r"(bytes)
               : "memory");
}

using Barrier = std::uint64_t;  // in shared memory

ESPY_DEVICE void InitBarrier(Barrier* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;"
               :
               : "r"(SharedAddress(barrier)), "r"(arrivals)
               : "memory");
}
ESPY_DEVICE void ArriveAfterCopies(Barrier* barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];"
               :
               : "r"(SharedAddress(barrier))
               : "memory");
}
ESPY_DEVICE void WaitBarrier(Barrier* barrier, int parity) {
  std::uint32_t done = 0;
  while (done == 0) {
    asm volatile(
        "{\n.reg .pred p;\nmbarrier.test_wait.parity.shared.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n}"
        : "=r"(done)
        : "r"(SharedAddress(barrier)), "r"(parity)
        : "memory");
  }
}

// 16 bytes that are read once: past the first-level cache.
ESPY_DEVICE void LoadOnce16(const void* from, std::uint32_t (&r)[4]) {
  // Not volatile: the compiler may bring several under way before it needs the first.
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "l"(from));
}

// a b + c with one rounding.
ESPY_DEVICE float FusedMultiplyAdd(float a, float b, float c) { return __fmaf_rn(a, b, c); }

// In shared or device memory; what was there before.
ESPY_DEVICE int AtomicAdd(int* to, int n) { return atomicAdd(to, n); }
// Of numbers that are 0 or more.
ESPY_DEVICE void AtomicMax(float* to, float x) {
  atomicMax(reinterpret_cast<unsigned*>(to), __float_as_uint(x));
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_INSTRUCTIONS_CUH_
