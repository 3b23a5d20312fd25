// Memory at a cache line's alignment; large ones lie in huge pages where the system grants them,
// which spares the address translation of rows that are read in no order.
#ifndef ESPY_INDEX_ALIGNED_BYTES_H_
#define ESPY_INDEX_ALIGNED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace espy::index {

struct FreeBytes {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using AlignedArray = std::unique_ptr<T[], FreeBytes>;

// Unspecified contents; throws std::bad_alloc.
void* AllocateAligned(std::size_t bytes);

template <class T>
AlignedArray<T> MakeAligned(std::size_t count) {
  return AlignedArray<T>(static_cast<T*>(AllocateAligned(count * sizeof(T))));
}

}  // namespace espy::index

#endif  // ESPY_INDEX_ALIGNED_BYTES_H_
