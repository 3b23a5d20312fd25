#include "encoders/tokenizers/unigram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/tokenizer_files.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMostPieceBytes = 1024;
constexpr double kUnknownPenalty = 10.0;  // as in SentencePiece

struct Step {
  double score = 0;
  std::size_t start = 0;
  std::int32_t id = -1;  // -1: not reached yet
};

}  // namespace

Result<UnigramModel> UnigramModel::Parse(const JsonValue& value, const std::string& where) {
  JsonFields fields(&value, where);
  const JsonValue* list = fields.Raw("vocab");
  const JsonValue::Array* entries = list == nullptr ? nullptr : list->AsArray();
  if (entries == nullptr || entries->empty() ||
      entries->size() > static_cast<std::size_t>(Vocabulary::kMaxIds)) {
    return Status::InvalidArgument(where + ": vocab is not a list of 1 to " +
                                   std::to_string(Vocabulary::kMaxIds) + " pieces");
  }
  UnigramModel model;
  double least = 0;
  for (const JsonValue& entry : *entries) {
    const JsonValue::Array* pair = entry.AsArray();
    const std::string* piece =
        pair == nullptr || pair->size() != 2 ? nullptr : (*pair)[0].AsString();
    const bool scored = piece != nullptr && (*pair)[1].is_number();
    const double score = scored ? (*pair)[1].AsNumber() : 0;
    if (!scored || piece->empty() || piece->size() > kMostPieceBytes ||
        !(std::fabs(score) <= 1e6)) {
      return Status::InvalidArgument(where + ": vocab: entry " +
                                     std::to_string(model.scores_.size()) +
                                     " is not a piece of text and its score");
    }
    const std::int32_t id = model.size();
    least = id == 0 ? score : std::min(least, score);
    model.scores_.push_back(score);
    model.ids_[*piece] = id;  // of two that are equal the last counts
    model.AddToTrie(*piece, id);
  }
  if (!fields.Has("unk_id")) {
    return Status::Unsupported(where + ": unk_id is missing; texts with unknown letters need it");
  }
  model.unknown_ = static_cast<std::int32_t>(fields.Integer("unk_id", 0, 0, model.size() - 1));
  model.unknown_score_ = least - kUnknownPenalty;
  model.has_bytes_ = fields.Flag("byte_fallback", false);
  ESPY_RETURN_IF_ERROR(fields.status());
  for (int byte = 0; byte < 256; ++byte) {
    char name[16];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    const auto found = model.ids_.find(name);
    model.bytes_[static_cast<std::size_t>(byte)] = found == model.ids_.end() ? -1 : found->second;
  }
  return model;
}

std::int32_t UnigramModel::Child(std::int32_t node, std::uint8_t byte) const {
  std::int32_t child = nodes_[static_cast<std::size_t>(node)].first_child;
  while (child >= 0 && nodes_[static_cast<std::size_t>(child)].byte != byte) {
    child = nodes_[static_cast<std::size_t>(child)].next;
  }
  return child;
}

void UnigramModel::AddToTrie(std::string_view piece, std::int32_t id) {
  std::int32_t node = 0;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(piece[i]);
    std::int32_t child = i == 0 ? roots_[byte] - 1 : Child(node, byte);
    if (child < 0) {
      child = static_cast<std::int32_t>(nodes_.size());
      Node made;
      made.byte = byte;
      if (i == 0) {
        roots_[byte] = child + 1;  // 0: none
      } else {
        made.next = nodes_[static_cast<std::size_t>(node)].first_child;
        nodes_[static_cast<std::size_t>(node)].first_child = child;
      }
      nodes_.push_back(made);
    }
    node = child;
  }
  nodes_[static_cast<std::size_t>(node)].id = id;
}

void UnigramModel::AppendPiece(std::string_view piece, std::vector<std::int32_t>* ids) const {
  const auto found = ids_.find(std::string(piece));
  if (found != ids_.end()) {
    ids->push_back(found->second);
    return;
  }
  const auto id_of = [this](char c) { return bytes_[static_cast<std::uint8_t>(c)]; };
  const bool in_bytes =
      has_bytes_ && std::all_of(piece.begin(), piece.end(), [&](char c) { return id_of(c) >= 0; });
  if (!in_bytes) {
    ids->push_back(unknown_);
    return;
  }
  for (const char c : piece) ids->push_back(id_of(c));
}

void UnigramModel::Append(std::string_view text, std::vector<std::int32_t>* ids) const {
  std::vector<Step> best(text.size() + 1);
  const auto offer = [&best](std::size_t start, std::size_t end, double score, std::int32_t id) {
    Step& step = best[end];
    if (step.id < 0 || score > step.score) step = {score, start, id};
  };
  for (std::size_t start = 0; start < text.size();) {
    const double until_here = best[start].score;
    std::size_t letter_end = start;
    NextCodePoint(text, &letter_end);
    bool has_letter = false;
    std::int32_t node = roots_[static_cast<std::uint8_t>(text[start])] - 1;
    for (std::size_t end = start + 1; node >= 0; ++end) {
      const std::int32_t id = nodes_[static_cast<std::size_t>(node)].id;
      if (id >= 0) {
        offer(start, end, until_here + scores_[static_cast<std::size_t>(id)], id);
        has_letter = has_letter || end == letter_end;
      }
      if (end == text.size()) break;
      node = Child(node, static_cast<std::uint8_t>(text[end]));
    }
    if (!has_letter) offer(start, letter_end, until_here + unknown_score_, unknown_);
    start = letter_end;
  }
  // Backwards, with each run of unknowns as one piece.
  std::vector<std::string_view> pieces;
  for (std::size_t end = text.size(); end > 0;) {
    std::size_t start = best[end].start;
    while (best[end].id == unknown_ && start > 0 && best[start].id == unknown_) {
      start = best[start].start;
    }
    pieces.push_back(text.substr(start, end - start));
    end = start;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) AppendPiece(*piece, ids);
}

}  // namespace espy::encoders
