#include "encoders/tokenizers/clip_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/openclip/clean_text.h"
#include "encoders/tokenizers/token_matchers.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::string_view kEndOfWord = "</w>";
constexpr std::string_view kStart = "<|startoftext|>";
constexpr std::string_view kEnd = "<|endoftext|>";
// What open_clip's tokenizer calls the same two.
constexpr std::string_view kSimpleStart = "<start_of_text>";
constexpr std::string_view kSimpleEnd = "<end_of_text>";

// GPT-2's printable stand-in for a byte: itself where Latin-1 prints it, else the next free code
// point from 256 on.
std::array<std::string, 256> ByteLetters() {
  std::array<std::string, 256> letters;
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    AppendUtf8(prints ? static_cast<char32_t>(byte) : next++,
               &letters[static_cast<std::size_t>(byte)]);
  }
  return letters;
}

// Length of the contraction at the start of `text`: 's 't 're 've 'm 'll 'd; 0 when there is none.
// `any_case`: as a pattern without regard to case finds it, to which U+017F is an s too.
std::size_t ContractionAt(std::string_view text, bool any_case) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    const std::string_view start = text.substr(0, ending.size());
    if (start == ending || (any_case && LowerEach(start) == ending)) return ending.size();
  }
  constexpr std::string_view kLongS = "'\xC5\xBF";
  return any_case && text.starts_with(kLongS) ? kLongS.size() : 0;
}

bool IsOther(char32_t c) { return !IsSpace(c) && !IsLetter(c) && !IsNumber(c); }

// End of the run that starts at `at` and all of whose code points are `in`.
std::size_t RunEnd(std::string_view text, std::size_t at, bool (*in)(char32_t)) {
  while (at < text.size()) {
    const std::size_t start = at;
    if (!in(NextCodePoint(text, &at))) return start;
  }
  return at;
}

// Calls `word` for each word, in order, until it returns false. The pattern is CLIP's,
//   <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
// followed by GPT-2's, which cuts nothing further except the two names in angle brackets. `simple`:
// the pattern alone with open_clip's two names instead, which stay whole, and without regard to
// case.
template <class Word>
bool ForEachWord(std::string_view text, bool simple, Word word) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    std::size_t end = at;
    const char32_t c = NextCodePoint(text, &end);
    if (simple && (rest.starts_with(kSimpleStart) || rest.starts_with(kSimpleEnd))) {
      end = at + (rest.starts_with(kSimpleStart) ? kSimpleStart : kSimpleEnd).size();
      if (!word(text.substr(at, end - at))) return false;
      at = end;
      continue;
    }
    if (const std::string_view name = simple                     ? std::string_view()
                                      : rest.starts_with(kStart) ? kStart
                                      : rest.starts_with(kEnd)   ? kEnd
                                                                 : std::string_view();
        !name.empty()) {
      if (!word(name.substr(0, 2)) || !word(name.substr(2, name.size() - 4)) ||
          !word(name.substr(name.size() - 2))) {
        return false;
      }
      at += name.size();
      continue;
    }
    if (const std::size_t contraction = ContractionAt(rest, simple); contraction > 0) {
      end = at + contraction;
    } else if (IsLetter(c)) {
      end = RunEnd(text, at, IsLetter);
    } else if (!IsNumber(c)) {
      if (IsSpace(c)) {
        at = end;
        continue;
      }
      end = RunEnd(text, at, IsOther);
    }
    if (!word(text.substr(at, end - at))) return false;
    at = end;
  }
  return true;
}

// nullopt: transformers' rules; else open_clip's, with this cleaning.
using SimpleCleaning = std::optional<TextCleaning>;

std::string Normalize(std::string_view text) {
  return LowerEach(CollapseSpaces(Nfc(text), IsSpace));
}

class ClipTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Make(BpeModel model, TokenizerSettings settings,
                                                 const std::vector<AddedToken>& declared,
                                                 const std::string& where, SimpleCleaning simple);

  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override;
  std::int32_t pad_id() const override { return pad_; }
  bool pads_left() const override { return pads_left_; }
  std::int64_t vocabulary() const override { return vocabulary_; }

 private:
  void AppendWord(std::string_view word, std::vector<std::int32_t>* ids) const;
  // Both stop at `full` ids or more.
  void AppendText(std::string_view text, std::size_t full, std::vector<std::int32_t>* ids) const;
  void AppendSimpleText(std::string_view text, std::size_t full,
                        std::vector<std::int32_t>* ids) const;

  // Constant after construction.
  BpeMerges merges_;
  std::array<std::int32_t, 256> inner_{};  // id of a byte inside a word
  std::array<std::int32_t, 256> last_{};   // id of a word's last byte
  TokenMatchers matchers_;
  std::int32_t bos_ = 0, eos_ = 0, pad_ = 0;
  std::int64_t vocabulary_ = 0;
  bool pads_left_ = false;
  SimpleCleaning simple_;
};

Result<std::unique_ptr<Tokenizer>> ClipTokenizer::Make(BpeModel model, TokenizerSettings settings,
                                                       const std::vector<AddedToken>& declared,
                                                       const std::string& where,
                                                       SimpleCleaning simple) {
  const auto name = [](AddedToken* token, std::string_view otherwise) {
    if (token->content.empty()) token->content = otherwise;
  };
  name(&settings.bos, kStart);
  name(&settings.eos, kEnd);
  name(&settings.unk, kEnd);
  name(&settings.pad, kEnd);
  AddedTokenSets added = CollectAddedTokens(
      declared, {settings.bos, settings.eos, settings.unk, settings.pad}, model.vocabulary);

  auto tokenizer = std::make_unique<ClipTokenizer>();
  const auto find = [&](const AddedToken& token, const char* role, std::int32_t* id) {
    *id = FindToken(added, model.vocabulary, token.content);
    if (*id >= 0) return Status::Ok();
    return Status::InvalidArgument(where + ": the " + role + " token \"" +
                                   Printable(token.content) +
                                   "\" is not in the vocabulary; do the tokenizer's files come "
                                   "from one model?");
  };
  std::int32_t unk = 0;
  ESPY_RETURN_IF_ERROR(find(settings.bos, "start", &tokenizer->bos_));
  ESPY_RETURN_IF_ERROR(find(settings.eos, "end", &tokenizer->eos_));
  ESPY_RETURN_IF_ERROR(find(settings.pad, "padding", &tokenizer->pad_));
  ESPY_RETURN_IF_ERROR(find(settings.unk, "unknown", &unk));
  const std::array<std::string, 256> letters = ByteLetters();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto id_or_unknown = [&](const std::string& token) {
      const std::int32_t id = model.vocabulary.Find(token);
      return id >= 0 ? id : unk;
    };
    tokenizer->inner_[byte] = id_or_unknown(letters[byte]);
    tokenizer->last_[byte] = id_or_unknown(letters[byte] + std::string(kEndOfWord));
  }
  tokenizer->merges_ = std::move(model.merges);
  tokenizer->vocabulary_ = std::max(model.vocabulary.bound(), added.bound);
  tokenizer->pads_left_ = settings.pads_left.value_or(false);
  tokenizer->simple_ = simple;
  if (simple) {
    tokenizer->pad_ = 0;
    tokenizer->pads_left_ = false;
  }
  tokenizer->matchers_ = TokenMatchers(std::move(added), Normalize);
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

void ClipTokenizer::AppendWord(std::string_view word, std::vector<std::int32_t>* ids) const {
  std::vector<std::int32_t> symbols(word.size());
  for (std::size_t i = 0; i + 1 < word.size(); ++i) {
    symbols[i] = inner_[static_cast<std::uint8_t>(word[i])];
  }
  symbols.back() = last_[static_cast<std::uint8_t>(word.back())];
  merges_.Apply(&symbols);
  ids->insert(ids->end(), symbols.begin(), symbols.end());
}

