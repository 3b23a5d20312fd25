#include "kernels/cuda/device_buffer.h"

#include <cstring>
#include <new>

namespace espy::cuda {
namespace {
constexpr std::align_val_t kAlignment{256};
}

Result<DeviceInfo> FindDevice() { return DeviceInfo{.name = "emulated", .capability = 80}; }

Result<DeviceBuffer> DeviceBuffer::Allocate(std::size_t bytes) {
  DeviceBuffer buffer;
  buffer.data_ = ::operator new(bytes, kAlignment);
  std::memset(buffer.data_, 0xff, bytes);  // what nobody wrote is NaN
  buffer.bytes_ = bytes;
  return buffer;
}

DeviceBuffer::~DeviceBuffer() { ::operator delete(data_, kAlignment); }

Status DeviceBuffer::Upload(const void* from) {
  std::memcpy(data_, from, bytes_);
  return Status::Ok();
}

Status DeviceBuffer::Download(void* to) const {
  std::memcpy(to, data_, bytes_);
  return Status::Ok();
}

}  // namespace espy::cuda
