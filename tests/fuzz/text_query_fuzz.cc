// Any bytes as a question for words, against a small index: answered or refused, and what reaches
// SQLite is never wrong SQL or a wrong expression. The same bytes as a document's text are taken.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/text_index.h"

using namespace espy;  // NOLINT: one file, one test

namespace {

std::shared_ptr<text::TextIndex> MakeIndex() {
  auto index = text::TextIndex::OpenPrivate(nullptr, "english");
  if (!index.ok()) std::abort();
  text::Batch batch;
  const char* const captions[] = {"a red car beside a house", "dogs running", "红色汽车", "été 🐕"};
  for (std::uint64_t id = 1; id <= 4; ++id) {
    text::Document document;
    document.id = id;
    text::AppendValue(captions[id - 1], &document.fields[text::kCaption]);
    batch.puts.push_back(document);
  }
  if (!(*index)->Apply(batch).ok()) std::abort();
  return *index;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<text::TextIndex> index = MakeIndex();
  const std::string_view typed(reinterpret_cast<const char*>(data), size);
  text::Batch batch;
  text::Document document;
  document.id = 5;
  text::AppendValue(typed, &document.fields[text::kTag]);
  batch.puts.push_back(document);
  if (!index->Apply(batch).ok()) std::abort();
  const auto query = text::ParseTextQuery(typed);
  if (!query.ok()) return 0;
  const auto view = index->TakeView();
  if (!view.ok()) std::abort();
  const auto matches = (*view)->Search(*query, {.k = 3});
  if (!matches.ok() || matches->best.size() > 3 || matches->found > 5) std::abort();
  return 0;
}
