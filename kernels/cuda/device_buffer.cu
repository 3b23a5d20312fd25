#include "base/check.h"
#include "base/status_macros.h"
#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/launch.cuh"

namespace espy::cuda {

Result<DeviceInfo> FindDevice() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    return Status::NotFound(std::string("no GPU: ") + cudaGetErrorString(error));
  }
  if (count == 0) return Status::NotFound("no GPU: the driver lists none");
  cudaDeviceProp properties{};
  const cudaError_t read = cudaGetDeviceProperties(&properties, 0);
  if (read != cudaSuccess) return OfCuda(read, "reading the GPU's properties");
  return DeviceInfo{.name = properties.name,
                    .capability = properties.major * 10 + properties.minor,
                    .multiprocessors = properties.multiProcessorCount,
                    .memory = properties.totalGlobalMem};
}

Result<std::uint64_t> FreeMemory() {
  std::size_t free = 0, all = 0;
  const cudaError_t error = cudaMemGetInfo(&free, &all);
  if (error != cudaSuccess) return OfCuda(error, "reading the GPU's free memory");
  return std::uint64_t{free};
}

Result<DeviceBuffer> DeviceBuffer::Allocate(std::size_t bytes) {
  DeviceBuffer buffer;
  ESPY_RETURN_IF_ERROR(
      Allocated(cudaMalloc(&buffer.data_, bytes), &buffer.data_, bytes, "on the GPU"));
  buffer.bytes_ = bytes;
  return Result<DeviceBuffer>(std::move(buffer));
}

DeviceBuffer::~DeviceBuffer() { cudaFree(data_); }

Status DeviceBuffer::Clear() {
  const cudaError_t error = cudaMemset(data_, 0, bytes_);
  // Other streams do not wait for the default one.
  return OfCuda(error == cudaSuccess ? cudaStreamSynchronize(nullptr) : error, "work on the GPU");
}

Status DeviceBuffer::Upload(const void* from) { return UploadPart(0, from, bytes_); }
Status DeviceBuffer::Download(void* to) const { return DownloadPart(0, to, bytes_); }

Status DeviceBuffer::UploadPart(std::size_t at, const void* from, std::size_t bytes) {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  return OfCuda(
      cudaMemcpy(static_cast<std::byte*>(data_) + at, from, bytes, cudaMemcpyHostToDevice),
      "copy to the GPU");
}

Status DeviceBuffer::DownloadPart(std::size_t at, void* to, std::size_t bytes) const {
  ESPY_CHECK(at <= bytes_ && bytes <= bytes_ - at, "a copy stays within the buffer");
  return DownloadFrom(static_cast<const std::byte*>(data_) + at, to, bytes);
}

Status DownloadFrom(const void* from_device, void* to, std::size_t bytes) {
  return OfCuda(cudaMemcpy(to, from_device, bytes, cudaMemcpyDeviceToHost), "copy from the GPU");
}

}  // namespace espy::cuda
