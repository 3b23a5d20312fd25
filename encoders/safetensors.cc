#include "encoders/safetensors.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/coding.h"
#include "base/status_macros.h"
#include "encoders/json.h"

namespace espy::encoders {
namespace {

// File layout (https://huggingface.co/docs/safetensors, "Format"):
//   offset  size  meaning
//   0       8     n, the header's length, unsigned little-endian
//   8       n     JSON: {"NAME": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]},
//   ...,
//                 "__metadata__": {string: string}}; may end in spaces
//   8 + n   rest  the buffer; offsets count from its start
constexpr std::size_t kPrefixBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit
constexpr std::size_t kMaxRank = 16;
constexpr JsonLimits kHeaderLimits{4, 4 * 1024 * 1024};

struct NamedDType {
  std::string_view name;
  DType dtype;
  std::size_t bytes;
};
constexpr NamedDType kDTypes[] = {
    {"F32", DType::kF32, 4},   {"F16", DType::kF16, 2}, {"BF16", DType::kBF16, 2},
    {"F64", DType::kF64, 8},   {"I64", DType::kI64, 8}, {"I32", DType::kI32, 4},
    {"I16", DType::kI16, 2},   {"I8", DType::kI8, 1},   {"U8", DType::kU8, 1},
    {"BOOL", DType::kBool, 1},
};
// Types that the format knows and no encoder here computes with.
constexpr std::string_view kOtherDTypes[] = {"U16",     "U32",     "U64",     "C64",     "F4",
                                             "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0"};

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string_view name;
};

Status Bad(const std::string& file, std::string_view tensor, const std::string& why) {
  return Status::Corruption(file + ": tensor \"" + Printable(tensor) + "\": " + why +
                            "; download the file again");
}

Result<NamedDType> ReadDType(const std::string& file, std::string_view tensor,
                             const JsonValue& entry) {
  const JsonValue* field = entry.Find("dtype");
  const std::string* text = field == nullptr ? nullptr : field->AsString();
  if (text == nullptr) return Bad(file, tensor, "its dtype is missing or not a string");
  for (const NamedDType& known : kDTypes) {
    if (known.name == *text) return known;
  }
  for (const std::string_view other : kOtherDTypes) {
    if (other == *text) {
      return Status::Unsupported(file + ": tensor \"" + Printable(tensor) + "\": dtype " + *text +
                                 " is not supported; use the F32, F16 or BF16 weights");
    }
  }
  return Bad(file, tensor, "unknown dtype \"" + Printable(*text) + "\"");
}

Result<std::vector<std::int64_t>> ReadShape(const std::string& file, std::string_view tensor,
                                            const JsonValue& entry) {
  const JsonValue* field = entry.Find("shape");
  const JsonValue::Array* items = field == nullptr ? nullptr : field->AsArray();
  if (items == nullptr) return Bad(file, tensor, "its shape is missing or not a list");
  if (items->size() > kMaxRank) {
    return Bad(file, tensor,
               "its shape has " + std::to_string(items->size()) + " dimensions, more than " +
                   std::to_string(kMaxRank));
  }
  std::vector<std::int64_t> shape;
  shape.reserve(items->size());
  for (const JsonValue& item : *items) {
    const std::int64_t* size = item.AsInteger();
    if (size == nullptr || *size < 0) {
      return Bad(file, tensor, "its shape holds something that is not a whole number from 0");
    }
    shape.push_back(*size);
  }
  return shape;
}

// Bytes of shape x dtype. A dimension of 0 makes the tensor empty, but the product of the others
// must still fit, so that no stride computed from the shape can overflow.
std::optional<std::uint64_t> BytesOf(const std::vector<std::int64_t>& shape, std::size_t item) {
  std::int64_t product = static_cast<std::int64_t>(item);
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, size, &product)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

Result<Extent> ReadExtent(const std::string& file, std::string_view tensor, const JsonValue& entry,
                          std::uint64_t buffer_bytes) {
  const JsonValue* field = entry.Find("data_offsets");
  const JsonValue::Array* items = field == nullptr ? nullptr : field->AsArray();
  if (items == nullptr || items->size() != 2) {
    return Bad(file, tensor, "its data_offsets are missing or not a pair");
  }
  const std::int64_t* begin = (*items)[0].AsInteger();
  const std::int64_t* end = (*items)[1].AsInteger();
  if (begin == nullptr || end == nullptr || *begin < 0 || *end < 0) {
    return Bad(file, tensor, "its data_offsets are not whole numbers from 0");
  }
  if (*begin > *end) return Bad(file, tensor, "its data_offsets run backwards");
  if (static_cast<std::uint64_t>(*end) > buffer_bytes) {
    return Bad(file, tensor,
               "its data_offsets end at " + std::to_string(*end) + " of " +
                   std::to_string(buffer_bytes) + " bytes");
  }
  return Extent{static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*end), tensor};
}

Status CheckMetadata(const std::string& file, const JsonValue& metadata) {
  const JsonValue::Object* members = metadata.AsObject();
  if (members == nullptr) {
    return Status::Corruption(file + ": __metadata__ is not an object; download the file again");
  }
  for (const JsonMember& member : *members) {
    if (member.value.AsString() == nullptr) {
      return Status::Corruption(file + ": __metadata__ key \"" + Printable(member.key) +
                                "\" does not hold a string; download the file again");
    }
  }
  return Status::Ok();
}

