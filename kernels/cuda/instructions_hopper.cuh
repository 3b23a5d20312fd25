// What sm_90a has beyond instructions.cuh (PTX ISA 8): products of warpgroups (four warps) whose
// right operand lies in shared memory, copies of boxes of a tensor, barriers that count bytes, and
// registers handed from one warpgroup to another. For other architectures these words stop the
// program: kernels that use them are not started there.
#ifndef ESPY_KERNELS_CUDA_INSTRUCTIONS_HOPPER_CUH_
#define ESPY_KERNELS_CUDA_INSTRUCTIONS_HOPPER_CUH_

#include <cuda.h>

#include <cstdint>
#include <type_traits>

namespace espy::cuda {

// Which part of a tensor a box is, and how it is laid: for the hardware alone to read.
using TensorMap = CUtensorMap;

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define ESPY_HOPPER_ASM(...) asm volatile(__VA_ARGS__)
#else
#define ESPY_HOPPER_ASM(...) __trap()
#endif

// One arrival, and `bytes` that must have come too.
ESPY_DEVICE void ArriveExpecting(Barrier* barrier, int bytes) {
  ESPY_HOPPER_ASM("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
                  :
                  : "r"(SharedAddress(barrier)), "r"(bytes)
                  : "memory");
}
ESPY_DEVICE void Arrive(Barrier* barrier) {
  ESPY_HOPPER_ASM("mbarrier.arrive.shared::cta.b64 _, [%0];"
                  :
                  : "r"(SharedAddress(barrier))
                  : "memory");
}
// What this thread wrote to shared memory, barriers included, is seen by copies and products.
ESPY_DEVICE void FenceForCopies() {
  ESPY_HOPPER_ASM("fence.proxy.async.shared::cta;" ::: "memory");
}

// The box that begins at column x of head `head` of row `row`; its bytes count at the barrier.
// Columns and rows beyond the tensor's are zeros.
ESPY_DEVICE void CopyBox(const TensorMap& map, int x, int head, int row, void* to,
                         Barrier* barrier) {
  ESPY_HOPPER_ASM(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];"
      :
      : "r"(SharedAddress(to)), "l"(&map), "r"(x), "r"(head), "r"(row), "r"(SharedAddress(barrier))
      : "memory");
}

