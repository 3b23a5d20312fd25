#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>

namespace espy {

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
  std::int64_t helpers = 0;  // workers inside; guarded by the pool's mutex
  std::condition_variable left;

  void Run() {
    for (std::int64_t i = next++; i < n; i = next++) (*body)(i);
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
  {
    std::lock_guard lock(mutex_);
    loops_.push_back(&loop);
  }
  wake_.notify_all();
  loop.Run();
  std::unique_lock lock(mutex_);
  loops_.erase(std::remove(loops_.begin(), loops_.end(), &loop), loops_.end());
  loop.left.wait(lock, [&] { return loop.helpers == 0; });
}

void ThreadPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !loops_.empty(); });
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
  }
}

}  // namespace espy
