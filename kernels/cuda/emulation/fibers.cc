#include "kernels/cuda/emulation/fibers.h"

#include <ucontext.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <vector>

#include "base/check.h"

namespace espy::cuda::emulation {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kLanes = 32;

struct Copy {
  void* to;
  const void* from;  // null: zeros
};

struct BarrierState {
  int arrivals = 0;  // that complete a phase
  int pending = 0;
  int phases = 0;          // completed
  std::int64_t bytes = 0;  // of boxes, that this phase still waits for
  std::vector<Copy> copies;
};

// Threads that come together: the last to come lets all go on.
struct Meeting {
  int members = 0;
  int arrived = 0;
  int round = 0;
};

enum class Waits { kNot, kBlock, kWarp, kBarrier };

struct Fiber {
  ucontext_t context;  // to begin with
  jmp_buf place;       // to go on from, once begun
  bool begun = false;
  std::unique_ptr<std::byte[]> stack;
  bool done = false;
  Waits waits = Waits::kNot;
  int round = 0;  // of the meeting waited for
  std::uint64_t* barrier = nullptr;
  int parity = 0;
  std::vector<Copy> copies;  // started and not yet counted by a barrier
};

// Stacks that no fiber has, kept from launch to launch: their pages are there already.
std::vector<std::unique_ptr<std::byte[]>> spare_stacks;

std::unique_ptr<std::byte[]> TakeStack() {
  if (spare_stacks.empty()) return std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  std::unique_ptr<std::byte[]> stack = std::move(spare_stacks.back());
  spare_stacks.pop_back();
  return stack;
}

class Block {
 public:
  Block(const Launch& launch, const std::function<void()>& kernel, Order order)
      : kernel_(kernel), order_(order), shared_bytes_(launch.shared_bytes) {
    fibers_.resize(static_cast<std::size_t>(launch.threads));
    for (Fiber& fiber : fibers_) fiber.stack = TakeStack();
    warps_.resize(fibers_.size() / kLanes);
    exchange_.resize(warps_.size());
    shared_ = std::make_unique<std::byte[]>(shared_bytes_ + 128);
    const auto address = reinterpret_cast<std::uintptr_t>(shared_.get());
    place_.shared = shared_.get() + (128 - address % 128) % 128;
    place_.threads = launch.threads;
  }

  ~Block() {
    for (Fiber& fiber : fibers_) spare_stacks.push_back(std::move(fiber.stack));
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void Run(int x, int y) {
    place_.block_x = x;
    place_.block_y = y;
    std::memset(place_.shared, 0xff, shared_bytes_);
    barriers_.clear();
    block_ = {.members = place_.threads};
    for (Meeting& warp : warps_) warp = {.members = kLanes};
    for (Fiber& fiber : fibers_) Start(&fiber);
    while (RunReady()) {
    }
    for (const Fiber& fiber : fibers_) {
      if (!fiber.done) Deadlock();
      ESPY_CHECK(fiber.copies.empty(), "a thread ended before its copies were waited for");
    }
  }

  const Place& place() const { return place_; }
  std::size_t shared_bytes() const { return shared_bytes_; }

  void MeetBlock() { Meet(&block_, Waits::kBlock); }

  void Exchange(const void* mine, std::size_t bytes, void* all) {
    const int warp = place_.thread / kLanes, lane = place_.thread % kLanes;
    std::vector<std::byte>& slots = exchange_[static_cast<std::size_t>(warp)];
    if (slots.size() < bytes * kLanes) slots.resize(bytes * kLanes);
    std::memcpy(slots.data() + bytes * static_cast<std::size_t>(lane), mine, bytes);
    Meet(&warps_[static_cast<std::size_t>(warp)], Waits::kWarp);
    std::memcpy(all, slots.data(), bytes * kLanes);
    // None may give anew before all have taken.
    Meet(&warps_[static_cast<std::size_t>(warp)], Waits::kWarp);
  }

  Fiber& self() { return fibers_[static_cast<std::size_t>(place_.thread)]; }

  BarrierState& barrier(std::uint64_t* at) {
    const auto found = barriers_.find(at);
    ESPY_CHECK(found != barriers_.end(), "a barrier is used before it is made");
    return found->second;
  }
  void MakeBarrier(std::uint64_t* at, int arrivals) {
    barriers_[at] = {
        .arrivals = arrivals, .pending = arrivals, .phases = 0, .bytes = 0, .copies = {}};
  }
  // After an arrival or bytes.
  static void Complete(BarrierState* state) {
    if (state->pending > 0 || state->bytes > 0) return;
    state->pending = state->arrivals;
    ++state->phases;
  }

  void Wait(std::uint64_t* at, int parity) {
    barrier(at);
    Fiber& fiber = self();
    fiber.waits = Waits::kBarrier;
    fiber.barrier = at;
    fiber.parity = parity;
    Yield();
  }

 private:
  static void Entry() {
    Block* block = running_;
    block->kernel_();
    block->self().done = true;
    _longjmp(block->scheduler_, 1);
  }

  void Start(Fiber* fiber) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.get();
    fiber->context.uc_stack.ss_size = kStackBytes;
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, &Block::Entry, 0);
    fiber->begun = fiber->done = false;
    fiber->waits = Waits::kNot;
    fiber->copies.clear();
  }

