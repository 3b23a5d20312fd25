// Which GPU the index is searched on, and how much of its memory who may take.
#include "base/logging.h"
#include "engine/library_impl.h"
#include "index/device_search.h"

namespace espy {

std::uint64_t Library::Impl::IndexVram() const { return options.vram / 4; }
std::uint64_t Library::Impl::EncoderVram() const { return options.vram / 2; }

std::shared_ptr<index::DeviceSearch> Library::Impl::SearchDevice() {
  std::call_once(search_device_once_, [this] {
    if (options.device == Device::kCpu) return;
    auto opened = index::OpenDeviceSearch({.memory_bytes = IndexVram()});
    if (opened.ok()) {
      search_device_ = std::move(*opened);
      return;
    }
    // With kAuto a machine without a GPU is not worth a word.
    const bool expected =
        options.device == Device::kAuto && opened.status().code() == StatusCode::kNotFound;
    if (!expected) {
      Log(LogLevel::kWarning,
          path + ": " + opened.status().message() + "; the index is searched on the CPU");
    }
  });
  return search_device_;
}

}  // namespace espy
