// Work queued on the device, and what goes with it: page-locked host memory that copies may read
// while the host goes on, and recorded runs of kernels that start as one.
#ifndef ESPY_KERNELS_CUDA_STREAM_H_
#define ESPY_KERNELS_CUDA_STREAM_H_

#include <cstddef>
#include <functional>
#include <utility>

#include "espy/status.h"

namespace espy::cuda {

// What is queued runs in order, beside other streams, and is done only once Wait() has returned.
// One thread at a time. Errors are Unavailable, or ResourceExhausted where memory is what is
// missing.
class Graph;
class Stream {
 public:
  Stream() = default;
  static Result<Stream> Create();
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  // What the kernels' functions call `stream`.
  void* handle() const { return handle_; }

  // Copies between memory of a PinnedBuffer, which must not change before Wait(), and the device's.
  Status Upload(void* to_device, const void* from, std::size_t bytes) const;
  Status Download(void* to, const void* from_device, std::size_t bytes) const;
  // `rows` rows of `row_bytes`, the device's memory both; strides are in bytes.
  Status CopyRows(void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                  std::size_t row_bytes, std::size_t rows) const;
  Status Wait() const;

  // Records the kernels that `body` queues on this stream instead of running them. Their arguments
  // are kept as they are now; what the pointers among them lead to is read at each launch. The
  // body's own error comes back, and nothing is recorded then.
  Result<Graph> Record(const std::function<Status()>& body) const;

 private:
  void* handle_ = nullptr;
};

class Graph {
 public:
  Graph() = default;
  Graph(Graph&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  // Queues all of it.
  Status Launch(const Stream& stream) const;

 private:
  friend class Stream;
  void* handle_ = nullptr;
};

// Page-locked host memory, at a multiple of 256 bytes.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  static Result<PinnedBuffer> Allocate(std::size_t bytes);
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer();

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_STREAM_H_
