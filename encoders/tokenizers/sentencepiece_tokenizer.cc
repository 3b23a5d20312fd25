#include "encoders/tokenizers/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/tokenizers/sentencepiece_check.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";                          // U+2581
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";  // Python's

using Processor = sentencepiece::SentencePieceProcessor;

std::vector<int> Cut(const Processor& processor, std::string_view text) {
  std::vector<int> ids;
  if (!processor.Encode(text, &ids).ok()) ids.clear();  // a loaded model encodes any text
  return ids;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::unique_ptr<const Processor> processor, Cleaning cleaning)
      : processor_(std::move(processor)),
        cleaning_(cleaning),
        vocabulary_(processor_->GetPieceSize()) {}

  Status Init(const TokenizerSettings& settings, const std::string& where);

  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override;
  std::int32_t pad_id() const override { return pad_; }
  bool pads_left() const override { return pads_left_; }
  std::int64_t vocabulary() const override { return vocabulary_; }

 private:
  std::string CleanForSiglip(std::string_view text) const;
  void AppendSiglip(std::string_view text, std::vector<std::int32_t>* ids) const;
  std::vector<std::int32_t> PiecesForSiglip(std::string_view text) const;
  std::vector<std::int32_t> PiecesForSiglip2(std::string_view text) const;
  std::int32_t FindPiece(const std::string& piece) const;  // -1 when absent

  // Constant after Init.
  std::unique_ptr<const Processor> processor_;
  Cleaning cleaning_;
  std::int64_t vocabulary_;
  bool lowers_ = true;
  bool pads_left_ = false;
  std::string unk_;
  std::size_t unk_length_ = 0;  // pieces that unk_ itself is cut into
  std::int32_t mark_ = -1;      // id of the lone space mark
  std::int32_t bos_ = -1;       // -1: not added
  std::int32_t eos_ = -1;
  std::int32_t pad_ = 0;
  AddedTokens added_;
};

std::int32_t SentencePieceTokenizer::FindPiece(const std::string& piece) const {
  const int id = processor_->PieceToId(piece);
  const bool found =
      id >= 0 && id < processor_->GetPieceSize() && processor_->IdToPiece(id) == piece;
  return found ? id : -1;
}

Status SentencePieceTokenizer::Init(const TokenizerSettings& settings, const std::string& where) {
  const bool siglip = cleaning_ == Cleaning::kSiglip;
  AddedToken bos = settings.bos, eos = settings.eos, unk = settings.unk, pad = settings.pad;
  if (eos.content.empty()) eos.content = siglip ? "</s>" : "<eos>";
  if (pad.content.empty()) pad.content = siglip ? "</s>" : "<pad>";
  if (unk.content.empty()) unk.content = "<unk>";
  if (bos.content.empty() && !siglip) bos.content = "<bos>";
  unk_ = unk.content;
  unk_length_ = Cut(*processor_, unk_).size();
  mark_ = FindPiece(std::string(kSpaceMark));
  eos_ = FindPiece(eos.content);
  pad_ = FindPiece(pad.content);
  if (eos_ < 0 || pad_ < 0) {
    return Status::InvalidArgument(where + ": it has no piece \"" +
                                   Printable(eos_ < 0 ? eos.content : pad.content) +
                                   "\"; do the tokenizer's files come from one model?");
  }
  if (!siglip) {
    if (!settings.add_eos.value_or(true)) eos_ = -1;
    if (settings.add_bos.value_or(false)) bos_ = FindPiece(bos.content);
  }
  lowers_ = settings.lower_case.value_or(true);
  pads_left_ = settings.pads_left.value_or(!siglip);

  std::vector<AddedToken> tokens = settings.added_tokens;
  for (AddedToken& token : tokens) {
    if (const std::int32_t id = FindPiece(token.content); id >= 0) token.id = id;
    vocabulary_ = std::max<std::int64_t>(vocabulary_, token.id + 1);
  }
  for (AddedToken* role : {&eos, &unk, &pad, &bos}) {
    role->id = FindPiece(role->content);
    // SiglipTokenizer's own flags for a special token whose file gives none.
    if (siglip && !role->has_flags) role->lstrip = role->rstrip = true;
    if (role->id >= 0) tokens.push_back(*role);
  }
  added_ = AddedTokens(std::move(tokens), siglip ? IsPythonSpace : IsSpace);
  return Status::Ok();
}

