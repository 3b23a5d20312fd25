// The tokens that there are and the number of documents that hold each.
#ifndef ESPY_TEXT_VOCABULARY_H_
#define ESPY_TEXT_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "text/connection.h"

namespace espy::text {

struct NearWord {
  std::string word;
  int edits = 0;
  std::uint64_t documents = 0;
};

// What a plan asks of the vocabulary. One thread at a time.
class Vocabulary {
 public:
  virtual ~Vocabulary() = default;
  virtual std::uint64_t total_documents() const = 0;
  virtual Result<std::uint64_t> Documents(std::string_view token) = 0;  // 0: no document
  // At least as many as hold a word that begins so, and at most all: words are counted apart.
  virtual Result<std::uint64_t> DocumentsOfPrefix(std::string_view prefix) = 0;
  // Words of letters at most `edits` slips away whose first character is the word's first or
  // second, nearest first, then those in most documents, then by bytes; at most `limit`.
  virtual Result<std::vector<NearWord>> Near(std::string_view word, int edits,
                                             std::size_t limit) = 0;
};

// The table `terms` of an index.
class TableVocabulary final : public Vocabulary {
 public:
  static Result<TableVocabulary> Open(Connection* connection);
  void set_total_documents(std::uint64_t documents) { total_documents_ = documents; }

  std::uint64_t total_documents() const override { return total_documents_; }
  Result<std::uint64_t> Documents(std::string_view token) override;
  Result<std::uint64_t> DocumentsOfPrefix(std::string_view prefix) override;
  Result<std::vector<NearWord>> Near(std::string_view word, int edits, std::size_t limit) override;

 private:
  Status NearFrom(std::string_view first, std::string_view word, int edits,
                  std::vector<NearWord>* near);

  std::uint64_t total_documents_ = 0;
  Statement find_, range_;
};

}  // namespace espy::text

#endif  // ESPY_TEXT_VOCABULARY_H_
