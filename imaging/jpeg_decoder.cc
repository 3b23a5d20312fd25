#include "imaging/jpeg_decoder.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

// After <cstdio>, which they need.
#include <jerror.h>
#include <jpeglib.h>

#include "base/status_macros.h"
#include "imaging/color.h"
#include "imaging/image_limits.h"

namespace espy::imaging {
namespace {

// Ten scans are usual; each costs a pass over all coefficients, so that a small file of many could
// take hours.
constexpr int kMaxScans = 64;
// A profile is some kilobytes, for CMYK up to two megabytes.
constexpr std::size_t kMaxProfileBytes = 8u << 20;

// Only what libjpeg owns may live between setjmp and longjmp: objects with destructors stay outside
// of it, in the caller.
struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  StatusCode code = StatusCode::kOk;  // of what went wrong
  char message[JMSG_LENGTH_MAX] = {};
};

Decoder* Self(j_common_ptr jpeg) { return static_cast<Decoder*>(jpeg->client_data); }

[[noreturn]] void Escape(j_common_ptr jpeg, StatusCode code) {
  Decoder* self = Self(jpeg);
  self->code = code;
  std::longjmp(self->escape, 1);
}

void OnError(j_common_ptr jpeg) {
  jpeg->err->format_message(jpeg, Self(jpeg)->message);
  switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_WIDTH_OVERFLOW:
    case JERR_IMAGE_TOO_BIG:
      Escape(jpeg, StatusCode::kResourceExhausted);
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
      Escape(jpeg, StatusCode::kUnsupported);
    default:
      Escape(jpeg, StatusCode::kCorruption);
  }
}

// Levels: -1 is a warning, 0 and more a trace. Some warnings are of no consequence to the pixels.
void OnMessage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
#ifdef JWRN_BOGUS_ICC
    case JWRN_BOGUS_ICC:
#endif
      return;
    default:
      jpeg->err->format_message(jpeg, Self(jpeg)->message);
      Escape(jpeg, StatusCode::kCorruption);
  }
}

void OnScan(j_common_ptr jpeg) {
  if (jpeg->is_decompressor == FALSE) return;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMaxScans) {
    std::snprintf(Self(jpeg)->message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
    Escape(jpeg, StatusCode::kResourceExhausted);
  }
}

void InitSource(j_decompress_ptr) {}
void TermSource(j_decompress_ptr) {}

// The end of the bytes: an end-of-image marker is put there. A picture that lacks only that is
// whole; one that still waits for data warns that it met a marker too early, which OnMessage takes
// as damage.
boolean FillBuffer(j_decompress_ptr jpeg) {
  static const JOCTET kEndOfImage[2] = {0xff, JPEG_EOI};
  jpeg->src->next_input_byte = kEndOfImage;
  jpeg->src->bytes_in_buffer = sizeof(kEndOfImage);
  return TRUE;
}

void SkipBytes(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > jpeg->src->bytes_in_buffer) {
    FillBuffer(jpeg);
    return;
  }
  jpeg->src->next_input_byte += count;
  jpeg->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void Start(Decoder* decoder, std::string_view bytes) {
  jpeg_decompress_struct& jpeg = decoder->jpeg;
  jpeg_create_decompress(&jpeg);
  decoder->source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  decoder->source.bytes_in_buffer = bytes.size();
  decoder->source.init_source = InitSource;
  decoder->source.fill_input_buffer = FillBuffer;
  decoder->source.skip_input_data = SkipBytes;
  decoder->source.resync_to_restart = jpeg_resync_to_restart;
  decoder->source.term_source = TermSource;
  jpeg.src = &decoder->source;
  decoder->progress.progress_monitor = OnScan;
  jpeg.progress = &decoder->progress;
  jpeg_save_markers(&jpeg, JPEG_APP0 + 2, 0xffff);  // the ICC profile
}

// Smallest M of M/8 at which both sides are at least twice the target's.
unsigned ScaleNumerator(std::int64_t width, std::int64_t height, std::int32_t target_width,
                        std::int32_t target_height) {
  if (target_width <= 0 || target_height <= 0) return 8;
  for (unsigned m = 1; m < 8; ++m) {
    // libjpeg rounds the scaled side up.
    if ((width * m + 7) / 8 >= 2 * std::int64_t{target_width} &&
        (height * m + 7) / 8 >= 2 * std::int64_t{target_height}) {
      return m;
    }
  }
  return 8;
}

bool ReadHeader(Decoder* decoder, std::string_view bytes) {
  if (setjmp(decoder->escape) != 0) return false;
  Start(decoder, bytes);
  jpeg_read_header(&decoder->jpeg, TRUE);
  return true;
}

bool ReadProfile(Decoder* decoder, JOCTET** profile, unsigned* size) {
  if (setjmp(decoder->escape) != 0) return false;
  if (jpeg_read_icc_profile(&decoder->jpeg, profile, size) == FALSE) {
    *profile = nullptr;
    *size = 0;
  }
  return true;
}

