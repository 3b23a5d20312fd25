// The emulated device: memory that can run out, streams whose work waits until it is waited for,
// and a device that can be lost.
#ifndef ESPY_KERNELS_CUDA_EMULATION_RUNTIME_H_
#define ESPY_KERNELS_CUDA_EMULATION_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "espy/status.h"

namespace espy::cuda::emulation {

// What tests break. Any thread.

// The device has so many bytes in all; 0: no limit.
void LimitMemory(std::uint64_t bytes);
// The next `operations` launches, copies, waits and allocations succeed; every one after them fails
// with Unavailable, as on a device that has left its bus. Negative: never.
void LoseDeviceAfter(std::int64_t operations);
// There is no device to be found.
void HideDevice(bool hidden);

struct Counts {
  std::uint64_t memory = 0;       // bytes in use on the device
  std::uint64_t most_memory = 0;  // since ResetCounts()
  std::uint64_t launches = 0;     // of kernels by themselves
  std::uint64_t recorded = 0;     // graphs
  std::uint64_t replays = 0;      // launches of a graph
  std::uint64_t uploads = 0;      // by streams
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;  // by streams and buffers
};
Counts CurrentCounts();
void ResetCounts();  // but for the memory in use

// What the runtime's parts share.

bool DeviceHidden();
// Counts an operation; the error once the device is lost.
Status Touch();
// The device's own memory.
Result<void*> AllocateDevice(std::size_t bytes);
void FreeDevice(void* data);
std::uint64_t FreeDeviceMemory();
// Stops the program unless [data, data + bytes) is memory of the device, or page-locked.
void RequireDevice(const void* data, std::size_t bytes);
void RequirePinned(const void* data, std::size_t bytes);

void CountDownload(std::uint64_t bytes);

// A kernel's launch: done at once on the null stream, else recorded or queued.
Status Launched(void* stream, std::function<void()> work);

}  // namespace espy::cuda::emulation

#endif  // ESPY_KERNELS_CUDA_EMULATION_RUNTIME_H_
