#include "engine/migrate/held_picture.h"

#include "base/sha256.h"
#include "base/status_macros.h"
#include "engine/ingest/archive.h"
#include "engine/picture.h"

namespace espy::migrate {
namespace {

Status Gone(const std::string& path, const std::string& why) {
  return Status::NotFound(path + ": " + why);
}

Result<HeldPicture> FromThumbnail(storage::Store* store, const Record& record,
                                  const imaging::PreprocessSpec& spec) {
  ESPY_ASSIGN_OR_RETURN(const std::string jpeg, store->GetThumbnail(record.id));
  ESPY_ASSIGN_OR_RETURN(imaging::PictureTensor tensor,
                        ReadThumbnailTensor(jpeg, spec, {record.width, record.height}));
  return HeldPicture{std::move(tensor), true};
}

}  // namespace

Result<std::string> ReadHeldBytes(Env* env, const Record& record, const std::string& path) {
  const std::string file = ingest::FileOf(path);
  if (file.empty()) return Gone(path, "pages of the web are not fetched again");
  std::string bytes;
  if (file == path) {
    ESPY_ASSIGN_OR_RETURN(bytes, env->ReadFile(path, imaging::ImageLimits{}.max_bytes));
  } else {
    if (const auto facts = env->Stat(file); !facts.ok()) return facts.status();
    Status status = Gone(path, "the archive has no such member");
    ingest::ReadArchive(file, {}, {}, [&](ingest::Source source) {
      if (source.path != path && source.path != file) return true;
      status = source.status;
      if (source.bytes) bytes = std::move(*source.bytes);
      return false;
    });
    ESPY_RETURN_IF_ERROR(status);
  }
  if (Sha256(bytes) != record.content_hash) return Gone(path, "its bytes have changed");
  return bytes;
}

Result<HeldPicture> ReadHeldPicture(Env* env, storage::Store* store, const Record& record,
                                    const imaging::PreprocessSpec& spec,
                                    const HeldOptions& options) {
  if (options.from_thumbnails) {
    // One that has none is taken from its file.
    if (auto picture = FromThumbnail(store, record, spec); picture.ok()) return picture;
  }
  // What an ingest took by the thumbnail inside the file is taken so here.
  const bool embedded = record.pixels_from == PixelSource::kThumbnail;
  const auto decode = [&](const std::string& bytes) -> Result<HeldPicture> {
    ESPY_ASSIGN_OR_RETURN(imaging::PictureTensor tensor, ReadIngestTensor(bytes, spec, embedded));
    return HeldPicture{std::move(tensor), false};
  };
  if (options.bytes && Sha256(*options.bytes) == record.content_hash) return decode(*options.bytes);
  Status unreadable;
  for (const std::string& path : record.paths) {
    if (path == options.past) continue;
    const Result<std::string> bytes = ReadHeldBytes(env, record, path);
    if (bytes.ok()) return decode(*bytes);
    if (bytes.status().code() != StatusCode::kNotFound) unreadable = bytes.status();
  }
  ESPY_RETURN_IF_ERROR(unreadable);
  auto picture = FromThumbnail(store, record, spec);
  if (!picture.ok()) {
    return Status::NotFound("its files are gone, and it has no thumbnail that can be read: " +
                            picture.status().message());
  }
  return picture;
}

}  // namespace espy::migrate
