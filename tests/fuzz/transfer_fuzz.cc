// Bytes as files to import: headers of .npy files, and lines of JSON. The first byte chooses. A
// line that is taken is written and read again, and must come out the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/transfer/npy.h"
#include "engine/transfer/record_json.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto header = transfer::ParseNpyHeader(bytes, "x.npy");
    if (!header.ok()) return 0;
    // What it promises lies in the file.
    Require(header->data_offset <= bytes.size());
    Require(static_cast<std::uint64_t>(header->rows) * header->dimension * header->value_bytes ==
            bytes.size() - header->data_offset);
    return 0;
  }
  std::set<std::string> ignored;
  const auto line = transfer::ParseLine(bytes, "x.jsonl:1", &ignored);
  if (!line.ok()) return 0;
  const std::string written = transfer::RecordToLine(line->record, line->half);
  const auto again = transfer::ParseLine(written, "written", nullptr);
  Require(again.ok() && again->half == line->half);
  Require(transfer::RecordToLine(again->record, again->half) == written);
  return 0;
}