bool StartPixels(Decoder* decoder) {
  if (setjmp(decoder->escape) != 0) return false;
  jpeg_start_decompress(&decoder->jpeg);
  return true;
}

bool ReadPixels(Decoder* decoder, std::uint8_t* out) {
  if (setjmp(decoder->escape) != 0) return false;
  jpeg_decompress_struct& jpeg = decoder->jpeg;
  const std::size_t row_bytes = static_cast<std::size_t>(jpeg.output_width) *
                                static_cast<std::size_t>(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    // As many rows a call as libjpeg makes of one row of blocks.
    JSAMPROW rows[16];
    JDIMENSION count = 0;
    for (; count < 16 && jpeg.output_scanline + count < jpeg.output_height; ++count) {
      rows[count] = out + (static_cast<std::size_t>(jpeg.output_scanline) + count) * row_bytes;
    }
    jpeg_read_scanlines(&jpeg, rows, count);
  }
  return true;
}

// Frees what libjpeg holds on every way out.
struct Closer {
  Decoder* decoder;
  ~Closer() { jpeg_destroy_decompress(&decoder->jpeg); }
};

Status Failure(const Decoder& decoder) {
  return Status(decoder.code, "the JPEG data cannot be decoded: " + std::string(decoder.message));
}

void PrepareErrors(Decoder* decoder) {
  decoder->jpeg.err = jpeg_std_error(&decoder->errors);
  decoder->errors.error_exit = OnError;
  decoder->errors.emit_message = OnMessage;
  decoder->jpeg.client_data = decoder;
}

}  // namespace

Result<JpegSize> ReadJpegSize(std::string_view bytes, const ImageLimits& limits) {
  Decoder decoder{};
  PrepareErrors(&decoder);
  const Closer closer{&decoder};
  if (!ReadHeader(&decoder, bytes)) return Failure(decoder);
  ESPY_RETURN_IF_ERROR(
      CheckDimensions(decoder.jpeg.image_width, decoder.jpeg.image_height, limits));
  return JpegSize{static_cast<std::int32_t>(decoder.jpeg.image_width),
                  static_cast<std::int32_t>(decoder.jpeg.image_height)};
}

Result<JpegPicture> DecodeJpeg(std::string_view bytes, const ImageLimits& limits,
                               std::int32_t target_width, std::int32_t target_height) {
  Decoder decoder{};
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  PrepareErrors(&decoder);
  const Closer closer{&decoder};

  if (!ReadHeader(&decoder, bytes)) return Failure(decoder);
  ESPY_RETURN_IF_ERROR(CheckDimensions(jpeg.image_width, jpeg.image_height, limits));

  JpegPicture picture;
  picture.full_width = static_cast<std::int32_t>(jpeg.image_width);
  picture.full_height = static_cast<std::int32_t>(jpeg.image_height);
  jpeg.scale_num =
      ScaleNumerator(picture.full_width, picture.full_height, target_width, target_height);
  jpeg.scale_denom = 8;

  JOCTET* profile_bytes = nullptr;
  unsigned profile_size = 0;
  if (!ReadProfile(&decoder, &profile_bytes, &profile_size)) return Failure(decoder);
  std::string profile;
  if (profile_bytes != nullptr && profile_size <= kMaxProfileBytes) {
    profile.assign(reinterpret_cast<const char*>(profile_bytes), profile_size);
  }
  std::free(profile_bytes);

  const bool cmyk = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
  const bool managed_gray = jpeg.jpeg_color_space == JCS_GRAYSCALE && !profile.empty();
  jpeg.out_color_space = cmyk ? JCS_CMYK : managed_gray ? JCS_GRAYSCALE : JCS_RGB;

  if (!StartPixels(&decoder)) return Failure(decoder);
  picture.image.width = static_cast<std::int32_t>(jpeg.output_width);
  picture.image.height = static_cast<std::int32_t>(jpeg.output_height);
  const std::size_t pixels = static_cast<std::size_t>(jpeg.output_width) * jpeg.output_height;
  try {
    std::vector<std::uint8_t> samples(pixels * static_cast<std::size_t>(jpeg.output_components));
    if (!ReadPixels(&decoder, samples.data())) return Failure(decoder);
    if (cmyk) {
      // JPEG files hold ink as 255 - amount: Adobe began it, and what came after kept to it.
      for (std::uint8_t& sample : samples) sample = static_cast<std::uint8_t>(255 - sample);
      picture.image.pixels = CmykToSrgb(samples.data(), pixels, profile);
    } else if (managed_gray) {
      picture.image.pixels = GrayToSrgb(samples.data(), pixels, profile);
    } else {
      picture.image.pixels = std::move(samples);
      RgbToSrgb(picture.image.pixels.data(), pixels, profile);
    }
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("not enough memory for the pixels of the picture");
  }
  return picture;
}

}  // namespace espy::imaging
