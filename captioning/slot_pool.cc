#include "captioning/slot_pool.h"

#include <new>

#include "base/check.h"

namespace espy::captioning {

SlotPool::SlotPool(std::int32_t slots) : holders_(static_cast<std::size_t>(slots), 0) {
  free_.reserve(holders_.size());  // giving back must not fail
  for (std::int32_t slot = slots; slot-- > 0;) free_.push_back(slot);
}

std::int32_t SlotPool::Take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) throw std::bad_alloc();
  const std::int32_t slot = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(slot)] = 1;
  return slot;
}

void SlotPool::Share(std::int32_t slot) {
  const std::lock_guard lock(mutex_);
  std::int32_t& holders = holders_[static_cast<std::size_t>(slot)];
  ESPY_CHECK(holders > 0, "a slot that is shared is held");
  ++holders;
}

void SlotPool::Give(std::int32_t slot) {
  const std::lock_guard lock(mutex_);
  std::int32_t& holders = holders_[static_cast<std::size_t>(slot)];
  ESPY_CHECK(holders > 0, "a slot that is given back is held");
  if (--holders == 0) free_.push_back(slot);
}

std::int32_t SlotPool::free() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int32_t>(free_.size());
}

}  // namespace espy::captioning