  // swapcontext asks the kernel for the signal mask at each switch; these jumps do not.
  void Yield() {
    if (_setjmp(self().place) == 0) _longjmp(scheduler_, 1);
  }
  void Resume(Fiber* fiber) {
    if (_setjmp(scheduler_) != 0) return;
    if (fiber->begun) _longjmp(fiber->place, 1);
    fiber->begun = true;
    setcontext(&fiber->context);
  }

  void Meet(Meeting* meeting, Waits kind) {
    if (++meeting->arrived == meeting->members) {
      meeting->arrived = 0;
      ++meeting->round;
      return;
    }
    self().waits = kind;
    self().round = meeting->round;
    Yield();
  }

  bool Ready(std::size_t thread) {
    const Fiber& fiber = fibers_[thread];
    if (fiber.done) return false;
    switch (fiber.waits) {
      case Waits::kNot:
        return true;
      case Waits::kBlock:
        return block_.round != fiber.round;
      case Waits::kWarp:
        return warps_[thread / kLanes].round != fiber.round;
      case Waits::kBarrier: {
        BarrierState& state = barrier(fiber.barrier);
        // A phase of this parity is over when the one going on is of the other.
        if (state.phases % 2 == fiber.parity) return false;
        for (const Copy& copy : state.copies) {
          if (copy.from != nullptr) {
            std::memcpy(copy.to, copy.from, 16);
          } else {
            std::memset(copy.to, 0, 16);
          }
        }
        state.copies.clear();
        return true;
      }
    }
    return false;
  }

  // One round over all threads; whether any of them got on.
  bool RunReady() {
    std::vector<std::size_t> turn(fibers_.size());
    for (std::size_t i = 0; i < turn.size(); ++i) turn[i] = i;
    if (order_ == Order::kBackward) std::reverse(turn.begin(), turn.end());
    if (order_ == Order::kShuffled) std::shuffle(turn.begin(), turn.end(), random_);
    const std::size_t together = order_ == Order::kWarpByWarp ? kLanes : turn.size();
    bool any = false;
    for (std::size_t first = 0; first < turn.size(); first += together) {
      bool moved = RunThose(std::span(turn).subspan(first, together));
      any = any || moved;
      while (moved && order_ == Order::kWarpByWarp) {
        moved = RunThose(std::span(turn).subspan(first, together));
      }
    }
    return any;
  }
  bool RunThose(std::span<const std::size_t> threads) {
    bool any = false;
    for (const std::size_t thread : threads) {
      if (!Ready(thread)) continue;
      any = true;
      fibers_[thread].waits = Waits::kNot;
      place_.thread = static_cast<int>(thread);
      running_ = this;
      Resume(&fibers_[thread]);
    }
    return any;
  }

  [[noreturn]] void Deadlock() const {
    for (std::size_t i = 0; i < fibers_.size(); ++i) {
      static constexpr const char* kWhat[] = {"nothing", "the block", "its warp", "a barrier"};
      const Fiber& fiber = fibers_[i];
      std::fprintf(stderr, "thread %zu: %s%s\n", i, fiber.done ? "ended" : "waits for ",
                   fiber.done ? "" : kWhat[static_cast<int>(fiber.waits)]);
    }
    ESPY_CHECK(false, "the emulated block is in a deadlock");
    std::abort();
  }

