// A fixed set of worker threads, and a loop divided among them. A worker looks for the next loop
// for a moment before it sleeps, so that loops in quick succession do not wait for it to wake.
#ifndef ESPY_BASE_THREAD_POOL_H_
#define ESPY_BASE_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace espy {

int CoreCount();  // threads that this process may run at once (its affinity mask), at least 1

class ThreadPool {
 public:
  // `threads` counts the caller too: a pool of 1 has no worker, and ParallelFor runs in place.
  explicit ThreadPool(int threads);
  ~ThreadPool();  // waits for what was scheduled
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(i) for every i in [0, n), in no given order, on the caller and the workers; returns
  // when all are done. Calls from several threads at once share the workers. body must not throw
  // and must not call ParallelFor itself.
  void ParallelFor(std::int64_t n, const std::function<void(std::int64_t)>& body);

 private:
  struct Loop;
  void Work();

  std::vector<std::thread> workers_;  // constant after construction
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Loop*> loops_;               // guarded by mutex_: loops with indices left to hand out
  bool stopping_ = false;                 // guarded by mutex_
  int sleeping_ = 0;                      // guarded by mutex_: workers that only wake_ reaches
  std::atomic<std::uint64_t> posted_{0};  // changed under mutex_: loops so far
};

}  // namespace espy

#endif  // ESPY_BASE_THREAD_POOL_H_
