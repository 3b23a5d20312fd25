#include "engine/hub/listing.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "encoders/hub_cache.h"
#include "encoders/json.h"

namespace espy::hub {
namespace {

using encoders::JsonValue;
using encoders::Printable;

constexpr encoders::JsonLimits kLimits{.max_depth = 64, .max_values = 1 << 20};
constexpr std::size_t kMaxFileNameBytes = 255;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 42;  // 4 TB

const std::string* Text(const JsonValue* object, std::string_view key) {
  const JsonValue* value = object == nullptr ? nullptr : object->FindGiven(key);
  return value == nullptr ? nullptr : value->AsString();
}

// A name that is safe as that of a file in a folder.
bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > kMaxFileNameBytes || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

Result<RemoteFile> ReadFile(const JsonValue& entry, const std::string& file,
                            const std::string& where) {
  RemoteFile remote{.name = file};
  const JsonValue* lfs = entry.FindGiven("lfs");
  const JsonValue* size = (lfs == nullptr ? entry : *lfs).FindGiven("size");
  if (size != nullptr) {
    const std::int64_t* bytes = size->AsInteger();
    if (bytes == nullptr || *bytes < 0 || static_cast<std::uint64_t>(*bytes) > kMaxFileBytes) {
      return Status::Corruption(where + ": the size of " + Printable(file) +
                                " is no number of bytes; check HF_ENDPOINT");
    }
    remote.size = static_cast<std::uint64_t>(*bytes);
  }
  const std::string* hash = lfs == nullptr ? Text(&entry, "blobId") : Text(lfs, "sha256");
  if (hash == nullptr && lfs != nullptr) hash = Text(lfs, "oid");  // as the tree's listing has it
  if (hash != nullptr) {
    if (!IsHash(*hash) || (lfs != nullptr) != (hash->size() == 64)) {
      return Status::Corruption(where + ": the hash of " + Printable(file) +
                                " is none; check HF_ENDPOINT");
    }
    remote.hash = *hash;
  }
  return remote;
}

}  // namespace

bool IsHash(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

const RemoteFile* Listing::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      files.begin(), files.end(), name,
      [](const RemoteFile& file, std::string_view wanted) { return file.name < wanted; });
  return found == files.end() || found->name != name ? nullptr : &*found;
}

RemoteFile* Listing::Find(std::string_view name) {
  const RemoteFile* found = std::as_const(*this).Find(name);
  return found == nullptr ? nullptr : &files[static_cast<std::size_t>(found - files.data())];
}

Result<Listing> ParseListing(std::string_view json, const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const JsonValue root, encoders::ParseJson(json, name, kLimits));
  Listing listing;
  const std::string* commit = Text(&root, "sha");
  const JsonValue* siblings = root.FindGiven("siblings");
  if (commit == nullptr || !encoders::IsCommit(*commit) || siblings == nullptr ||
      siblings->AsArray() == nullptr) {
    return Status::Corruption(name + ": is no listing of a repository; check HF_ENDPOINT");
  }
  listing.commit = *commit;
  for (const JsonValue& entry : *siblings->AsArray()) {
    const std::string* file = Text(&entry, "rfilename");
    if (file == nullptr || !IsPlainName(*file)) continue;
    ESPY_ASSIGN_OR_RETURN(RemoteFile remote, ReadFile(entry, *file, name));
    listing.files.push_back(std::move(remote));
  }
  std::sort(listing.files.begin(), listing.files.end(),
            [](const RemoteFile& a, const RemoteFile& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(listing.files.begin(), listing.files.end(),
                         [](const RemoteFile& a, const RemoteFile& b) { return a.name == b.name; });
  if (twice != listing.files.end()) {
    return Status::Corruption(name + ": lists " + Printable(twice->name) +
                              " twice; check HF_ENDPOINT");
  }
  if (const std::string* licence = Text(root.FindGiven("cardData"), "license")) {
    listing.licence = Printable(*licence);
  }
  return listing;
}

}  // namespace espy::hub
