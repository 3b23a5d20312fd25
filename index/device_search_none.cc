// Built in place of device_search.cc where there is no CUDA.
#include "index/device_search.h"

namespace espy::index {

Result<std::shared_ptr<DeviceSearch>> OpenDeviceSearch(const DeviceSearchOptions& /*options*/) {
  return Status::NotFound("no GPU: this program was built without CUDA");
}

}  // namespace espy::index