// The tensors must tile the buffer: each begins where the one before ends, the last ends with the
// file. That one rule excludes overlaps, holes and bytes that no tensor owns.
Status CheckTiling(const std::string& file, std::vector<Extent> extents,
                   std::uint64_t buffer_bytes) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.begin < covered) return Bad(file, extent.name, "its bytes overlap another tensor's");
    if (extent.begin > covered) {
      return Bad(file, extent.name,
                 "bytes " + std::to_string(covered) + " to " + std::to_string(extent.begin) +
                     " before it belong to no tensor");
    }
    covered = extent.end;
  }
  if (covered != buffer_bytes) {
    return Status::Corruption(file + ": the last " + std::to_string(buffer_bytes - covered) +
                              " bytes belong to no tensor; download the file again");
  }
  return Status::Ok();
}

Result<std::unordered_map<std::string, TensorView>> ReadTensors(std::span<const std::uint8_t> bytes,
                                                                const std::string& file) {
  if (bytes.size() < kPrefixBytes) {
    return Status::Corruption(file + ": " + std::to_string(bytes.size()) +
                              " bytes are too few for a safetensors file; download it again");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string_view cursor = text;
  std::uint64_t header_bytes = 0;
  GetFixed(&cursor, &header_bytes);
  if (header_bytes > kMaxHeaderBytes) {
    return Status::Corruption(file + ": its header claims " + std::to_string(header_bytes) +
                              " bytes, more than the format's limit of " +
                              std::to_string(kMaxHeaderBytes) + "; is it a safetensors file?");
  }
  if (header_bytes > bytes.size() - kPrefixBytes) {
    return Status::Corruption(file + ": its header claims " + std::to_string(header_bytes) +
                              " bytes, but only " + std::to_string(bytes.size() - kPrefixBytes) +
                              " follow; download the file again");
  }
  ESPY_ASSIGN_OR_RETURN(const JsonValue header, ParseJson(text.substr(kPrefixBytes, header_bytes),
                                                          file + ": header", kHeaderLimits));
  const JsonValue::Object* entries = header.AsObject();
  if (entries == nullptr) {
    return Status::Corruption(file + ": its header is not an object; download the file again");
  }
  const std::span<const std::uint8_t> buffer = bytes.subspan(kPrefixBytes + header_bytes);

  std::unordered_map<std::string, TensorView> tensors;
  std::vector<Extent> extents;
  tensors.reserve(entries->size());
  extents.reserve(entries->size());
  for (const auto& [name, entry] : *entries) {
    if (name == "__metadata__") {
      ESPY_RETURN_IF_ERROR(CheckMetadata(file, entry));
      continue;
    }
    if (entry.AsObject() == nullptr) return Bad(file, name, "its entry is not an object");
    ESPY_ASSIGN_OR_RETURN(const NamedDType dtype, ReadDType(file, name, entry));
    TensorView view;
    view.dtype = dtype.dtype;
    ESPY_ASSIGN_OR_RETURN(view.shape, ReadShape(file, name, entry));
    ESPY_ASSIGN_OR_RETURN(const Extent extent, ReadExtent(file, name, entry, buffer.size()));
    const std::optional<std::uint64_t> size = BytesOf(view.shape, dtype.bytes);
    if (!size) return Bad(file, name, "its shape overflows 64 bits");
    if (*size != extent.end - extent.begin) {
      return Bad(file, name,
                 "its shape and dtype take " + std::to_string(*size) + " bytes, its data_offsets " +
                     std::to_string(extent.end - extent.begin));
    }
    view.bytes = buffer.subspan(extent.begin, *size);
    extents.push_back(extent);
    tensors.emplace(name, std::move(view));
  }
  ESPY_RETURN_IF_ERROR(CheckTiling(file, std::move(extents), buffer.size()));
  return tensors;
}

}  // namespace

std::size_t DTypeBytes(DType dtype) {
  for (const NamedDType& known : kDTypes) {
    if (known.dtype == dtype) return known.bytes;
  }
  return 0;
}

std::int64_t TensorView::elements() const {
  return static_cast<std::int64_t>(bytes.size() / DTypeBytes(dtype));
}

Result<std::unique_ptr<Safetensors>> Safetensors::Open(const std::string& path) {
  ESPY_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  ESPY_ASSIGN_OR_RETURN(std::unique_ptr<Safetensors> parsed, Parse(file->bytes(), path));
  parsed->file_ = std::move(file);
  return parsed;
}

Result<std::unique_ptr<Safetensors>> Safetensors::Parse(std::span<const std::uint8_t> bytes,
                                                        std::string name) {
  auto parsed = std::make_unique<Safetensors>();
  ESPY_ASSIGN_OR_RETURN(parsed->tensors_, ReadTensors(bytes, name));
  parsed->path_ = std::move(name);
  return parsed;
}

std::unique_ptr<Safetensors> Safetensors::Assemble(
    std::string path, std::unordered_map<std::string, TensorView> tensors,
    std::vector<std::unique_ptr<Safetensors>> parts, std::vector<std::vector<std::uint8_t>> made) {
  auto joined = std::make_unique<Safetensors>();
  joined->path_ = std::move(path);
  joined->tensors_ = std::move(tensors);
  joined->parts_ = std::move(parts);
  joined->made_ = std::move(made);
  return joined;
}

void Safetensors::Forget() const {
  if (file_ != nullptr) file_->Forget();
  for (const auto& part : parts_) part->Forget();
}

const TensorView* Safetensors::Find(std::string_view name) const {
  const auto found = tensors_.find(std::string(name));
  return found == tensors_.end() ? nullptr : &found->second;
}

std::vector<std::string> Safetensors::Names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, view] : tensors_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace espy::encoders
