// A grid of blocks on one host thread: block after block, each thread of a block a fiber that runs
// until it must wait for others. The order in which threads are taken up can be chosen, so that a
// test may show that the result does not hang on it, as it would where a barrier is missing.
#ifndef ESPY_KERNELS_CUDA_EMULATION_FIBERS_H_
#define ESPY_KERNELS_CUDA_EMULATION_FIBERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace espy::cuda::emulation {

enum class Order {
  kForward,
  kBackward,
  kShuffled,
  kWarpByWarp,  // each warp as far as it gets without the others before the next one
};

// Of the launches that follow.
void SetOrder(Order order);

// What the emulated device says it has; 132, an H100's, to begin with. With one, a block has the
// work of many.
void SetMultiprocessors(int count);
int Multiprocessors();

// Copies between host and device fail from the n-th on, counted from now; 0: never (again).
void FailCopiesFrom(int n);
// Counts one copy; whether it fails.
bool DeviceFails();

struct Launch {
  int blocks_x = 1;
  int blocks_y = 1;
  int threads = 32;  // of a block; a multiple of 32
  std::size_t shared_bytes = 0;
};

// Runs kernel() in every thread of every block. A deadlock (some threads wait for one that has
// ended, or for a barrier that nobody completes) stops the program with what each waits for.
void Run(const Launch& launch, const std::function<void()>& kernel);

// What follows is called from kernels only.
struct Place {
  int thread = 0;
  int threads = 0;
  int block_x = 0;
  int block_y = 0;
  std::byte* shared = nullptr;  // filled with 0xff at the start of a block: NaN in every format
};
const Place& Current();

void MeetBlock();
// Copies `bytes` at `mine` to every lane of the warp: all[lane] in the order of lanes.
void ExchangeInWarp(const void* mine, std::size_t bytes, void* all);

// 16 bytes, of zeros when `from` is null; done when a barrier that counts them is waited for.
void StartCopy(void* to, const void* from);
void InitBarrier(std::uint64_t* barrier, int arrivals);
// Arrives once all copies that this thread has started are done.
void ArriveAfterCopies(std::uint64_t* barrier);
// One arrival; the phase also waits for `bytes` bytes of boxes.
void Arrive(std::uint64_t* barrier, int bytes);
// 16 bytes of a box, as StartCopy, counted by the barrier themselves.
void StartBoxCopy(std::uint64_t* barrier, void* to, const void* from);
void WaitBarrier(std::uint64_t* barrier, int parity);

// Shared memory's addresses, which begin at an odd multiple of 128, as a kernel must be ready for.
std::uint32_t SharedAddress(const void* pointer);
std::byte* SharedAt(std::uint32_t address);

}  // namespace espy::cuda::emulation

#endif  // ESPY_KERNELS_CUDA_EMULATION_FIBERS_H_
