#include "engine/transfer/npy.h"

#include <charconv>
#include <limits>
#include <vector>

#include "base/coding.h"

namespace espy::transfer {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 64u << 10;
constexpr std::int64_t kMaxDimension = 65'536;  // of a space: storage/rows.h

// The header's Python dictionary, of which only what NumPy writes is understood: strings, True and
// False, and tuples of whole numbers.
class Dictionary {
 public:
  explicit Dictionary(std::string_view text) : rest_(text) {}

  bool Parse(std::string* descr, bool* fortran, std::vector<std::int64_t>* shape) {
    bool has_descr = false, has_order = false, has_shape = false;
    if (!Take('{')) return false;
    while (!Take('}')) {
      std::string key;
      if (!String(&key) || !Take(':')) return false;
      if (key == "descr" && !has_descr) {
        if (!String(descr)) return false;
        has_descr = true;
      } else if (key == "fortran_order" && !has_order) {
        if (!Bool(fortran)) return false;
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        if (!Tuple(shape)) return false;
        has_shape = true;
      } else {
        return false;
      }
      if (!Take(',') && !Peek('}')) return false;
    }
    Space();
    return rest_.empty() && has_descr && has_order && has_shape;
  }

 private:
  void Space() {
    const std::size_t text = rest_.find_first_not_of(" \n\t");
    rest_.remove_prefix(text == std::string_view::npos ? rest_.size() : text);
  }
  bool Peek(char c) {
    Space();
    return !rest_.empty() && rest_.front() == c;
  }
  bool Take(char c) {
    if (!Peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool String(std::string* text) {
    Space();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return false;
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return false;
    *text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text->find('\\') == std::string::npos;
  }
  bool Bool(bool* value) {
    Space();
    for (const std::string_view word : {"True", "False"}) {
      if (!rest_.starts_with(word)) continue;
      *value = word == "True";
      rest_.remove_prefix(word.size());
      return true;
    }
    return false;
  }
  bool Tuple(std::vector<std::int64_t>* numbers) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      Space();
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
      if (error != std::errc() || number < 0 || numbers->size() == 8) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      numbers->push_back(number);
      if (!Take(',') && !Peek(')')) return false;
    }
    return true;
  }

  std::string_view rest_;
};

Status NotNpy(const std::string& name, const std::string& why) {
  return Status::Corruption(name + ": " + why + "; write it with numpy.save");
}

Status Other(const std::string& name, const std::string& why) {
  return Status::Unsupported(name + ": " + why +
                             "; write it with numpy.save(name, numpy.ascontiguousarray(vectors, "
                             "'<f4')), one vector a row");
}

}  // namespace

Result<NpyHeader> ParseNpyHeader(std::string_view bytes, const std::string& name) {
  std::string_view rest = bytes;
  if (!rest.starts_with(kMagic) || rest.size() < kMagic.size() + 2) {
    return NotNpy(name, "is no .npy file");
  }
  rest.remove_prefix(kMagic.size());
  const auto major = static_cast<std::uint8_t>(rest[0]);
  rest.remove_prefix(2);
  if (major < 1 || major > 3) {
    return Other(name, "has version " + std::to_string(major) + " of the .npy format");
  }
  std::size_t length = 0;
  if (std::uint16_t short_length = 0; major == 1) {
    if (!GetFixed(&rest, &short_length)) return NotNpy(name, "its header is cut short");
    length = short_length;
  } else {
    std::uint32_t long_length = 0;
    if (!GetFixed(&rest, &long_length)) return NotNpy(name, "its header is cut short");
    length = long_length;
  }
  if (length > kMaxHeaderBytes || length > rest.size()) {
    return NotNpy(name, "its header is cut short or has more than 65536 bytes");
  }
  std::string descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;
  if (!Dictionary(rest.substr(0, length)).Parse(&descr, &fortran, &shape)) {
    return NotNpy(name, "its header is not one of an array");
  }
  rest.remove_prefix(length);

  NpyHeader header;
  header.data_offset = bytes.size() - rest.size();
  if (descr == "<f4") {
    header.value_bytes = 4;
  } else if (descr == "<f2") {
    header.value_bytes = 2;
  } else {
    return Other(name, "holds values of type '" + descr + "', not float32 or float16");
  }
  if (shape.size() != 2) {
    return Other(name, "has " + std::to_string(shape.size()) + " dimensions, not 2");
  }
  header.rows = shape[0];
  header.dimension = shape[1];
  if (header.dimension < 1 || header.dimension > kMaxDimension) {
    return Other(name,
                 "has rows of " + std::to_string(header.dimension) + " values, not 1 to 65536");
  }
  if (fortran && header.rows > 1 && header.dimension > 1)
    return Other(name, "is in Fortran's order");
  const auto row_bytes = static_cast<std::uint64_t>(header.dimension) * header.value_bytes;
  if (rest.size() % row_bytes != 0 ||
      rest.size() / row_bytes != static_cast<std::uint64_t>(header.rows)) {
    return NotNpy(name, "holds " + std::to_string(rest.size()) +
                            " bytes of values, and its header " + "says " +
                            std::to_string(header.rows) + " x " + std::to_string(header.dimension));
  }
  return header;
}

std::string MakeNpyHeader(std::int64_t rows, std::int64_t dimension, bool fp32) {
  std::string header(kMagic);
  header += '\1';
  header += '\0';
  PutFixed(&header, static_cast<std::uint16_t>(kNpyHeaderBytes - header.size() - 2));
  header += std::string("{'descr': '") + (fp32 ? "<f4" : "<f2") +
            "', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
            std::to_string(dimension) + "), }";
  header.resize(kNpyHeaderBytes - 1, ' ');
  return header + '\n';
}

}  // namespace espy::transfer
