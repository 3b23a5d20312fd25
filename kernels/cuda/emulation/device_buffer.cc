#include "kernels/cuda/device_buffer.h"

#include <cstring>
#include <new>

#include "base/check.h"
#include "kernels/cuda/emulation/fibers.h"

namespace espy::cuda {
namespace {
constexpr std::align_val_t kAlignment{256};
}

Result<DeviceInfo> FindDevice() {
  return DeviceInfo{.name = "emulated",
                    .capability = 80,
                    .multiprocessors = emulation::Multiprocessors(),
                    .memory = std::uint64_t{80} << 30};
}

Result<DeviceBuffer> DeviceBuffer::Allocate(std::size_t bytes) {
  DeviceBuffer buffer;
  buffer.data_ = ::operator new(bytes, kAlignment);
  std::memset(buffer.data_, 0xff, bytes);  // what nobody wrote is NaN
  buffer.bytes_ = bytes;
  return buffer;
}

DeviceBuffer::~DeviceBuffer() { ::operator delete(data_, kAlignment); }

Status DeviceBuffer::Upload(const void* from) { return UploadPart(0, from, bytes_); }
Status DeviceBuffer::Download(void* to) const { return DownloadPart(0, to, bytes_); }

Status DeviceBuffer::UploadPart(std::size_t at, const void* from, std::size_t bytes) {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  if (emulation::DeviceFails()) return Status::Unavailable("copy to the GPU: it is lost");
  if (bytes > 0) std::memcpy(static_cast<std::byte*>(data_) + at, from, bytes);
  return Status::Ok();
}

Status DeviceBuffer::DownloadPart(std::size_t at, void* to, std::size_t bytes) const {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  if (emulation::DeviceFails()) return Status::Unavailable("copy from the GPU: it is lost");
  if (bytes > 0) std::memcpy(to, static_cast<const std::byte*>(data_) + at, bytes);
  return Status::Ok();
}

}  // namespace espy::cuda
