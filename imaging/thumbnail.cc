#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

// After <cstdio>, which it needs.
#include <jpeglib.h>

#include "imaging/facts.h"
#include "imaging/resize.h"

namespace espy::imaging {
namespace {

constexpr int kQuality = 85;

struct Encoder {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = {};
  unsigned char* data = nullptr;  // malloc'ed by libjpeg
  unsigned long size = 0;
};

void OnError(j_common_ptr jpeg) {
  auto* self = static_cast<Encoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, self->message);
  std::longjmp(self->escape, 1);
}

void OnMessage(j_common_ptr, int) {}

bool Compress(Encoder* encoder, const Image& image) {
  if (setjmp(encoder->escape) != 0) return false;
  jpeg_compress_struct& jpeg = encoder->jpeg;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &encoder->data, &encoder->size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, kQuality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data()) +
                static_cast<std::size_t>(jpeg.next_scanline) * image.width * 3;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  return true;
}

}  // namespace

Result<std::string> MakeThumbnail(const Image& image, std::int32_t side) {
  if (image.width <= 0 || image.height <= 0 || side <= 0) {
    return Status::InvalidArgument("a thumbnail needs a picture and a side of at least one pixel");
  }
  // Never larger than the picture; the shorter side keeps the aspect and at least one pixel.
  const std::int64_t longest = std::max(image.width, image.height);
  const std::int64_t wanted = std::min<std::int64_t>(side, longest);
  const auto scaled = [&](std::int64_t length) {
    return static_cast<std::int32_t>(
        std::max<std::int64_t>((length * wanted + longest / 2) / longest, 1));
  };
  const Image small = Resize(image, scaled(image.width), scaled(image.height), Filter::kBilinear);

  Encoder encoder{};
  encoder.jpeg.err = jpeg_std_error(&encoder.errors);
  encoder.errors.error_exit = OnError;
  encoder.errors.emit_message = OnMessage;
  encoder.jpeg.client_data = &encoder;
  const bool done = Compress(&encoder, small);
  std::string bytes;
  if (done) bytes.assign(reinterpret_cast<const char*>(encoder.data), encoder.size);
  jpeg_destroy_compress(&encoder.jpeg);
  std::free(encoder.data);
  if (!done) return Status::InvalidArgument("no thumbnail: " + std::string(encoder.message));
  return bytes;
}

}  // namespace espy::imaging
