// The words of instructions_hopper.cuh for fibers. Boxes are laid and operands are read by address,
// as the hardware does it: the swizzle exchanges 16-byte pieces by bits of the address itself (PTX
// ISA, "Shared Memory Matrix Layout"). Products are done only in EndProducts, from what shared
// memory holds by then, so that a stage that is filled again too early shows, and so does a read of
// sums that comes before.
#ifndef ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_HOPPER_H_
#define ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_HOPPER_H_

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/emulation/fibers.h"
#include "kernels/cuda/emulation/instructions.h"

namespace espy::cuda {

// A tensor [rows, heads, columns] of 16-bit numbers, and a box of it.
struct TensorMap {
  const std::byte* data = nullptr;
  std::int32_t columns = 0, heads = 0, rows = 0;
  std::int64_t head_stride = 0, row_stride = 0;  // bytes
  std::int32_t box_columns = 0;                  // 64, 32 or 16: the swizzle's span
  std::int32_t box_rows = 0;
};

inline std::uint32_t SharedAddress(const void* pointer) {
  return emulation::SharedAddress(pointer);
}
inline void ArriveExpecting(Barrier* barrier, int bytes) { emulation::Arrive(barrier, bytes); }
inline void Arrive(Barrier* barrier) { emulation::Arrive(barrier, 0); }
inline void FenceForCopies() {}
void CopyBox(const TensorMap& map, int x, int head, int row, void* to, Barrier* barrier);

template <int kRegisters>
void TakeRegisters() {
  SyncWarp();
}
template <int kRegisters>
void GiveRegisters() {
  SyncWarp();
}

namespace emulation {

// Of this thread: sums of `columns` / 2 numbers that are due, and what they are made of.
struct Product {
  float* sums;
  int columns;
  bool transposed, accumulate;
  float (*to_float)(std::uint16_t);
  std::uint64_t b;
};
void StartProduct(const Product& product, const std::uint32_t* a);
void FinishProducts();

}  // namespace emulation

template <int kLeft, int kTiles>
void BeginProducts(std::uint32_t (&)[kLeft][4], float (&)[kTiles][4]) {
  SyncWarp();
}
template <int kTiles>
void EndProducts(float (&)[kTiles][4]) {
  emulation::FinishProducts();
}

template <class T, int kColumns, int kFirst, bool kTransposed, bool kAccumulate, int kTiles>
void WarpgroupMultiply(float (&d)[kTiles][4], const std::uint32_t (&a)[4], std::uint64_t b) {
  static_assert(kFirst + kColumns / 8 <= kTiles);
  emulation::StartProduct({.sums = d[kFirst],
                           .columns = kColumns,
                           .transposed = kTransposed,
                           .accumulate = kAccumulate,
                           .to_float = std::is_same_v<T, Half> ? HalfToFloat : Bfloat16BitsToFloat,
                           .b = b},
                          a);
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_EMULATION_INSTRUCTIONS_HOPPER_H_