std::string SentencePieceTokenizer::CleanForSiglip(std::string_view text) const {
  std::string kept;
  for (const char c : lowers_ ? LowerText(text) : std::string(text)) {
    if (kPunctuation.find(c) == std::string_view::npos) kept += c;
  }
  const std::string collapsed = CollapseSpaces(kept, IsPythonSpace);
  return std::string(Strip(collapsed, IsPythonSpace));
}

// The library drops a space mark at the start of what it cuts. As transformers does, the text goes
// in behind the name of the unknown token, whose pieces are then taken off.
void SentencePieceTokenizer::AppendSiglip(std::string_view text,
                                          std::vector<std::int32_t>* ids) const {
  const std::vector<int> pieces = Cut(*processor_, unk_ + CleanForSiglip(text));
  const std::size_t skipped = pieces.size() >= unk_length_ ? unk_length_ : 0;
  ids->insert(ids->end(), pieces.begin() + static_cast<std::ptrdiff_t>(skipped), pieces.end());
}

std::vector<std::int32_t> SentencePieceTokenizer::PiecesForSiglip(std::string_view text) const {
  std::string marked(kSpaceMark);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = std::min(text.find(kSpaceMark, at), text.size());
    marked += text.substr(at, mark - at);
    if (mark < text.size()) marked += ' ';
    at = mark + kSpaceMark.size();
  }
  std::vector<std::int32_t> ids;
  bool mark_before_token = false;
  for (const TextPiece& piece : added_.Split(marked)) {
    if (piece.id < 0) {
      AppendSiglip(piece.text, &ids);
      continue;
    }
    mark_before_token = mark_before_token || (ids.size() == 1 && ids[0] == mark_);
    ids.push_back(piece.id);
  }
  if (mark_before_token) ids.erase(ids.begin());
  return ids;
}

std::vector<std::int32_t> SentencePieceTokenizer::PiecesForSiglip2(std::string_view text) const {
  std::vector<std::int32_t> ids;
  for (const TextPiece& piece : added_.Split(text)) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
      continue;
    }
    const std::vector<int> pieces =
        Cut(*processor_, lowers_ ? LowerEach(piece.text) : std::string(piece.text));
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }
  return ids;
}

std::vector<std::int32_t> SentencePieceTokenizer::Encode(std::string_view text,
                                                         std::int64_t context) const {
  if (context < 1) return {};
  const std::string valid = ValidUtf8(text);
  const bool siglip = cleaning_ == Cleaning::kSiglip;
  std::vector<std::int32_t> ids = siglip ? PiecesForSiglip(valid) : PiecesForSiglip2(valid);
  if (bos_ >= 0) ids.insert(ids.begin(), bos_);
  const auto most = static_cast<std::size_t>(context);
  ids.resize(std::min(ids.size(), eos_ >= 0 ? most - 1 : most));
  // SiglipTokenizer does not end a text twice that ends in the end token itself.
  const bool ended = siglip && !ids.empty() && ids.back() == eos_;
  if (eos_ >= 0 && !ended) ids.push_back(eos_);
  return ids;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(std::string_view model,
                                                              const TokenizerSettings& settings,
                                                              Cleaning cleaning,
                                                              const std::string& where) {
  ESPY_RETURN_IF_ERROR(CheckSentencePieceModel(model, where));
  auto processor = std::make_unique<Processor>();
  std::string why;
  try {
    const auto loaded = processor->LoadFromSerializedProto(model);
    if (!loaded.ok()) why = Printable(loaded.ToString());
  } catch (const std::exception& error) {
    why = Printable(error.what());
  }
  if (!why.empty()) {
    return Status::Corruption(where + ": SentencePiece does not take it (" + why +
                              "); download the file again");
  }
  auto tokenizer = std::make_unique<SentencePieceTokenizer>(std::move(processor), cleaning);
  ESPY_RETURN_IF_ERROR(tokenizer->Init(settings, where));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace espy::encoders
