#include "engine/ingest/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

#include "imaging/decode.h"

namespace espy::ingest {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16;

struct ArchiveCloser {
  void operator()(struct archive* a) const { archive_read_free(a); }
};

Source Failed(std::string path, const FileFacts& facts, Status status) {
  Source source;
  source.path = std::move(path);
  source.facts = facts;
  source.status = std::move(status);
  return source;
}

Status DamagedArchive(const std::string& path, struct archive* a) {
  const char* why = archive_error_string(a);
  return Status::Corruption(path + ": damaged archive: " + (why != nullptr ? why : "unreadable") +
                            "; make it again, members before the damage were taken");
}

// The member's bytes; the size in its header is not trusted for allocation.
Result<std::string> ReadMember(const std::string& name, struct archive* a, std::uint64_t limit) {
  std::string bytes;
  for (;;) {
    const std::size_t filled = bytes.size();
    if (filled > limit) {
      return Status::ResourceExhausted(name + ": more than the limit of " + std::to_string(limit) +
                                       " bytes");
    }
    bytes.resize(filled + kBlockBytes);
    const la_ssize_t n = archive_read_data(a, bytes.data() + filled, kBlockBytes);
    if (n < 0) return DamagedArchive(name, a);
    bytes.resize(filled + static_cast<std::size_t>(n));
    if (n == 0) return bytes;
  }
}

}  // namespace

bool IsArchiveName(std::string_view path) {
  std::string lower(path.substr(path.find_last_of('/') + 1));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  for (const char* suffix : {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2"}) {
    if (lower.ends_with(suffix)) return true;
  }
  return false;
}

bool ReadArchive(const std::string& path, const FileFacts& facts, const std::stop_token& stop,
                 const SourceFn& emit) {
  const std::unique_ptr<struct archive, ArchiveCloser> a(archive_read_new());
  if (!a) return emit(Failed(path, facts, Status::ResourceExhausted(path + ": out of memory")));
  archive_read_support_filter_all(a.get());
  archive_read_support_format_tar(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return emit(Failed(path, facts, DamagedArchive(path, a.get())));
  }
  for (;;) {
    if (stop.stop_requested()) return false;
    archive_entry* entry = nullptr;
    const int outcome = archive_read_next_header(a.get(), &entry);
    if (outcome == ARCHIVE_EOF) return true;
    if (outcome != ARCHIVE_OK && outcome != ARCHIVE_WARN) {
      return emit(Failed(path, facts, DamagedArchive(path, a.get())));
    }
    const char* raw_name = archive_entry_pathname(entry);
    if (raw_name == nullptr || archive_entry_filetype(entry) != AE_IFREG) continue;
    const std::string name(raw_name);
    if (!imaging::HasPictureExtension(name)) continue;
    Source source;
    source.path = path + "!/" + name;
    source.facts = facts;
    auto bytes = ReadMember(source.path, a.get(), imaging::ImageLimits{}.max_bytes);
    if (bytes.ok()) {
      source.bytes = std::move(*bytes);
    } else {
      source.status = bytes.status();
    }
    if (!emit(std::move(source))) return false;
  }
}

}  // namespace espy::ingest
