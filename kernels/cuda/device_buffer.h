// Memory on the device, and what the device is.
#ifndef ESPY_KERNELS_CUDA_DEVICE_BUFFER_H_
#define ESPY_KERNELS_CUDA_DEVICE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "espy/status.h"

namespace espy::cuda {

struct DeviceInfo {
  std::string name;
  int capability = 0;  // 80 is sm_80
  int multiprocessors = 0;
  std::uint64_t memory = 0;  // bytes
};

// The first device. NotFound, with the driver's words, where there is no GPU or no driver: a
// program with these kernels in it starts and runs there all the same.
Result<DeviceInfo> FindDevice();

// Bytes of its memory that nobody uses now.
Result<std::uint64_t> FreeMemory();

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // At a multiple of 256 bytes. ResourceExhausted when the device has no room.
  static Result<DeviceBuffer> Allocate(std::size_t bytes);
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer();

  Status Clear();  // to zeros, which are there when it returns

  // Wait for the default stream's work and copy bytes() bytes.
  Status Upload(const void* from);
  Status Download(void* to) const;
  // The same for the bytes [at, at + bytes).
  Status UploadPart(std::size_t at, const void* from, std::size_t bytes);
  Status DownloadPart(std::size_t at, void* to, std::size_t bytes) const;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Waits for the default stream's work and copies bytes that no DeviceBuffer of the caller's holds.
Status DownloadFrom(const void* from_device, void* to, std::size_t bytes);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_DEVICE_BUFFER_H_
