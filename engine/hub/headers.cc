#include "engine/hub/headers.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace espy::hub {
namespace {

constexpr std::size_t kMostFields = 200;
constexpr std::size_t kMostBytes = 64 << 10;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kBlank);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kBlank) + 1 - start);
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

}  // namespace

void Headers::AddLine(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return;
  Set(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
}

void Headers::Set(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size();
  if (fields_.size() >= kMostFields || bytes_ + size > kMostBytes) return;
  bytes_ += size;
  fields_.push_back({Lower(name), std::string(value)});
}

void Headers::Clear() {
  fields_.clear();
  bytes_ = 0;
}

const std::string* Headers::Find(std::string_view name) const {
  const std::string lower = Lower(name);
  const auto found = std::find_if(fields_.rbegin(), fields_.rend(),
                                  [&lower](const Field& field) { return field.name == lower; });
  return found == fields_.rend() ? nullptr : &found->value;
}

std::optional<int> ParseStatusLine(std::string_view line) {
  if (!line.starts_with("HTTP/")) return {};
  const std::size_t space = line.find(' ');
  if (space == line.npos) return {};
  const std::optional<std::uint64_t> code = ParseNumber(Trim(line.substr(space + 1, 3)));
  if (!code || *code < 100 || *code > 999) return {};
  return static_cast<int>(*code);
}

std::string NormalizeEtag(std::string_view value) {
  value = Trim(value);
  if (value.starts_with("W/")) value.remove_prefix(2);
  while (value.starts_with('"')) value.remove_prefix(1);
  while (value.ends_with('"')) value.remove_suffix(1);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (!plain || value.size() > 128 || value.starts_with('.')) return "";
  return std::string(value);
}

std::string EtagOf(const Headers& headers) {
  for (const char* name : {"X-Linked-Etag", "ETag"}) {
    if (const std::string* value = headers.Find(name)) return NormalizeEtag(*value);
  }
  return "";
}

std::optional<std::uint64_t> SizeOf(const Headers& headers) {
  for (const char* name : {"X-Linked-Size", "Content-Length"}) {
    if (const std::string* value = headers.Find(name)) return ParseNumber(*value);
  }
  return {};
}

std::optional<ContentRange> ParseContentRange(std::string_view value) {
  constexpr std::string_view kUnit = "bytes ";
  if (!value.starts_with(kUnit)) return {};
  value.remove_prefix(kUnit.size());
  const std::size_t dash = value.find('-');
  const std::size_t slash = value.find('/');
  if (dash == value.npos || slash == value.npos || slash < dash) return {};
  const std::optional<std::uint64_t> first = ParseNumber(Trim(value.substr(0, dash)));
  const std::string_view total = Trim(value.substr(slash + 1));
  if (!first) return {};
  ContentRange range{.first = *first, .total = ParseNumber(total)};
  if (!range.total && total != "*") return {};
  return range;
}

std::optional<double> WaitAskedFor(const Headers& headers, std::int64_t now_unix) {
  if (const std::string* value = headers.Find("Retry-After")) {
    if (const auto seconds = ParseNumber(*value)) return static_cast<double>(*seconds);
    const std::time_t date = ::curl_getdate(value->c_str(), nullptr);
    if (date >= 0) return static_cast<double>(std::max<std::int64_t>(date - now_unix, 0));
  }
  if (const std::string* value = headers.Find("RateLimit")) {  // "api";r=0;t=55
    const std::size_t t = value->find("t=");
    if (t != std::string::npos && (t == 0 || (*value)[t - 1] == ';')) {
      const std::size_t end = std::min(value->find(';', t), value->size());
      if (const auto seconds = ParseNumber(std::string_view(*value).substr(t + 2, end - t - 2))) {
        return static_cast<double>(*seconds);
      }
    }
  }
  return {};
}

}  // namespace espy::hub
