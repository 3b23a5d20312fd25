#include "kernels/cuda/vram.h"

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "base/status_macros.h"

namespace espy::cuda {

std::string BytesText(std::uint64_t bytes) {
  char text[32];
  if (bytes < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1f kB", static_cast<double>(bytes) / 1e3);
  } else if (bytes < 1'000'000'000) {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  }
  return text;
}

Status VramBudget::Take(std::uint64_t bytes, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (cap_ != 0 && bytes > cap_ - std::min(cap_, used_)) {
    return Status::ResourceExhausted(what + ": " + BytesText(bytes) + " on the GPU, where " +
                                     BytesText(used_) + " of the " + BytesText(cap_) +
                                     " allowed are in use; allow more (--vram), or use the CPU");
  }
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  return Status::Ok();
}

void VramBudget::Give(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  ESPY_CHECK(bytes <= used_, "more is given back than was taken");
  used_ -= bytes;
}

std::uint64_t VramBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::uint64_t VramBudget::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

Result<VramArena> VramArena::Reserve(VramBudget* budget, std::size_t bytes,
                                     const std::string& what) {
  ESPY_RETURN_IF_ERROR(budget->Take(bytes, what));
  Result<DeviceBuffer> buffer = DeviceBuffer::Allocate(bytes);
  if (!buffer.ok()) {
    budget->Give(bytes);
    return Status(buffer.status().code(), what + ": " + buffer.status().message());
  }
  VramArena arena;
  arena.budget_ = budget;
  arena.buffer_ = std::move(buffer).value();
  return Result<VramArena>(std::move(arena));
}

VramArena VramArena::Counting() {
  VramArena arena;
  arena.counting_ = true;
  return arena;
}

VramArena& VramArena::operator=(VramArena&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(buffer_, other.buffer_);
  std::swap(counting_, other.counting_);
  std::swap(used_, other.used_);
  std::swap(peak_, other.peak_);
  return *this;
}

VramArena::~VramArena() {
  if (budget_ != nullptr) budget_->Give(buffer_.bytes());
}

void* VramArena::Take(std::size_t bytes) {
  const std::size_t at = used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  peak_ = std::max(peak_, used_);
  if (counting_) return nullptr;
  ESPY_CHECK(used_ <= buffer_.bytes(), "an arena is asked for more than was counted");
  return static_cast<std::byte*>(buffer_.data()) + at;
}

void VramArena::Release(std::size_t mark) {
  ESPY_CHECK(mark <= used_, "an arena goes back to a mark that it has left already");
  used_ = mark;
}

}  // namespace espy::cuda
