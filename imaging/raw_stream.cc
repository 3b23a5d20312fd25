#include "imaging/raw_stream.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace espy::imaging {

void RawStream::Count() {
  if (++calls_ > kMostCalls) throw LIBRAW_EXCEPTION_IO_CORRUPT;
}

int RawStream::read(void* to, std::size_t size, std::size_t count) {
  Count();
  if (size == 0 || count == 0) return 0;
  const std::size_t left = bytes_.size() - at_;
  const std::size_t wanted = count > left / size ? left : size * count;
  std::memcpy(to, bytes_.data() + at_, wanted);
  at_ += wanted;
  return static_cast<int>((wanted + size - 1) / size);
}

int RawStream::seek(INT64 offset, int whence) {
  Count();
  const auto size = static_cast<INT64>(bytes_.size());
  const INT64 base = whence == SEEK_CUR ? static_cast<INT64>(at_) : whence == SEEK_END ? size : 0;
  // Offsets come from the file: one beyond either end stops there, as in LibRaw's own streams.
  const INT64 target = offset > size - base ? size : offset < -base ? 0 : base + offset;
  at_ = static_cast<std::size_t>(target);
  return 0;
}

int RawStream::get_char() {
  Count();
  return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_++]) : -1;
}

char* RawStream::gets(char* to, int size) {
  Count();
  if (size < 1 || at_ >= bytes_.size()) return nullptr;
  const std::string_view left = bytes_.substr(at_, static_cast<std::size_t>(size) - 1);
  const std::size_t line = left.find('\n');
  const std::size_t length = line == std::string_view::npos ? left.size() : line + 1;
  std::memcpy(to, left.data(), length);
  to[length] = '\0';
  at_ += length;
  return to;
}

int RawStream::scanf_one(const char* format, void* value) {
  Count();
  // A number is short; LibRaw too moves on by 25 characters at most.
  constexpr std::size_t kLongest = 25;
  char text[kLongest + 1];
  const std::string_view left = bytes_.substr(at_, kLongest);
  std::memcpy(text, left.data(), left.size());
  text[left.size()] = '\0';
  const int found = std::sscanf(text, format, value);
  if (found <= 0) return found;
  std::size_t length = std::min<std::size_t>(left.size(), 1);
  while (length < left.size() && std::strchr(" \t\n", text[length]) == nullptr) ++length;
  at_ += length;
  return found;
}

}  // namespace espy::imaging
