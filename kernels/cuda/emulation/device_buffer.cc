#include "kernels/cuda/device_buffer.h"

#include <cstring>

#include "base/check.h"
#include "base/status_macros.h"
#include "kernels/cuda/emulation/fibers.h"
#include "kernels/cuda/emulation/runtime.h"

namespace espy::cuda {

Result<DeviceInfo> FindDevice() {
  if (emulation::DeviceHidden()) return Status::NotFound("no GPU: the emulated one is hidden");
  return DeviceInfo{.name = "emulated",
                    .capability = 80,
                    .multiprocessors = emulation::Multiprocessors(),
                    .memory = emulation::FreeDeviceMemory()};
}

Result<std::uint64_t> FreeMemory() {
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  return emulation::FreeDeviceMemory();
}

Result<DeviceBuffer> DeviceBuffer::Allocate(std::size_t bytes) {
  DeviceBuffer buffer;
  ESPY_ASSIGN_OR_RETURN(buffer.data_, emulation::AllocateDevice(bytes));
  buffer.bytes_ = bytes;
  return Result<DeviceBuffer>(std::move(buffer));
}

DeviceBuffer::~DeviceBuffer() { emulation::FreeDevice(data_); }

Status DeviceBuffer::Clear() {
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  if (bytes_ > 0) std::memset(data_, 0, bytes_);
  return Status::Ok();
}

Status DeviceBuffer::Upload(const void* from) { return UploadPart(0, from, bytes_); }
Status DeviceBuffer::Download(void* to) const { return DownloadPart(0, to, bytes_); }

Status DeviceBuffer::UploadPart(std::size_t at, const void* from, std::size_t bytes) {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  if (emulation::DeviceFails()) return Status::Unavailable("copy to the GPU: it is lost");
  if (bytes > 0) std::memcpy(static_cast<std::byte*>(data_) + at, from, bytes);
  return Status::Ok();
}

Status DeviceBuffer::DownloadPart(std::size_t at, void* to, std::size_t bytes) const {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  if (bytes == 0) return Status::Ok();
  return DownloadFrom(static_cast<const std::byte*>(data_) + at, to, bytes);
}

Status DownloadFrom(const void* from_device, void* to, std::size_t bytes) {
  emulation::RequireDevice(from_device, bytes);
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  if (emulation::DeviceFails()) return Status::Unavailable("copy from the GPU: it is lost");
  emulation::CountDownload(bytes);
  std::memcpy(to, from_device, bytes);
  return Status::Ok();
}

}  // namespace espy::cuda
