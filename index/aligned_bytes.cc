#include "index/aligned_bytes.h"

#include <sys/mman.h>

#include <new>

namespace espy::index {

void* AllocateAligned(std::size_t bytes) {
  constexpr std::size_t kLine = 64, kHugePage = std::size_t{2} << 20;
  // From a few pages on, the rounding is a small part.
  const std::size_t alignment = bytes >= 8 * kHugePage ? kHugePage : kLine;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) {
    ::madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: refusal costs only speed
  }
  return memory;
}

}  // namespace espy::index
