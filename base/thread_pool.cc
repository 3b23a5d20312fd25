#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy {
namespace {

// How long a thread looks for what it waits for before it sleeps. A tower is a hundred short loops
// one right after another, and a sleeping thread takes 20 to 50 microseconds to wake: as long as
// many of the loops. Longer than that and sleeping would have cost less.
constexpr std::chrono::microseconds kSpin{50};

template <class Condition>
void SpinUntil(const Condition& met) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (met()) return;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
    std::this_thread::yield();  // to threads that have work, when there are more than cores
  } while (std::chrono::steady_clock::now() < end);
}

}  // namespace

int CoreCount() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// One ParallelFor under way. Its owner waits until every index is done and no worker still holds
// it.
struct ThreadPool::Loop {
  std::int64_t n;
  const std::function<void(std::int64_t)>* body;
  std::atomic<std::int64_t> next{0};
  std::atomic<int> helpers{0};  // workers inside; changed under the pool's mutex alone
  std::condition_variable left;
  std::atomic<bool> thrown{false};
  std::exception_ptr exception;  // the first; written by whoever set `thrown`

  // What the body throws ends the loop, and is thrown again where the loop was asked for.
  void Run() noexcept {
    try {
      for (std::int64_t i = next++; i < n; i = next++) (*body)(i);
    } catch (...) {
      next = n;
      if (!thrown.exchange(true)) exception = std::current_exception();
    }
  }
};

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { Work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::ParallelFor(std::int64_t n, const std::function<void(std::int64_t)>& body) {
  if (n <= 0) return;
  if (workers_.empty() || n == 1) {
    for (std::int64_t i = 0; i < n; ++i) body(i);
    return;
  }
  Loop loop{.n = n, .body = &body, .next = 0, .helpers = 0, .left = {}};
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    loops_.push_back(&loop);
    ++posted_;
    wake = sleeping_ > 0;
  }
  if (wake) wake_.notify_all();
  loop.Run();
  {
    std::lock_guard lock(mutex_);
    loops_.erase(std::remove(loops_.begin(), loops_.end(), &loop), loops_.end());
  }
  SpinUntil([&] { return loop.helpers == 0; });
  // Under the mutex the last helper is known to be done with the loop, not only with its work.
  std::unique_lock lock(mutex_);
  loop.left.wait(lock, [&] { return loop.helpers == 0; });
  if (loop.thrown) std::rethrow_exception(loop.exception);
}

void ThreadPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++sleeping_;
    wake_.wait(lock, [this] { return stopping_ || !loops_.empty(); });
    --sleeping_;
    if (loops_.empty()) return;  // stopping, and nothing left
    Loop* loop = loops_.front();
    if (loop->next.load() >= loop->n) {  // all handed out: its owner will take it away
      loops_.pop_front();
      continue;
    }
    ++loop->helpers;
    lock.unlock();
    loop->Run();
    lock.lock();
    if (!loops_.empty() && loops_.front() == loop) loops_.pop_front();
    if (--loop->helpers == 0) loop->left.notify_all();
    const std::uint64_t seen = posted_;
    lock.unlock();
    SpinUntil([&] { return posted_ != seen; });
    lock.lock();
  }
}

}  // namespace espy
