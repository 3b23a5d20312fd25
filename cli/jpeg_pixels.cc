#include "cli/jpeg_pixels.h"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>

namespace espy::cli {
namespace {

constexpr int kLargestSide = 1024;

struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf on_error;
};

void JumpOnError(j_common_ptr info) {
  std::longjmp(reinterpret_cast<ErrorManager*>(info->err)->on_error, 1);
}
void IgnoreMessage(j_common_ptr, int) {}

enum class Step { kDone, kBroken, kTooLarge };

// Only plain data lives in this frame: libjpeg leaves it by longjmp, which runs no destructors.
Step Decode(const unsigned char* bytes, unsigned long size, Pixels* out) {
  jpeg_decompress_struct info;
  ErrorManager errors;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = JumpOnError;
  errors.base.emit_message = IgnoreMessage;
  if (setjmp(errors.on_error) != 0) {
    jpeg_destroy_decompress(&info);
    return Step::kBroken;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, size);
  jpeg_read_header(&info, TRUE);
  if (info.image_width > kLargestSide || info.image_height > kLargestSide) {
    jpeg_destroy_decompress(&info);
    return Step::kTooLarge;
  }
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  out->width = static_cast<int>(info.output_width);
  out->height = static_cast<int>(info.output_height);
  out->rgb.assign(static_cast<std::size_t>(out->width) * out->height * 3, 0);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row =
        out->rgb.data() + static_cast<std::size_t>(info.output_scanline) * out->width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return Step::kDone;
}

}  // namespace

Result<Pixels> DecodeThumbnail(std::string_view jpeg) {
  Pixels pixels;
  const auto* bytes = reinterpret_cast<const unsigned char*>(jpeg.data());
  switch (Decode(bytes, static_cast<unsigned long>(jpeg.size()), &pixels)) {
    case Step::kDone:
      return pixels;
    case Step::kTooLarge:
      return Status::ResourceExhausted(
          "thumbnail: wider or higher than 1024 pixels; run espy verify");
    case Step::kBroken:
      break;
  }
  return Status::Corruption("thumbnail: not a whole JPEG; run espy verify");
}

}  // namespace espy::cli
