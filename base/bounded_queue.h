// A queue between two stages of a pipeline, bounded by the weight of what it holds (bytes, mostly),
// so that a fast stage waits for a slow one instead of filling memory.
#ifndef ESPY_BASE_BOUNDED_QUEUE_H_
#define ESPY_BASE_BOUNDED_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace espy {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // Waits while the queue is over its capacity (an element heavier than the whole capacity passes
  // when the queue is empty). False when the queue is closed: the element was not taken.
  bool Push(T value, std::size_t weight) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock,
                   [&] { return closed_ || elements_.empty() || held_ + weight <= capacity_; });
    if (closed_) return false;
    held_ += weight;
    elements_.emplace_back(std::move(value), weight);
    not_empty_.notify_one();
    return true;
  }

  // Waits for an element; nothing when the queue is closed and drained.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return closed_ || !elements_.empty(); });
    return TakeFront();
  }

  // An element if there is one now.
  std::optional<T> TryPop() {
    std::unique_lock lock(mutex_);
    return TakeFront();
  }

  // No more elements come; those inside can still be taken.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    not_empty_.notify_all();
    not_full_.notify_all();
  }

 private:
  std::optional<T> TakeFront() {  // with mutex_ held
    if (elements_.empty()) return std::nullopt;
    std::optional<T> value(std::move(elements_.front().first));
    held_ -= elements_.front().second;
    elements_.pop_front();
    not_full_.notify_all();
    return value;
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable not_full_, not_empty_;
  std::deque<std::pair<T, std::size_t>> elements_;  // guarded by mutex_
  std::size_t held_ = 0;                            // guarded by mutex_
  bool closed_ = false;                             // guarded by mutex_
};

}  // namespace espy

#endif  // ESPY_BASE_BOUNDED_QUEUE_H_