  static Block* running_;

  const std::function<void()>& kernel_;
  const Order order_;
  const std::size_t shared_bytes_;
  std::mt19937 random_{1};
  jmp_buf scheduler_;
  Place place_;
  std::unique_ptr<std::byte[]> shared_;
  std::vector<Fiber> fibers_;
  Meeting block_;
  std::vector<Meeting> warps_;
  std::vector<std::vector<std::byte>> exchange_;
  std::map<std::uint64_t*, BarrierState> barriers_;
};

Block* Block::running_ = nullptr;
// One launch at a time, whichever thread asks for it.
std::mutex running;
Block* current = nullptr;
Order next_order = Order::kForward;
int multiprocessors = 132;
int copies_until_failure = 0;  // 0: none fails

}  // namespace

void SetOrder(Order order) { next_order = order; }

void SetMultiprocessors(int count) { multiprocessors = count; }
int Multiprocessors() { return multiprocessors; }

void FailCopiesFrom(int n) { copies_until_failure = n; }
bool DeviceFails() {
  if (copies_until_failure > 1)
    --copies_until_failure;
  else if (copies_until_failure == 1)
    return true;
  return false;
}

void Run(const Launch& launch, const std::function<void()>& kernel) {
  ESPY_CHECK(launch.threads > 0 && launch.threads % kLanes == 0 && launch.threads <= 1024,
             "a block is of whole warps, 1024 threads at most");
  ESPY_CHECK(launch.blocks_x > 0 && launch.blocks_y > 0 && launch.blocks_y <= 65535,
             "a grid has blocks, and is 65,535 high at most");
  const std::lock_guard lock(running);
  Block block(launch, kernel, next_order);
  current = &block;
  for (int y = 0; y < launch.blocks_y; ++y) {
    for (int x = 0; x < launch.blocks_x; ++x) block.Run(x, y);
  }
  current = nullptr;
}

const Place& Current() { return current->place(); }
void MeetBlock() { current->MeetBlock(); }
void ExchangeInWarp(const void* mine, std::size_t bytes, void* all) {
  current->Exchange(mine, bytes, all);
}

void StartCopy(void* to, const void* from) { current->self().copies.push_back({to, from}); }

void InitBarrier(std::uint64_t* barrier, int arrivals) { current->MakeBarrier(barrier, arrivals); }

void ArriveAfterCopies(std::uint64_t* at) {
  BarrierState& state = current->barrier(at);
  std::vector<Copy>& mine = current->self().copies;
  state.copies.insert(state.copies.end(), mine.begin(), mine.end());
  mine.clear();
  ESPY_CHECK(state.pending > 0, "more threads arrive at a barrier than it was made for");
  --state.pending;
  Block::Complete(&state);
}

void Arrive(std::uint64_t* at, int bytes) {
  BarrierState& state = current->barrier(at);
  ESPY_CHECK(state.pending > 0, "more threads arrive at a barrier than it was made for");
  state.bytes += bytes;
  --state.pending;
  Block::Complete(&state);
}

void StartBoxCopy(std::uint64_t* at, void* to, const void* from) {
  BarrierState& state = current->barrier(at);
  ESPY_CHECK(state.bytes >= 16, "a box brings more bytes than its barrier expects");
  state.copies.push_back({to, from});
  state.bytes -= 16;
  Block::Complete(&state);
}

constexpr std::uint32_t kSharedBegin = 128;

std::uint32_t SharedAddress(const void* pointer) {
  const std::ptrdiff_t at = static_cast<const std::byte*>(pointer) - Current().shared;
  ESPY_CHECK(at >= 0 && static_cast<std::size_t>(at) < current->shared_bytes(),
             "an address is not of shared memory");
  return kSharedBegin + static_cast<std::uint32_t>(at);
}

std::byte* SharedAt(std::uint32_t address) {
  ESPY_CHECK(address >= kSharedBegin && address - kSharedBegin < current->shared_bytes(),
             "an operand lies outside of shared memory");
  return Current().shared + (address - kSharedBegin);
}

void WaitBarrier(std::uint64_t* barrier, int parity) { current->Wait(barrier, parity); }

}  // namespace espy::cuda::emulation
