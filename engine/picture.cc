#include "engine/picture.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "imaging/decode.h"
#include "imaging/facts.h"

namespace espy {
namespace {

// A thumbnail's longest side is 256 pixels: the decoded picture keeps at least that, whatever a
// small model asks for.
constexpr std::int32_t kThumbnailTarget = 128;

// What the model is to see of it, before it is fitted.
imaging::Size Wanted(const imaging::PreprocessSpec& spec) {
  const bool crop = spec.fit == imaging::PreprocessSpec::Fit::kShortestEdgeCrop;
  return {crop ? spec.resize_shortest : spec.width, crop ? spec.resize_shortest : spec.height};
}

imaging::DecodeOptions OptionsFor(const imaging::PreprocessSpec& spec, std::int32_t least) {
  const imaging::Size wanted = Wanted(spec);
  imaging::DecodeOptions options;
  options.target_width = std::max(least, wanted.width);
  options.target_height = std::max(least, wanted.height);
  options.least_width = wanted.width;
  options.least_height = wanted.height;
  return options;
}

imaging::DecodeOptions IngestOptionsFor(const imaging::PreprocessSpec& spec,
                                        bool embedded_thumbnails) {
  imaging::DecodeOptions options = OptionsFor(spec, kThumbnailTarget);
  options.embedded_thumbnails = embedded_thumbnails;
  return options;
}

bool DecodesAlike(const imaging::DecodeOptions& a, const imaging::DecodeOptions& b) {
  return a.target_width == b.target_width && a.target_height == b.target_height &&
         a.least_width == b.least_width && a.least_height == b.least_height;
}

imaging::PictureTensor TensorOf(const imaging::Decoded& decoded,
                                const imaging::PreprocessSpec& spec) {
  return imaging::Preprocess(decoded.image, spec, {decoded.full_width, decoded.full_height});
}

}  // namespace

Result<Picture> ReadPicture(std::string_view bytes, const ContentHash& hash,
                            const imaging::PreprocessSpec& spec, bool embedded_thumbnails,
                            bool keep_pixels, std::span<const imaging::PreprocessSpec> others) {
  const imaging::DecodeOptions options = IngestOptionsFor(spec, embedded_thumbnails);
  ESPY_ASSIGN_OR_RETURN(imaging::Decoded decoded, imaging::Decode(bytes, options));
  Picture picture;
  picture.full = {decoded.full_width, decoded.full_height};
  if (!keep_pixels) picture.tensor = TensorOf(decoded, spec);
  ESPY_ASSIGN_OR_RETURN(picture.thumbnail, imaging::MakeThumbnail(decoded.image));
  Record& record = picture.record;
  record.content_hash = hash;
  record.format = imaging::FormatName(decoded.format);
  record.file_bytes = bytes.size();
  record.width = decoded.full_width;
  record.height = decoded.full_height;
  record.pixels_from = decoded.source;
  record.perceptual_hash = imaging::PerceptualHash(decoded.image);
  imaging::ExifFacts exif = imaging::ReadExif(bytes);
  record.taken_unix = exif.taken_unix;
  record.camera = std::move(exif.camera);
  record.place = exif.place;
  for (const imaging::PreprocessSpec& other : others) {
    if (DecodesAlike(options, IngestOptionsFor(other, embedded_thumbnails))) {
      picture.others.push_back(TensorOf(decoded, other));
      continue;
    }
    auto tensor = ReadIngestTensor(bytes, other, embedded_thumbnails);
    picture.others.push_back(tensor.ok() ? std::move(*tensor) : imaging::PictureTensor{});
  }
  if (keep_pixels) picture.pixels = std::move(decoded.image);
  return picture;
}

Result<imaging::PictureTensor> ReadIngestTensor(std::string_view bytes,
                                                const imaging::PreprocessSpec& spec,
                                                bool embedded_thumbnails) {
  ESPY_ASSIGN_OR_RETURN(const imaging::Decoded decoded,
                        imaging::Decode(bytes, IngestOptionsFor(spec, embedded_thumbnails)));
  return TensorOf(decoded, spec);
}

Result<imaging::PictureTensor> ReadThumbnailTensor(std::string_view jpeg,
                                                   const imaging::PreprocessSpec& spec,
                                                   imaging::Size full) {
  ESPY_ASSIGN_OR_RETURN(const imaging::Decoded decoded, imaging::Decode(jpeg, OptionsFor(spec, 1)));
  return imaging::Preprocess(decoded.image, spec, full);
}

Result<imaging::PictureTensor> ReadTensor(std::string_view bytes,
                                          const imaging::PreprocessSpec& spec) {
  ESPY_ASSIGN_OR_RETURN(const imaging::Decoded decoded,
                        imaging::Decode(bytes, OptionsFor(spec, 1)));
  return TensorOf(decoded, spec);
}

}  // namespace espy
