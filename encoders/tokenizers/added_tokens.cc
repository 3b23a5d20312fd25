#include "encoders/tokenizers/added_tokens.h"

#include <algorithm>
#include <utility>

#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

bool TouchesWord(std::string_view text, std::size_t start, std::size_t end) {
  if (start > 0) {
    std::size_t before = 0;
    if (IsWord(PreviousCodePoint(text, start, &before))) return true;
  }
  return end < text.size() && IsWord(NextCodePoint(text, &end));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, bool (*is_space)(char32_t))
    : tokens_(std::move(tokens)), nodes_(1), is_space_(is_space) {
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    if (tokens_[t].content.empty()) continue;
    std::int32_t node = 0;
    for (const char c : tokens_[t].content) {
      const auto byte = static_cast<std::uint8_t>(c);
      auto& next = nodes_[static_cast<std::size_t>(node)].next;
      auto place = std::lower_bound(next.begin(), next.end(), std::pair(byte, std::int32_t{0}));
      if (place == next.end() || place->first != byte) {
        place = next.insert(place, {byte, static_cast<std::int32_t>(nodes_.size())});
        node = place->second;
        nodes_.emplace_back();  // after the last use of `next`, which it may move
      } else {
        node = place->second;
      }
    }
    std::int32_t& token = nodes_[static_cast<std::size_t>(node)].token;
    if (token < 0) token = static_cast<std::int32_t>(t);  // of equals, the first counts
  }
}

std::int32_t AddedTokens::LongestAt(std::string_view text, std::size_t at) const {
  std::int32_t longest = -1;
  const Node* node = nodes_.data();
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const auto place =
        std::lower_bound(node->next.begin(), node->next.end(), std::pair(byte, std::int32_t{0}));
    if (place == node->next.end() || place->first != byte) break;
    node = &nodes_[static_cast<std::size_t>(place->second)];
    if (node->token >= 0) longest = node->token;
  }
  return longest;
}

std::vector<TextPiece> AddedTokens::Split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !nodes_.empty();) {
    const std::int32_t found = LongestAt(text, at);
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(found)];
    std::size_t start = at;
    std::size_t end = at + token.content.size();
    at = end;
    if (token.single_word && TouchesWord(text, start, end)) continue;
    if (token.lstrip) {
      start = done + Strip(text.substr(done, start - done), is_space_, false, true).size();
    }
    if (token.rstrip) {
      end = text.size() - Strip(text.substr(end), is_space_, true, false).size();
    }
    if (start > done) pieces.push_back({-1, text.substr(done, start - done)});
    pieces.push_back({token.id, text.substr(start, end - start)});
    done = end;
    at = std::max(at, end);
  }
  if (done < text.size()) pieces.push_back({-1, text.substr(done)});
  return pieces;
}

}  // namespace espy::encoders
