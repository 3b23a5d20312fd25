// Names of items and contents as people see them.
#include "base/sha256.h"
#include "espy/record.h"

namespace espy {

std::string FormatItemId(ItemId id) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, id >>= 4) text[i] = "0123456789abcdef"[id & 15];
  return text;
}

std::string_view PixelSourceName(PixelSource source) {
  switch (source) {
    case PixelSource::kPreview:
      return "preview";
    case PixelSource::kThumbnail:
      return "thumbnail";
    case PixelSource::kPicture:
      break;
  }
  return "picture";
}

Result<ItemId> ParseItemId(std::string_view text) {
  ItemId id = 0;
  bool good = text.size() == 16;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    good = good && digit >= 0;
    id = id << 4 | static_cast<ItemId>(digit & 15);
  }
  if (!good || id == kNoItem || id >> 63 != 0) {
    return Status::InvalidArgument("'" + std::string(text) +
                                   "': not an item's id; ids are 16 hexadecimal digits, as "
                                   "`espy search --json` prints them");
  }
  return id;
}

std::string FormatContentHash(const ContentHash& hash) { return ToHex(hash.data(), hash.size()); }

}  // namespace espy