void ClipTokenizer::AppendText(std::string_view text, std::size_t full,
                               std::vector<std::int32_t>* ids) const {
  matchers_.Encode(
      text, full, Normalize,
      [&](std::string_view part, bool, std::vector<std::int32_t>* to) {
        ForEachWord(part, /*simple=*/false, [&](std::string_view word) {
          AppendWord(word, to);
          return to->size() < full;
        });
      },
      ids);
}

void ClipTokenizer::AppendSimpleText(std::string_view text, std::size_t full,
                                     std::vector<std::int32_t>* ids) const {
  ForEachWord(text, /*simple=*/true, [&](std::string_view word) {
    if (word == kSimpleStart) {
      ids->push_back(bos_);
    } else if (word == kSimpleEnd) {
      ids->push_back(eos_);
    } else {
      AppendWord(word, ids);
    }
    return ids->size() < full;
  });
}

std::vector<std::int32_t> ClipTokenizer::Encode(std::string_view text, std::int64_t context) const {
  if (context < 2) return std::vector<std::int32_t>(context < 1 ? 0 : 1, eos_);
  const auto full = static_cast<std::size_t>(context) - 1;  // room for all but the end
  std::vector<std::int32_t> ids{bos_};
  const std::string valid = ValidUtf8(text);
  if (simple_) {
    AppendSimpleText(CleanForOpenClip(valid, *simple_), full, &ids);
  } else {
    AppendText(valid, full, &ids);
  }
  ids.resize(std::min(ids.size(), full));
  ids.push_back(eos_);
  return ids;
}

Result<std::unique_ptr<Tokenizer>> Load(const TokenizerDirectory& directory,
                                        SimpleCleaning simple) {
  ESPY_ASSIGN_OR_RETURN(TokenizerSettings settings, ReadTokenizerSettings(directory));
  ESPY_ASSIGN_OR_RETURN(const auto json, directory.ReadIfThere("tokenizer.json"));
  if (json) {
    const std::string where = directory.Path("tokenizer.json");
    ESPY_ASSIGN_OR_RETURN(TokenizerJson file, ParseTokenizerJson(*json, where));
    if (file.model_type != "BPE" || file.model.end_of_word_suffix != kEndOfWord) {
      return Status::Unsupported(where +
                                 ": not CLIP's byte-pair model, whose words end in </w>; this "
                                 "version reads no other for a model of type clip");
    }
    const std::vector<AddedToken>& declared =
        settings.has_added_tokens ? settings.added_tokens : file.added_tokens;
    return ClipTokenizer::Make(std::move(file.model), settings, declared, where, simple);
  }
  ESPY_ASSIGN_OR_RETURN(const auto vocabulary, directory.ReadIfThere("vocab.json"));
  ESPY_ASSIGN_OR_RETURN(const auto merges, directory.ReadIfThere("merges.txt"));
  if (!vocabulary || !merges) {
    return Status::NotFound(
        directory.path +
        ": no tokenizer; a model of type clip needs tokenizer.json, or vocab.json and merges.txt" +
        (simple ? ", which open_clip carries in itself: take them from any CLIP model of the same "
                  "vocabulary, such as openai/clip-vit-base-patch32"
                : ""));
  }
  ESPY_ASSIGN_OR_RETURN(BpeModel model,
                        ParseVocabularyAndMerges(*vocabulary, directory.Path("vocab.json"), *merges,
                                                 directory.Path("merges.txt")));
  return ClipTokenizer::Make(std::move(model), settings, settings.added_tokens,
                             directory.Path("vocab.json"), simple);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadClipTokenizer(const TokenizerDirectory& directory) {
  return Load(directory, std::nullopt);
}

Result<std::unique_ptr<Tokenizer>> LoadSimpleTokenizer(const TokenizerDirectory& directory,
                                                       TextCleaning cleaning) {
  return Load(directory, cleaning);
}

}  // namespace espy::encoders
