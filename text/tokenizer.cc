#include "text/tokenizer.h"

#include <sqlite3.h>

#include <exception>
#include <new>

#include "base/status_macros.h"
#include "text/analyzer.h"
#include "text/fts5.h"

namespace espy::text {
namespace {

using EmitToken = int (*)(void*, int, const char*, int, int, int);

struct Tokenizer {
  Analyzer analyzer;
  TermChanges* changes;
};

// A question's tokens, as the plan wrote them.
int SplitAtSpaces(void* context, const char* text, int length, EmitToken emit) {
  for (int i = 0; i < length;) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    int end = i;
    while (end < length && text[end] != ' ') ++end;
    if (const int code = emit(context, 0, text + i, end - i, i, end); code != SQLITE_OK) {
      return code;
    }
    i = end;
  }
  return SQLITE_OK;
}

int AnalyzeDocument(Tokenizer* tokenizer, void* context, std::string_view text, EmitToken emit) {
  int code = SQLITE_OK;
  tokenizer->analyzer.Analyze(text, [&](const Token& token) {
    const auto give = [&](std::string_view form, int flags) {
      if (form.empty() || code != SQLITE_OK) return;
      code = emit(context, flags, form.data(), static_cast<int>(form.size()),
                  static_cast<int>(token.begin), static_cast<int>(token.end));
      if (tokenizer->changes != nullptr && form != kBreakToken) {
        tokenizer->changes->Count(std::string(form));
      }
    };
    give(token.word, 0);
    give(token.stem, FTS5_TOKEN_COLOCATED);
    give(token.plain_stem, FTS5_TOKEN_COLOCATED);
    return code == SQLITE_OK;
  });
  return code;
}

// SQLite is C: no exception may pass through it.
int Tokenize(Fts5Tokenizer* self, void* context, int flags, const char* text, int length,
             EmitToken emit) {
  try {
    if ((flags & FTS5_TOKENIZE_QUERY) != 0) return SplitAtSpaces(context, text, length, emit);
    return AnalyzeDocument(reinterpret_cast<Tokenizer*>(self), context,
                           {text, static_cast<std::size_t>(length)}, emit);
  } catch (const std::exception&) {
    return SQLITE_NOMEM;
  }
}

int Create(void* changes, const char** arguments, int count, Fts5Tokenizer** out) {
  try {
    auto analyzer = Analyzer::Create(count > 0 ? arguments[0] : kNoLanguage);
    if (!analyzer.ok()) return SQLITE_CORRUPT;
    *out = reinterpret_cast<Fts5Tokenizer*>(
        new Tokenizer{std::move(*analyzer), static_cast<TermChanges*>(changes)});
    return SQLITE_OK;
  } catch (const std::exception&) {
    return SQLITE_NOMEM;
  }
}

void Delete(Fts5Tokenizer* self) { delete reinterpret_cast<Tokenizer*>(self); }

}  // namespace

Result<fts5_api*> Fts5Of(Connection* connection) {
  ESPY_ASSIGN_OR_RETURN(Statement statement, connection->Prepare("SELECT fts5(?1)"));
  fts5_api* api = nullptr;
  statement.BindPointer(1, static_cast<void*>(&api), "fts5_api_ptr");
  ESPY_RETURN_IF_ERROR(statement.Step().status());
  if (api == nullptr || api->iVersion < 2) {
    return Status::Unsupported(
        "text index: this SQLite was built without FTS5; build Espy with one that has it");
  }
  return api;
}

Status RegisterTokenizer(Connection* connection, TermChanges* changes) {
  ESPY_ASSIGN_OR_RETURN(fts5_api * api, Fts5Of(connection));
  fts5_tokenizer functions = {&Create, &Delete, &Tokenize};
  const int code = api->xCreateTokenizer(api, "espy", changes, &functions, nullptr);
  return code == SQLITE_OK ? Status::Ok() : SqliteStatus(code, sqlite3_errstr(code));
}

}  // namespace espy::text
