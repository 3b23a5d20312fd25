// Weight matrices laid out once for the kernel that reads them.
#ifndef ESPY_KERNELS_PACKED_MATRIX_H_
#define ESPY_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/element.h"
#include "kernels/precision.h"

namespace espy::kernels {

// A matrix W [outputs, inputs] as `nn.Linear` stores it, in panels of as many outputs as the CPU's
// register tile is wide, so that a product streams through a panel from end to end. In INT8 the
// scales of the outputs follow the panels. The layout is this CPU family's own (KernelTable::name).
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(std::int64_t outputs, std::int64_t inputs,
               Precision precision = Precision::kFloat32);  // set all rows before use

  // Bytes of the packed form, and a matrix whose packed form lies at `data` already: aligned to 64
  // bytes, made by this CPU family, and valid for as long as the matrix and its copies are used.
  static std::int64_t PackedBytes(std::int64_t outputs, std::int64_t inputs, Precision precision);
  static PackedMatrix Borrow(std::int64_t outputs, std::int64_t inputs, Precision precision,
                             const void* data);
  // A matrix to be packed at `memory`, PackedBytes of the caller's, aligned and valid as above.
  static PackedMatrix Within(std::int64_t outputs, std::int64_t inputs, Precision precision,
                             void* memory);

  // Which packed form this process makes and reads: equal texts mean that one's bytes are the
  // other's. It names the CPU family and holds a hash of what small matrices become, so that it
  // changes by itself when a panel's layout or the rounding does. Of letters, digits, '_' and '-';
  // a tenth of a millisecond to make.
  static std::string LayoutId(Precision precision);
  static std::string CpuFamily();  // KernelTable::name, as LayoutId begins

  // W[first + r, :] = source[r, :] for r < count; `source` is [count, inputs], rows adjacent.
  // `pool` may be null. Not for a borrowed matrix.
  void SetRows(std::int64_t first, std::int64_t count, const void* source, ElementType type,
               ThreadPool* pool);

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  Precision precision() const { return precision_; }
  // A product may start at an output that is a multiple of this (MatmulArgs::first_output).
  static std::int64_t PanelWidth();

  const std::byte* data() const { return data_; }           // the packed form
  const std::byte* panel(std::int64_t first_output) const;  // first_output as above
  // INT8 alone: [outputs, and more up to the end of the last panel].
  const float* scales() const;
  const std::int32_t* offsets() const;

 private:
  void Clear();  // what SetRows does not write

  std::int64_t outputs_ = 0;
  std::int64_t inputs_ = 0;
  Precision precision_ = Precision::kFloat32;
  AlignedBuffer owned_;            // empty: the bytes are the caller's
  std::byte* writable_ = nullptr;  // null: borrowed
  const std::byte* data_ = nullptr;
};

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PACKED_MATRIX_H_
