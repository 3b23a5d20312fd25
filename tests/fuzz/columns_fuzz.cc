// Stored columns: manifests, heads and blocks. What is refused is refused with Corruption; a block
// that comes back can be asked anything.
//
// The input's first byte says which parser it is for; the rest is the chunks, whose length the
// second byte gives.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/fields/block_format.h"
#include "engine/fields/table_format.h"
#include "engine/where/where.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using espy::Result;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (data[0] == 0) {
    const auto manifest = espy::fields::ParseManifest(bytes);
    if (manifest.ok() &&
        !(*espy::fields::ParseManifest(espy::fields::EncodeManifest(*manifest)) == *manifest)) {
      std::abort();
    }
    return 0;
  }
  const std::size_t piece = std::size_t{1} + data[1] * 64;
  espy::fields::SectionReader reader(static_cast<std::uint32_t>((bytes.size() + piece - 1) / piece),
                                     [&](std::uint32_t chunk) -> Result<std::string> {
                                       return std::string(bytes.substr(chunk * piece, piece));
                                     });
  static const auto kFilter = espy::where::Parse(
      "width < 9 or tag ~ a* or field.a = x or field.b > 1 or path ~ *7* or day = 3 or has place");
  const auto ask = [](const espy::fields::Block& block) {
    block.Rows(**kFilter);
    block.Rows(**kFilter);
    for (std::uint32_t row = 0; row < block.rows(); ++row) {
      if (block.Find(block.Restore(row).id) != row) std::abort();
    }
  };
  const auto block = espy::fields::BlockFormat::Read(&reader);
  if (!block.ok()) {
    if (block.status().code() != espy::StatusCode::kCorruption) std::abort();
    return 0;
  }
  ask(**block);
  if (data[0] == 1) return 0;
  const auto table = espy::fields::ReadHead({*block}, &reader);
  if (table.ok()) (*table)->TakeView()->Select(**kFilter)->Sorted();
  return 0;
}
