#include "kernels/cuda/emulation/runtime.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "kernels/cuda/stream.h"

namespace espy::cuda {
namespace emulation {
namespace {

constexpr std::align_val_t kAlignment{256};
constexpr std::uint64_t kMemory = std::uint64_t{80} << 30;  // where nothing limits it

using Ranges = std::map<const std::byte*, std::size_t>;  // begin, bytes

bool Holds(const Ranges& ranges, const void* data, std::size_t bytes) {
  const auto* at = static_cast<const std::byte*>(data);
  auto next = ranges.upper_bound(at);
  if (next == ranges.begin()) return false;
  --next;
  return at + bytes <= next->first + next->second;
}

struct World {
  std::mutex mutex;
  // Guarded by mutex.
  std::uint64_t limit = 0;
  std::int64_t left = -1;  // operations until the device is lost; negative: never
  bool hidden = false;
  Counts counts;
  Ranges device, pinned;
};
World& TheWorld() {
  static World world;
  return world;
}

void* NewMemory(std::size_t bytes) {
  void* data = ::operator new(std::max<std::size_t>(bytes, 1), kAlignment);
  std::memset(data, 0xff, bytes);  // what nobody wrote is NaN
  return data;
}

}  // namespace

void LimitMemory(std::uint64_t bytes) {
  const std::lock_guard lock(TheWorld().mutex);
  TheWorld().limit = bytes;
}

void LoseDeviceAfter(std::int64_t operations) {
  const std::lock_guard lock(TheWorld().mutex);
  TheWorld().left = operations;
}

void HideDevice(bool hidden) {
  const std::lock_guard lock(TheWorld().mutex);
  TheWorld().hidden = hidden;
}

Counts CurrentCounts() {
  const std::lock_guard lock(TheWorld().mutex);
  return TheWorld().counts;
}

void ResetCounts() {
  const std::lock_guard lock(TheWorld().mutex);
  const std::uint64_t memory = TheWorld().counts.memory;
  TheWorld().counts = {.memory = memory, .most_memory = memory};
}

bool DeviceHidden() {
  const std::lock_guard lock(TheWorld().mutex);
  return TheWorld().hidden;
}

Status Touch() {
  const std::lock_guard lock(TheWorld().mutex);
  std::int64_t& left = TheWorld().left;
  if (left < 0) return Status::Ok();
  if (left == 0) return Status::Unavailable("the emulated GPU is lost");
  --left;
  return Status::Ok();
}

Result<void*> AllocateDevice(std::size_t bytes) {
  ESPY_RETURN_IF_ERROR(Touch());
  World& world = TheWorld();
  const std::lock_guard lock(world.mutex);
  if (world.limit != 0 && world.counts.memory + bytes > world.limit) {
    return Status::ResourceExhausted(std::to_string(bytes) +
                                     " bytes on the GPU: out of memory; close other programs that "
                                     "use the GPU, or use the CPU");
  }
  void* data = NewMemory(bytes);
  world.device.emplace(static_cast<const std::byte*>(data), bytes);
  world.counts.memory += bytes;
  world.counts.most_memory = std::max(world.counts.most_memory, world.counts.memory);
  return data;
}

void FreeDevice(void* data) {
  if (data == nullptr) return;
  World& world = TheWorld();
  const std::lock_guard lock(world.mutex);
  const auto found = world.device.find(static_cast<const std::byte*>(data));
  ESPY_CHECK(found != world.device.end(), "memory is given back that is not the device's");
  world.counts.memory -= found->second;
  world.device.erase(found);
  ::operator delete(data, kAlignment);
}

std::uint64_t FreeDeviceMemory() {
  const std::lock_guard lock(TheWorld().mutex);
  const std::uint64_t all = TheWorld().limit != 0 ? TheWorld().limit : kMemory;
  return all - std::min(all, TheWorld().counts.memory);
}

void RequireDevice(const void* data, std::size_t bytes) {
  const std::lock_guard lock(TheWorld().mutex);
  ESPY_CHECK(Holds(TheWorld().device, data, bytes), "a copy leaves the device's memory");
}

void RequirePinned(const void* data, std::size_t bytes) {
  const std::lock_guard lock(TheWorld().mutex);
  ESPY_CHECK(Holds(TheWorld().pinned, data, bytes), "a stream copies from or to pageable memory");
}

namespace {

using Work = std::function<void()>;

struct Queue {
  std::vector<Work> waiting;
  std::vector<Work> recorded;
  bool recording = false;
};
struct Recording {
  std::vector<Work> work;
};

Queue* Of(void* handle) { return static_cast<Queue*>(handle); }

void Count(std::uint64_t Counts::*what, std::uint64_t n = 1) {
  const std::lock_guard lock(TheWorld().mutex);
  TheWorld().counts.*what += n;
}

Status Queued(void* stream, Work work) {
  ESPY_RETURN_IF_ERROR(Touch());
  Queue* queue = Of(stream);
  (queue->recording ? queue->recorded : queue->waiting).push_back(std::move(work));
  return Status::Ok();
}

}  // namespace

void CountDownload(std::uint64_t bytes) { Count(&Counts::downloaded_bytes, bytes); }

Status Launched(void* stream, Work work) {
  if (stream == nullptr) {
    ESPY_RETURN_IF_ERROR(Touch());
    work();
  } else {
    ESPY_RETURN_IF_ERROR(Queued(stream, std::move(work)));
    if (Of(stream)->recording) return Status::Ok();
  }
  Count(&Counts::launches);
  return Status::Ok();
}

}  // namespace emulation

using emulation::Counts;

Result<Stream> Stream::Create() {
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  Stream stream;
  stream.handle_ = new emulation::Queue;
  return Result<Stream>(std::move(stream));
}

Stream::~Stream() { delete emulation::Of(handle_); }

Status Stream::Upload(void* to_device, const void* from, std::size_t bytes) const {
  emulation::RequireDevice(to_device, bytes);
  emulation::RequirePinned(from, bytes);
  emulation::Count(&Counts::uploads);
  emulation::Count(&Counts::uploaded_bytes, bytes);
  return emulation::Queued(handle_, [=] { std::memcpy(to_device, from, bytes); });
}

Status Stream::Download(void* to, const void* from_device, std::size_t bytes) const {
  emulation::RequireDevice(from_device, bytes);
  emulation::RequirePinned(to, bytes);
  emulation::CountDownload(bytes);
  return emulation::Queued(handle_, [=] { std::memcpy(to, from_device, bytes); });
}

Status Stream::CopyRows(void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                        std::size_t row_bytes, std::size_t rows) const {
  if (rows == 0) return Status::Ok();
  emulation::RequireDevice(to, (rows - 1) * to_stride + row_bytes);
  emulation::RequireDevice(from, (rows - 1) * from_stride + row_bytes);
  return emulation::Queued(handle_, [=] {
    for (std::size_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                  static_cast<const std::byte*>(from) + row * from_stride, row_bytes);
    }
  });
}

