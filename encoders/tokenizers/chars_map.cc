#include "encoders/tokenizers/chars_map.h"

#include <utility>

#include "base/coding.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMostBase64 = std::size_t{8} << 20;  // published ones have 320 KB
constexpr std::size_t kWholeCluster = 6;                   // bytes; longer clusters are taken apart

int Sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// "" for what is not base64 with its padding.
std::string FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return "";
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const int pads = !last                                        ? 0
                     : text[at + 2] == '=' && text[at + 3] == '=' ? 2
                                                                  : text[at + 3] == '=';
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      const int sextet = i < 4 - pads ? Sextet(text[at + static_cast<std::size_t>(i)]) : 0;
      if (sextet < 0) return "";
      word = word << 6 | static_cast<std::uint32_t>(sextet);
    }
    for (int i = 0; i < 3 - pads; ++i) bytes.push_back(static_cast<char>(word >> (16 - 8 * i)));
  }
  return bytes;
}

// A unit of the double array.
bool HasLeaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t Value(std::uint32_t unit) { return unit & 0x7fffffff; }
std::uint32_t Label(std::uint32_t unit) { return unit & (0x80000000 | 0xff); }
std::uint32_t Offset(std::uint32_t unit) { return unit >> 10 << (unit >> 9 & 1) * 8; }

}  // namespace

Result<CharsMap> CharsMap::Parse(std::string_view base64, const std::string& where) {
  const auto wrong = [&where] {
    return Status::Corruption(where +
                              " is no character map of SentencePiece; download the file again");
  };
  if (base64.size() > kMostBase64) {
    return Status::ResourceExhausted(where + " has more than " + std::to_string(kMostBase64) +
                                     " characters");
  }
  CharsMap map;
  if (base64.empty()) return map;
  const std::string bytes = FromBase64(base64);
  std::string_view rest = bytes;
  std::uint32_t trie_bytes = 0;
  if (!GetFixed(&rest, &trie_bytes) || trie_bytes % 4 != 0 || trie_bytes > rest.size()) {
    return wrong();
  }
  map.trie_.resize(trie_bytes / 4);
  for (std::uint32_t& unit : map.trie_) GetFixed(&rest, &unit);
  map.replacements_ = rest;
  return map;
}

bool CharsMap::Find(std::string_view text, std::string_view* replacement) const {
  if (trie_.empty()) return false;
  std::uint32_t at = Offset(trie_[0]);
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    at ^= byte;
    if (byte == 0 || at >= trie_.size() || Label(trie_[at]) != byte) return false;
    const std::uint32_t unit = trie_[at];
    at ^= Offset(unit);
    if (at >= trie_.size()) return false;
    if (!HasLeaf(unit)) continue;
    const std::uint32_t start = Value(trie_[at]);
    if (start >= replacements_.size()) return false;
    const std::string_view rest = std::string_view(replacements_).substr(start);
    *replacement = rest.substr(0, rest.find('\0'));
    return true;
  }
  return false;
}

std::string CharsMap::Apply(std::string_view text) const {
  if (trie_.empty()) return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::string_view replacement;
  for (const std::string_view cluster : GraphemeClusters(text)) {
    if (cluster.size() < kWholeCluster && Find(cluster, &replacement)) {
      out += replacement;
      continue;
    }
    for (std::size_t at = 0; at < cluster.size();) {
      const std::size_t start = at;
      NextCodePoint(cluster, &at);
      const std::string_view letter = cluster.substr(start, at - start);
      out += Find(letter, &replacement) ? replacement : letter;
    }
  }
  return ValidUtf8(out);  // the map of a stranger may hold anything
}

}  // namespace espy::encoders
