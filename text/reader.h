// A connection that reads, with all that a search needs prepared.
#ifndef ESPY_TEXT_READER_H_
#define ESPY_TEXT_READER_H_

#include <memory>

#include "text/analyzer.h"
#include "text/connection.h"
#include "text/text_index.h"
#include "text/vocabulary.h"

namespace espy::text {

// One thread at a time. Statements end before the connection does.
struct TextView::Reader {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<Analyzer> analyzer;
  TableVocabulary vocabulary;
  Statement item_of, find_item, find_fields;
  Position position;  // of the transaction that is open

  Status Prepare(const std::string& language);
  Status Begin();  // what is read from here on is the index as it stands now
  void End();
};

// Holds one of a view's readers while it is used.
class TextView::Lease {
 public:
  explicit Lease(const TextView* view);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const Status& status() const { return status_; }
  Reader* reader() { return reader_.get(); }

 private:
  const TextView* const view_;
  Status status_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace espy::text

#endif  // ESPY_TEXT_READER_H_