Status Stream::Wait() const {
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  std::vector<emulation::Work> work = std::move(emulation::Of(handle_)->waiting);
  emulation::Of(handle_)->waiting.clear();
  for (const emulation::Work& item : work) item();
  return Status::Ok();
}

Result<Graph> Stream::Record(const std::function<Status()>& body) const {
  emulation::Queue* queue = emulation::Of(handle_);
  ESPY_CHECK(!queue->recording, "a stream records one graph at a time");
  queue->recording = true;
  const Status queued = body();
  queue->recording = false;
  auto recording = std::make_unique<emulation::Recording>();
  recording->work = std::move(queue->recorded);
  queue->recorded.clear();
  if (!queued.ok()) return queued;
  emulation::Count(&Counts::recorded);
  Graph graph;
  graph.handle_ = recording.release();
  return Result<Graph>(std::move(graph));
}

Graph::~Graph() { delete static_cast<emulation::Recording*>(handle_); }

Status Graph::Launch(const Stream& stream) const {
  emulation::Count(&Counts::replays);
  for (const emulation::Work& work : static_cast<emulation::Recording*>(handle_)->work) {
    ESPY_RETURN_IF_ERROR(emulation::Queued(stream.handle(), work));
  }
  return Status::Ok();
}

Result<PinnedBuffer> PinnedBuffer::Allocate(std::size_t bytes) {
  ESPY_RETURN_IF_ERROR(emulation::Touch());
  PinnedBuffer buffer;
  buffer.data_ = emulation::NewMemory(bytes);
  buffer.bytes_ = bytes;
  const std::lock_guard lock(emulation::TheWorld().mutex);
  emulation::TheWorld().pinned.emplace(buffer.data(), bytes);
  return Result<PinnedBuffer>(std::move(buffer));
}

PinnedBuffer::~PinnedBuffer() {
  if (data_ == nullptr) return;
  const std::lock_guard lock(emulation::TheWorld().mutex);
  emulation::TheWorld().pinned.erase(data());
  ::operator delete(data_, emulation::kAlignment);
}

}  // namespace espy::cuda
