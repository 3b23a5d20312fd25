#include "kernels/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace espy::kernels {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

void AlignedBuffer::Free::operator()(float* data) const { std::free(data); }

AlignedBuffer::AlignedBuffer(std::int64_t size) : size_(size) {
  const std::size_t wanted = static_cast<std::size_t>(size) * sizeof(float);
  const std::size_t alignment = wanted >= kHugePage ? kHugePage : kLine;
  const std::size_t bytes = (wanted + alignment - 1) / alignment * alignment;
  void* memory = bytes == 0 ? nullptr : std::aligned_alloc(alignment, bytes);
  if (memory == nullptr && bytes != 0) throw std::bad_alloc();
  if (alignment == kHugePage)
    ::madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: refusal costs only speed
  data_.reset(static_cast<float*>(memory));
}

void AlignedBuffer::Reserve(std::int64_t size) {
  if (size > size_) *this = AlignedBuffer(size);
}

}  // namespace espy::kernels
