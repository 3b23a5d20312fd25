// Device memory by a budget: a hard cap that everything of one user of the device counts against,
// and blocks under it that are handed out by moving a mark.
#ifndef ESPY_KERNELS_CUDA_VRAM_H_
#define ESPY_KERNELS_CUDA_VRAM_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "espy/status.h"
#include "kernels/cuda/device_buffer.h"

namespace espy::cuda {

// "1.50 GB", for messages.
std::string BytesText(std::uint64_t bytes);

// Counts what arenas hold. Any thread.
class VramBudget {
 public:
  // cap 0: what the device has.
  explicit VramBudget(std::uint64_t cap) : cap_(cap) {}

  // ResourceExhausted, with the numbers, when `bytes` more would pass the cap. `what` begins the
  // message.
  Status Take(std::uint64_t bytes, const std::string& what);
  void Give(std::uint64_t bytes);

  std::uint64_t cap() const { return cap_; }
  std::uint64_t used() const;
  std::uint64_t peak() const;

 private:
  const std::uint64_t cap_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;  // guarded by mutex_
  std::uint64_t peak_ = 0;  // guarded by mutex_
};

// One block of device memory, handed out piece after piece at multiples of 256 bytes. A counting
// arena has no memory: the same calls on it say how large a real one must be. One thread at a time.
class VramArena {
 public:
  static constexpr std::size_t kAlignment = 256;

  // `budget` must outlive the arena. ResourceExhausted when the budget or the device has not so
  // much.
  static Result<VramArena> Reserve(VramBudget* budget, std::size_t bytes, const std::string& what);
  static VramArena Counting();

  VramArena() = default;
  VramArena(VramArena&& other) noexcept { *this = std::move(other); }
  VramArena& operator=(VramArena&& other) noexcept;
  VramArena(const VramArena&) = delete;
  VramArena& operator=(const VramArena&) = delete;
  ~VramArena();

  bool counting() const { return counting_; }

  // Null from an empty or counting arena. What does not fit is a bug of the one that counted.
  void* Take(std::size_t bytes);
  template <class T>
  T* Take(std::int64_t n) {
    return static_cast<T*>(Take(static_cast<std::size_t>(n) * sizeof(T)));
  }

  // Everything taken since Mark() returned `mark` is free again.
  std::size_t Mark() const { return used_; }
  void Release(std::size_t mark);

  std::size_t used() const { return used_; }
  std::size_t peak() const { return peak_; }
  std::size_t capacity() const { return buffer_.bytes(); }

 private:
  VramBudget* budget_ = nullptr;
  DeviceBuffer buffer_;
  bool counting_ = false;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_VRAM_H_
