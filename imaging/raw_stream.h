// The bytes of a raw file as LibRaw reads them: never beyond their end, and not for ever.
//
// LibRaw's own stream over a buffer scans text past the buffer's end. And its parsers believe
// counts in the file: 3 KB of a Phase One header kept its 0.20 busy for a minute. Each call here is
// counted, and one too many ends the reading as damage.
#ifndef ESPY_IMAGING_RAW_STREAM_H_
#define ESPY_IMAGING_RAW_STREAM_H_

#include <libraw/libraw.h>

#include <cstdint>
#include <string_view>

namespace espy::imaging {

class RawStream : public LibRaw_abstract_datastream {
 public:
  // Enough for the largest headers many times over; some tens of milliseconds.
  static constexpr std::int64_t kMostCalls = 1'000'000;

  explicit RawStream(std::string_view bytes) : bytes_(bytes) {}

  int valid() override { return 1; }
  int read(void* to, std::size_t size, std::size_t count) override;
  int seek(INT64 offset, int whence) override;
  INT64 tell() override { return static_cast<INT64>(at_); }
  INT64 size() override { return static_cast<INT64>(bytes_.size()); }
  int get_char() override;
  char* gets(char* to, int size) override;
  int scanf_one(const char* format, void* value) override;
  int eof() override { return at_ >= bytes_.size() ? 1 : 0; }
  void* make_jas_stream() override { return nullptr; }

 private:
  void Count();  // throws LibRaw's own exception, which its functions catch

  const std::string_view bytes_;
  std::size_t at_ = 0;  // at most the size
  std::int64_t calls_ = 0;
};

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RAW_STREAM_H_
