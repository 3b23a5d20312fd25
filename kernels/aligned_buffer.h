// FP32 memory at a cache line's alignment; large ones lie in huge pages where the system grants
// them, which spares the address translation of weights that are streamed whole in every product.
#ifndef ESPY_KERNELS_ALIGNED_BUFFER_H_
#define ESPY_KERNELS_ALIGNED_BUFFER_H_

#include <cstdint>
#include <memory>

namespace espy::kernels {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::int64_t size);  // in floats; the contents are unspecified

  // At least `size` floats; the old contents are lost when it grows.
  void Reserve(std::int64_t size);

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  std::int64_t size_ = 0;
};

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_ALIGNED_BUFFER_H_
