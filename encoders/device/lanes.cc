#include "encoders/device/lanes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/logging.h"
#include "base/status_macros.h"

namespace espy::encoders {

Status RecordedRuns::Run(std::int64_t items, const cuda::Stream& stream,
                         const std::function<Status()>& work) {
  const auto found = runs_.find(items);
  if (found == runs_.end()) {
    ESPY_RETURN_IF_ERROR(work());
    if (runs_.size() >= kMost) runs_.clear();
    runs_.emplace(items, std::nullopt);
    return Status::Ok();
  }
  std::optional<cuda::Graph>& graph = found->second;
  if (!graph) {
    Result<cuda::Graph> recorded = stream.Record(work);
    // A run that cannot be recorded is no failure: it goes as the first one went.
    if (!recorded.ok()) return work();
    graph = std::move(recorded).value();
  }
  return graph->Launch(stream);
}

Status Lanes::TryMake(std::int64_t items, int lanes) {
  const LaneNeeds needs = needs_(items);
  const std::size_t result_bytes = static_cast<std::size_t>(items * dimension_) * sizeof(float);
  const auto take = [&](int number, Lane* lane, cuda::VramArena* arena) {
    lane->staged = arena->Take<std::byte>(static_cast<std::int64_t>(needs.staged_bytes));
    lane->result = static_cast<float*>(arena->Take(result_bytes));
    lane->workspace = arena->Take(kWorkspaceBytes);
    needs.take(number, arena);
  };
  for (int number = 0; number < lanes; ++number) {
    Lane lane;
    cuda::VramArena counting = cuda::VramArena::Counting();
    take(number, &lane, &counting);
    ESPY_ASSIGN_OR_RETURN(lane.arena, cuda::VramArena::Reserve(
                                          budget_, counting.peak(),
                                          what_ + " for " + std::to_string(items) + " at a time"));
    take(number, &lane, &lane.arena);
    ESPY_ASSIGN_OR_RETURN(lane.stream, cuda::Stream::Create());
    ESPY_ASSIGN_OR_RETURN(lane.in, cuda::PinnedBuffer::Allocate(needs.staged_bytes));
    ESPY_ASSIGN_OR_RETURN(lane.out, cuda::PinnedBuffer::Allocate(result_bytes));
    lanes_.push_back(std::move(lane));
  }
  return Status::Ok();
}

Status Lanes::Make() {
  constexpr int kLanes = 2;
  while (lanes_.empty()) {
    Status made = TryMake(most_, kLanes);
    if (made.code() == StatusCode::kResourceExhausted && most_ == 1) {
      Drop();
      made = TryMake(1, 1);
    }
    if (made.ok()) break;
    Drop();
    if (made.code() != StatusCode::kResourceExhausted || most_ == 1) return made;
    Halve(made);
  }
  return Status::Ok();
}

void Lanes::Halve(const Status& why) {
  most_ /= 2;
  Log(LogLevel::kInfo, why.message() + "; going on with " + std::to_string(most_));
}

void Lanes::Drop() {
  // What is still queued must not outlive its memory; its outcome is of no interest any more.
  for (Lane& lane : lanes_) static_cast<void>(lane.stream.Wait());
  lanes_.clear();
}

Status Lanes::QueueResults(Lane* lane) const {
  const std::size_t row_bytes = static_cast<std::size_t>(dimension_) * sizeof(float);
  const auto rows = static_cast<std::size_t>(lane->items);
  if (!lane->to.on_device) {
    return lane->stream.Download(lane->out.data(), lane->result, rows * row_bytes);
  }
  return lane->stream.CopyRows(lane->to.data,
                               static_cast<std::size_t>(lane->to.stride) * sizeof(float),
                               lane->result, row_bytes, row_bytes, rows);
}

Status Lanes::Finish(Lane* lane) {
  if (lane->items == 0) return Status::Ok();
  ESPY_RETURN_IF_ERROR(lane->stream.Wait());
  const auto* rows = reinterpret_cast<const float*>(lane->out.data());
  for (std::int64_t i = 0; i < lane->items && !lane->to.on_device; ++i) {
    std::copy_n(rows + i * dimension_, dimension_, lane->to.From(i).data);
  }
  lane->items = 0;
  return Status::Ok();
}

Status Lanes::TryEncode(std::int64_t count, const Queue& queue, const VectorRows& out) {
  ESPY_RETURN_IF_ERROR(Make());
  std::size_t turn = 0;
  for (std::int64_t first = 0; first < count;) {
    const std::size_t number = turn++ % lanes_.size();
    Lane& lane = lanes_[number];
    ESPY_RETURN_IF_ERROR(Finish(&lane));
    ESPY_ASSIGN_OR_RETURN(const std::int64_t n, queue(static_cast<int>(number), &lane, first,
                                                      std::min(most_, count - first)));
    ESPY_CHECK(n > 0 && n <= most_ && n <= count - first, "a pass has as many items as it may");
    lane.items = n;
    lane.to = out.From(first);
    ESPY_RETURN_IF_ERROR(QueueResults(&lane));
    first += n;
  }
  for (Lane& lane : lanes_) ESPY_RETURN_IF_ERROR(Finish(&lane));
  return Status::Ok();
}

Status Lanes::Encode(std::int64_t count, const Queue& queue, const VectorRows& out) {
  const std::lock_guard lock(mutex_);
  while (true) {
    Status status = TryEncode(count, queue, out);
    if (status.ok()) return status;
    Drop();
    if (status.code() != StatusCode::kResourceExhausted || most_ == 1) return status;
    Halve(status);
  }
}

}  // namespace espy::encoders
