// Columns as bytes: whole numbers in as few bytes each as their range needs, texts one behind the
// other, and a stream of sections that is cut into chunks.
//
//   numbers:  width (1 byte, 0 to 8) | least (8 bytes) | value - least, `width` bytes each
//   texts:    lengths as numbers | all bytes
//
// Readers take bytes that may be damaged: they allocate no more than the bytes at hand can fill, or
// eight bytes for each of `count` where the caller has established that count.
#ifndef ESPY_ENGINE_FIELDS_PACKED_H_
#define ESPY_ENGINE_FIELDS_PACKED_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::fields {

// `get(i)` for i < count. At least `least_width` bytes a number: 1 where a reader must learn from
// the bytes that the count is true.
void PutPacked(std::string* out, std::uint64_t count, int least_width,
               const std::function<std::uint64_t(std::uint64_t)>& get);

// Takes `count` numbers off `in` and calls `put(i, value)`; false when they are not there.
class PackedReader {
 public:
  static bool Take(std::string_view* in, std::uint64_t count, int least_width,
                   PackedReader* reader);
  template <class Put>
  void Each(const Put& put) const;

 private:
  std::uint64_t count_ = 0, least_ = 0;
  unsigned width_ = 0;
  std::string_view bytes_;
};

bool TakePacked(std::string_view* in, std::uint64_t count, int least_width,
                std::vector<std::uint32_t>* out);  // false as well for one beyond 32 bits

// Sections into chunks of kChunkBytes. A section is a length (8 bytes) and its bytes.
inline constexpr std::size_t kChunkBytes = 4u << 20;
class SectionWriter {
 public:
  explicit SectionWriter(std::function<Status(std::string_view)> chunk)
      : chunk_(std::move(chunk)) {}
  Status Put(std::string_view section);
  Status Finish();

 private:
  Status Append(std::string_view bytes);

  const std::function<Status(std::string_view)> chunk_;
  std::string held_;
};

// The sections of so many chunks. What is no section is Corruption.
class SectionReader {
 public:
  SectionReader(std::uint32_t chunks, std::function<Result<std::string>(std::uint32_t)> chunk)
      : chunk_(std::move(chunk)), chunks_(chunks) {}
  Result<std::string> Next();
  bool AtEnd() const { return next_ == chunks_ && at_ == held_.size(); }

 private:
  Status Read(std::uint64_t bytes, std::string* out);

  const std::function<Result<std::string>(std::uint32_t)> chunk_;
  const std::uint32_t chunks_;
  std::uint32_t next_ = 0;
  std::string held_;
  std::size_t at_ = 0;
};

template <class Put>
void PackedReader::Each(const Put& put) const {
  if (width_ == 0) {
    for (std::uint64_t i = 0; i < count_; ++i) put(i, least_);
    return;
  }
  const std::uint64_t mask = width_ == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * width_) - 1;
  const char* at = bytes_.data();
  const char* const end = at + bytes_.size();
  std::uint64_t i = 0;
  for (; i < count_ && end - at >= 8; ++i, at += width_) {  // eight bytes at once while there are
    std::uint64_t value = 0;
    __builtin_memcpy(&value, at, 8);
    put(i, (value & mask) + least_);
  }
  for (; i < count_; ++i, at += width_) {
    std::uint64_t value = 0;
    __builtin_memcpy(&value, at, width_);
    put(i, value + least_);
  }
}

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_PACKED_H_
