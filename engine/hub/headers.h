// An HTTP answer's headers, as libcurl hands them over line by line, and what the hub says in them.
#ifndef ESPY_ENGINE_HUB_HEADERS_H_
#define ESPY_ENGINE_HUB_HEADERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace espy::hub {

// Names in any case; of several with one name the last counts. At most 200 headers and 64 KiB are
// kept: what comes beyond is dropped.
class Headers {
 public:
  // A line as it came: "Name: value\r\n". Lines without a colon are passed over.
  void AddLine(std::string_view line);
  void Set(std::string_view name, std::string_view value);
  void Clear();
  // nullptr when absent.
  const std::string* Find(std::string_view name) const;

 private:
  struct Field {
    std::string name;  // lower case
    std::string value;
  };
  std::vector<Field> fields_;
  std::size_t bytes_ = 0;
};

// "HTTP/1.1 302 Found" -> 302; nothing for another line.
std::optional<int> ParseStatusLine(std::string_view line);

// W/"abc" and "abc" -> abc. What remains is a plain name: "" when it holds anything but letters,
// digits and ._-, or begins with a dot.
std::string NormalizeEtag(std::string_view value);
// X-Linked-Etag (of what the answer redirects to), else ETag.
std::string EtagOf(const Headers& headers);
// X-Linked-Size, else Content-Length; nothing when neither is a number.
std::optional<std::uint64_t> SizeOf(const Headers& headers);

struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;  // nothing for "*"
};
// "bytes 100-199/1000".
std::optional<ContentRange> ParseContentRange(std::string_view value);

// The seconds that an answer asks to wait: Retry-After (a number, or a date compared with
// now_unix), or t= of RateLimit. Never negative.
std::optional<double> WaitAskedFor(const Headers& headers, std::int64_t now_unix);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_HEADERS_H_
