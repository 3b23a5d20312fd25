#include "engine/fields/table_format.h"

#include "base/coding.h"
#include "base/status_macros.h"
#include "engine/fields/block_format.h"

namespace espy::fields {
namespace {

constexpr std::uint8_t kVersion = 1;
// Eight blocks of like size become one: a hundred are more than any library has.
constexpr std::uint64_t kMostBlocks = 4096;

void PutPart(std::string* out, const StoredPart& part) {
  PutVarint(out, part.number);
  PutVarint(out, part.chunks);
}

bool GetPart(std::string_view* in, StoredPart* part) {
  std::uint64_t chunks = 0;
  if (!GetVarint(in, &part->number) || !GetVarint(in, &chunks) || chunks > UINT32_MAX) return false;
  part->chunks = static_cast<std::uint32_t>(chunks);
  return true;
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string out(1, static_cast<char>(kVersion));
  PutVarint(&out, manifest.seq);
  PutVarint(&out, manifest.items);
  PutPart(&out, manifest.head);
  PutVarint(&out, manifest.blocks.size());
  for (const StoredPart& part : manifest.blocks) PutPart(&out, part);
  return out;
}

Result<Manifest> ParseManifest(std::string_view bytes) {
  Manifest manifest;
  std::uint8_t version = 0;
  std::uint64_t blocks = 0;
  if (!GetFixed(&bytes, &version)) return Status::Corruption("columns: the manifest is empty");
  if (version != kVersion) return Status::Unsupported("columns: written by another program");
  bool good = GetVarint(&bytes, &manifest.seq) && GetVarint(&bytes, &manifest.items) &&
              GetPart(&bytes, &manifest.head) && GetVarint(&bytes, &blocks) &&
              blocks <= kMostBlocks;
  for (std::uint64_t i = 0; good && i < blocks; ++i) {
    good = GetPart(&bytes, &manifest.blocks.emplace_back());
  }
  if (!good || !bytes.empty()) return Status::Corruption("columns: the manifest is damaged");
  return manifest;
}

Status WriteHead(const View& view, SectionWriter* out) {
  Block tail;
  for (const auto& record : view.tail()) tail.Add(*record);
  tail.Finish();
  ESPY_RETURN_IF_ERROR(BlockFormat::Write(tail, out));
  for (const Part& part : view.parts()) {
    std::vector<std::uint32_t> rows(part.dead->cardinality());
    part.dead->toUint32Array(rows.data());
    std::string section;
    PutFixed(&section, static_cast<std::uint32_t>(rows.size()));
    PutPacked(&section, rows.size(), 1, [&](std::uint64_t i) { return rows[i]; });
    ESPY_RETURN_IF_ERROR(out->Put(section));
  }
  return Status::Ok();
}

Result<std::shared_ptr<Table>> ReadHead(const std::vector<std::shared_ptr<const Block>>& blocks,
                                        SectionReader* in) {
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<const Block> tail, BlockFormat::Read(in));
  std::vector<Part> parts;
  for (const std::shared_ptr<const Block>& block : blocks) {
    ESPY_ASSIGN_OR_RETURN(const std::string section, in->Next());
    std::string_view bytes = section;
    std::uint32_t count = 0;
    std::vector<std::uint32_t> rows;
    bool good = GetFixed(&bytes, &count) && TakePacked(&bytes, count, 1, &rows) && bytes.empty();
    for (std::size_t i = 0; good && i < rows.size(); ++i) {
      good = rows[i] < block->rows() && (i == 0 || rows[i] > rows[i - 1]);
    }
    if (!good) return Status::Corruption("columns: the rows that are dead are damaged");
    parts.push_back({block, std::make_shared<const Bitmap>(FromRows(rows))});
  }
  if (!in->AtEnd()) return Status::Corruption("columns: there is more than the manifest says");
  std::vector<Record> newest;
  for (std::uint32_t row = 0; row < tail->rows(); ++row) newest.push_back(tail->Restore(row));
  return std::make_shared<Table>(parts, std::move(newest));
}

}  // namespace espy::fields
