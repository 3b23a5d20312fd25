// Any bytes as a filter expression: parsed or refused, and what was parsed can be asked.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/where/where.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espy::Record record;
  record.paths = {"/pics/a.jpg"};
  record.tags = {"beach"};
  auto filter = espy::where::Parse({reinterpret_cast<const char*>(data), size});
  if (filter.ok()) (void)(*filter)->Matches(record);
  return 0;
}