// By all warps of a warpgroup.
template <int kRegisters>
ESPY_DEVICE void TakeRegisters() {
  ESPY_HOPPER_ASM("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(kRegisters));
}
template <int kRegisters>
ESPY_DEVICE void GiveRegisters() {
  ESPY_HOPPER_ASM("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(kRegisters));
}

// Keeps the compiler from moving reads and writes of these registers past here.
template <int kTiles>
ESPY_DEVICE void HoldRegisters(float (&d)[kTiles][4]) {
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
    asm volatile("" : "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3]) : : "memory");
  }
}
template <int kTiles>
ESPY_DEVICE void HoldRegisters(std::uint32_t (&a)[kTiles][4]) {
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
    asm volatile("" : "+r"(a[j][0]), "+r"(a[j][1]), "+r"(a[j][2]), "+r"(a[j][3]) : : "memory");
  }
}

// Before the first product of a group, with the operands that registers hold.
template <int kLeft, int kTiles>
ESPY_DEVICE void BeginProducts(std::uint32_t (&a)[kLeft][4], float (&d)[kTiles][4]) {
  HoldRegisters(a);
  HoldRegisters(d);
  ESPY_HOPPER_ASM("wgmma.fence.sync.aligned;" ::: "memory");
}
// After the last: d is there, and the operands may change.
template <int kTiles>
ESPY_DEVICE void EndProducts(float (&d)[kTiles][4]) {
  ESPY_HOPPER_ASM("wgmma.commit_group.sync.aligned;" ::: "memory");
  ESPY_HOPPER_ASM("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  HoldRegisters(d);
}

#define ESPY_REGS_4 "%0,%1,%2,%3"
#define ESPY_REGS_8 ESPY_REGS_4 ",%4,%5,%6,%7"
#define ESPY_REGS_12 ESPY_REGS_8 ",%8,%9,%10,%11"
#define ESPY_REGS_16 ESPY_REGS_12 ",%12,%13,%14,%15"
#define ESPY_REGS_32 ESPY_REGS_16 ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define ESPY_REGS_44 ESPY_REGS_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43"
#define ESPY_REGS_64                                                              \
  ESPY_REGS_44                                                                    \
  ",%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62," \
  "%63"
#define ESPY_REGS_100                                                             \
  ESPY_REGS_64                                                                    \
  ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82," \
  "%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99"

#define ESPY_SUMS_4(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define ESPY_SUMS_8(j) ESPY_SUMS_4(j), ESPY_SUMS_4((j) + 1)
#define ESPY_SUMS_12(j) ESPY_SUMS_8(j), ESPY_SUMS_4((j) + 2)
#define ESPY_SUMS_16(j) ESPY_SUMS_8(j), ESPY_SUMS_8((j) + 2)
#define ESPY_SUMS_32(j) ESPY_SUMS_16(j), ESPY_SUMS_16((j) + 4)
#define ESPY_SUMS_44(j) ESPY_SUMS_32(j), ESPY_SUMS_12((j) + 8)
#define ESPY_SUMS_64(j) ESPY_SUMS_32(j), ESPY_SUMS_32((j) + 8)
#define ESPY_SUMS_100(j) ESPY_SUMS_64(j), ESPY_SUMS_32((j) + 16), ESPY_SUMS_4((j) + 24)

// `sums` registers of d, which the operands a (4), b, accumulate and transposed follow.
#define ESPY_WARPGROUP_PRODUCT(type, n, sums, a0, a1, a2, a3, right, add, transposed)          \
  ESPY_HOPPER_ASM("{\n.reg .pred p;\nsetp.ne.b32 p, %" #add                                    \
                  ", 0;\n"                                                                     \
                  "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type              \
                  " {" ESPY_REGS_##sums "}, {%" #a0 ",%" #a1 ",%" #a2 ",%" #a3 "}, %" #right   \
                                        ", p, 1, 1, %" #transposed ";\n}"                      \
                  : ESPY_SUMS_##sums(kFirst)                                                   \
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int{kAccumulate}), \
                    "n"(int{kTransposed}))
#define ESPY_PRODUCT_CASE(n, sums, a0, a1, a2, a3, right, add, transposed)           \
  if constexpr (kColumns == n && std::is_same_v<T, Half>) {                          \
    ESPY_WARPGROUP_PRODUCT("f16", n, sums, a0, a1, a2, a3, right, add, transposed);  \
  } else if constexpr (kColumns == n) {                                              \
    ESPY_WARPGROUP_PRODUCT("bf16", n, sums, a0, a1, a2, a3, right, add, transposed); \
  }

// d[kFirst...] [64, kColumns] (+)= A B: A [64, 16] in the warps' registers, 16 rows each; B [16,
// kColumns] by its descriptor in shared memory: a row for each column of B, or, transposed, a row
// for each of the 16 that are contracted. By all warps of a warpgroup.
template <class T, int kColumns, int kFirst, bool kTransposed, bool kAccumulate, int kTiles>
ESPY_DEVICE void WarpgroupMultiply(float (&d)[kTiles][4], const std::uint32_t (&a)[4],
                                   std::uint64_t b) {
  static_assert(kFirst + kColumns / 8 <= kTiles);
  ESPY_PRODUCT_CASE(8, 4, 4, 5, 6, 7, 8, 9, 10)
  ESPY_PRODUCT_CASE(16, 8, 8, 9, 10, 11, 12, 13, 14)
  ESPY_PRODUCT_CASE(24, 12, 12, 13, 14, 15, 16, 17, 18)
  ESPY_PRODUCT_CASE(32, 16, 16, 17, 18, 19, 20, 21, 22)
  ESPY_PRODUCT_CASE(64, 32, 32, 33, 34, 35, 36, 37, 38)
  ESPY_PRODUCT_CASE(88, 44, 44, 45, 46, 47, 48, 49, 50)
  ESPY_PRODUCT_CASE(128, 64, 64, 65, 66, 67, 68, 69, 70)
  ESPY_PRODUCT_CASE(200, 100, 100, 101, 102, 103, 104, 105, 106)
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_INSTRUCTIONS_HOPPER_CUH_
