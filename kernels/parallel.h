// A loop on a pool, or in place when there is none.
#ifndef ESPY_KERNELS_PARALLEL_H_
#define ESPY_KERNELS_PARALLEL_H_

#include <cstdint>

#include "base/thread_pool.h"

namespace espy::kernels {

// Whether work of so many floating-point operations is worth waking other threads for: a thread
// wakes in some 20 to 50 microseconds, in which one core does a few million.
inline bool WorthThreads(ThreadPool* pool, double flop) {
  return pool != nullptr && pool->threads() > 1 && flop >= 8e6;
}

template <class Body>
void ParallelFor(ThreadPool* pool, std::int64_t n, const Body& body) {
  if (pool == nullptr || pool->threads() == 1 || n <= 1) {
    for (std::int64_t i = 0; i < n; ++i) body(i);
    return;
  }
  pool->ParallelFor(n, body);
}

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PARALLEL_H_
