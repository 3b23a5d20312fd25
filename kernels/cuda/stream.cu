#include "base/status_macros.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/stream.h"

namespace espy::cuda {
namespace {

cudaStream_t Of(void* handle) { return static_cast<cudaStream_t>(handle); }

}  // namespace

Result<Stream> Stream::Create() {
  cudaStream_t handle = nullptr;
  const cudaError_t error = cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking);
  if (error != cudaSuccess) return OfCuda(error, "a stream on the GPU");
  Stream stream;
  stream.handle_ = handle;
  return Result<Stream>(std::move(stream));
}

Stream::~Stream() {
  if (handle_ != nullptr) cudaStreamDestroy(Of(handle_));
}

Status Stream::Upload(void* to_device, const void* from, std::size_t bytes) const {
  return OfCuda(cudaMemcpyAsync(to_device, from, bytes, cudaMemcpyHostToDevice, Of(handle_)),
                "copy to the GPU");
}

Status Stream::Download(void* to, const void* from_device, std::size_t bytes) const {
  return OfCuda(cudaMemcpyAsync(to, from_device, bytes, cudaMemcpyDeviceToHost, Of(handle_)),
                "copy from the GPU");
}

Status Stream::CopyRows(void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                        std::size_t row_bytes, std::size_t rows) const {
  return OfCuda(cudaMemcpy2DAsync(to, to_stride, from, from_stride, row_bytes, rows,
                                  cudaMemcpyDeviceToDevice, Of(handle_)),
                "copy on the GPU");
}

Status Stream::Wait() const {
  return OfCuda(cudaStreamSynchronize(Of(handle_)), "work on the GPU");
}

Result<Graph> Stream::Record(const std::function<Status()>& body) const {
  const cudaError_t begun = cudaStreamBeginCapture(Of(handle_), cudaStreamCaptureModeThreadLocal);
  if (begun != cudaSuccess) return OfCuda(begun, "recording work for the GPU");
  const Status queued = body();
  cudaGraph_t recorded = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(Of(handle_), &recorded);
  cudaGraphExec_t handle = nullptr;
  cudaError_t made = ended;
  if (queued.ok() && ended == cudaSuccess) made = cudaGraphInstantiate(&handle, recorded, 0);
  if (recorded != nullptr) cudaGraphDestroy(recorded);
  if (!queued.ok()) return queued;
  if (made != cudaSuccess) return OfCuda(made, "recording work for the GPU");
  Graph graph;
  graph.handle_ = handle;
  return Result<Graph>(std::move(graph));
}

Graph::~Graph() {
  if (handle_ != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle_));
}

Status Graph::Launch(const Stream& stream) const {
  return OfCuda(cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_), Of(stream.handle())),
                "recorded work on the GPU");
}

Result<PinnedBuffer> PinnedBuffer::Allocate(std::size_t bytes) {
  PinnedBuffer buffer;
  ESPY_RETURN_IF_ERROR(Allocated(cudaMallocHost(&buffer.data_, bytes), &buffer.data_, bytes,
                                 "of page-locked memory"));
  buffer.bytes_ = bytes;
  return Result<PinnedBuffer>(std::move(buffer));
}

PinnedBuffer::~PinnedBuffer() { cudaFreeHost(data_); }

}  // namespace espy::cuda
