// What to look for, and what comes back.
//
// A query is a weighted sum of terms, each a phrase, a picture file, an item of the library or a
// vector. Every term is embedded to a unit vector, multiplied by its weight, and the sum is
// normalised again; hits are ordered by the cosine of that vector with each item's.
#ifndef ESPY_QUERY_H_
#define ESPY_QUERY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espy/export.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy {

struct QueryTerm {
  enum class Kind { kText, kPicture, kItem, kVector };
  Kind kind = Kind::kText;
  std::string text;           // the phrase (UTF-8), or the picture's path
  ItemId item = kNoItem;      // for kItem
  std::vector<float> vector;  // for kVector: the space's dimension, any length other than 0
  std::string space;  // for kVector: the id of the space it is of, which must be the one searched;
                      // "": not checked
  float weight = 1.0f;  // negative: away from this
};

// Examples steer a query by Rocchio's rule (1971; Manning, Raghavan and Schuetze, 2008, ch. 9.1.1):
// with q the unit vector of the terms, the question becomes
//   q + 0.75 mean(like) - 0.5 mean(unlike), or mean(like) - 0.5 mean(unlike) without terms.
// Their weights are not looked at, and the items that they name are left out of the hits.
struct Query {
  std::vector<QueryTerm> terms;  // may be empty when `like` is not
  std::vector<QueryTerm> like;   // items, pictures or vectors
  std::vector<QueryTerm> unlike;
};

// Reads a query as people write it on a command line, one element for each argument:
//   "dog on grass"            a phrase (several phrases without + or - are joined to one)
//   ./dog.jpg + night         a picture file and a phrase. A picture is an argument that names a
//                             file that is there, or that starts with ./ ../ or /, or that has no
//                             space and ends as pictures do (dog.jpg)
//   "a" + "b" - "c"           sums and differences
//   2:snow - 0.5:car          weights
//   id:00f3...                an item of the library
// InvalidArgument when nothing is left to search for, or a weight is not a finite number.
ESPY_EXPORT Result<Query> ParseQuery(const std::vector<std::string>& arguments);

// How what the query's vector finds and what its words find become one order.
enum class Hybrid {
  kOff,
  kRrf,      // reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009, k = 60)
  kWeights,  // weighted sum of both scores, each brought to [0, 1] over the candidates
};

constexpr std::string_view HybridName(Hybrid hybrid) {
  switch (hybrid) {
    case Hybrid::kOff:
      return "off";
    case Hybrid::kRrf:
      return "rrf";
    case Hybrid::kWeights:
      return "weights";
  }
  return "";
}

// A second look at the first hits, by a model that reads the phrase while it looks at the picture.
enum class Rerank {
  kOff,
  kItm,  // BLIP's image-text matching
};

constexpr std::string_view RerankName(Rerank rerank) {
  switch (rerank) {
    case Rerank::kOff:
      return "off";
    case Rerank::kItm:
      return "itm";
  }
  return "";
}

struct SearchOptions {
  std::int64_t k = 10;         // at most this many hits; 1 to 1,000,000
  std::string where;           // a filter expression, "" for none: see docs/WHERE.md
  bool has_min_score = false;  // keep only hits whose score is at least min_score
  float min_score = 0;
  bool exclude_query_items = false;  // leave out the items that the query itself names (similar)
  std::string space;    // which space is searched: a model's name, a space's id (its first digits
                        // suffice) or number; "": the library's current one
  bool adapter = true;  // phrases go through the space's adapter, where one was trained; no hit has
                        // a probability then
  bool exact = false;   // search every vector exactly, whatever index there is

  // Leave out what is not related (not together with has_min_score). Where a policy ranks that has
  // learned when people go on, the hits end where one more is worth less than it costs
  // (docs/ranking.md). Else, for one phrase and a model with a calibrated probability, they end
  // where their expected F1 is greatest. Else they end where more than three in ten would be there
  // by chance, judged by the scores of a sample of the library. SearchResult::cut_score tells
  // where the cut was.
  bool auto_min_score = false;
  // Every item that passes min_score (or the automatic cut), by exact comparison; k is not looked
  // at. At most 1,000,000.
  bool all = false;
  std::int64_t offset = 0;  // leave out so many best; offset + k is at most 1,000,000
  // Hit::cursor of the last hit seen: go on behind it. A page neither repeats nor leaves out an
  // item that the library held all the time, whatever is added between the pages: what is new and
  // better than the place is not shown, and what is forgotten is missed by nobody. Not with offset
  // or diversity; the query and the other options must be the same.
  std::string after;
  // Of items that look the same (as Duplicates finds them: hashes within 6 bits, vectors within
  // 0.95) only the best; Hit::stands_for counts them.
  bool group_near = false;
  // 0: by score alone. To 1: each next hit is unlike those before it (maximal marginal relevance,
  // Carbonell and Goldstein, 1998), among the best 5 (offset + k), which is at most 1,000.
  float diversity = 0;
  // Words to look for in captions, tags, names and a person's own texts: docs/WORDS.md has their
  // language. With a query of no terms they are all that is asked; with terms, both are fused, by
  // rank unless `hybrid` says otherwise. When `hybrid` asks for words and there are none here, the
  // query's phrases are looked for.
  std::string text;
  Hybrid hybrid = Hybrid::kOff;
  float text_weight = 0.5f;  // of kWeights: the words' part, 0 to 1
  // Orders the first `rerank_first` hits (1 to 1,000) of a question that has a phrase by how well
  // the matching model of `captioner` (a name or a directory; "": espy-mini-caption) says that it
  // fits each picture; those whose picture cannot be read any more come last among them. A picture
  // costs the model's time the first time that it is asked about, and little while it is kept in
  // memory. Not with `all`, `after` or diversity. Hit::score stays what it was, so it no longer
  // falls along the hits; Hit::Parts::match does not either, for the order adds the model's cosine.
  // Logs the page for GiveFeedback, unless the library's ClickSettings say otherwise: pages that
  // begin with the first hit and are not reordered by `diversity`. What is logged is not synced
  // before feedback to it is.
  bool log = false;
  std::string client, session;  // who asks and in which sitting, as the caller names them
  bool by_similarity = false;   // whatever policy ranks
  Rerank rerank = Rerank::kOff;
  std::int64_t rerank_first = 20;
  std::string captioner;
};

// One hit. score is the cosine in [-1, 1] where only vectors were asked, the words' score where
// only words were, and the fused one where both were; parts has each; probability is the model's
// own calibrated chance that words and picture belong together, in [0, 1], or negative when the
// model has no calibration for this kind of query.
struct Hit {
  std::int64_t rank = 0;  // from 1
  ItemId id = kNoItem;
  float score = 0;
  float probability = -1;
  struct Parts {
    float dense = 0;  // cosine with the query vector
    float text = 0;   // the words' score (BM25); 0 where they do not match or were not asked
    float policy =
        0;  // the policy's score, which the order of the first 100 follows; 0 without one
    // Of a fused search: places, from 1, among what each found alone; 0: not among those looked at.
    std::int64_t dense_rank = 0;
    std::int64_t text_rank = 0;
    // The matching model's probability that phrase and picture belong together; negative: not
    // asked, or the picture could not be read.
    float match = -1;
  } parts;
  Record record;
  std::int64_t stands_for = 1;  // with group_near: itself and the near copies found behind it
  std::string cursor;           // for SearchOptions::after; "" with diversity
};

struct SearchTimings {  // milliseconds of this one search
  double encode_ms = 0;
  double search_ms = 0;
  double text_ms = 0;    // of search_ms: looking up words
  double rerank_ms = 0;  // of search_ms: the second look
  double records_ms = 0;
};

struct SearchResult {
  std::vector<Hit> hits;  // best first; equal scores in order of id
  std::string query_id;   // names this search for feedback
  std::int64_t searched =
      0;  // items that were candidates: alive, with a vector, passing the filter
  std::string
      plan;  // one line: how it was searched ("exact over 812 items", "hnsw 2 segments + growing")
  std::uint64_t policy = 0;  // the version that ordered the page; 0: similarity
  bool logged = false;       // feedback to it can be given
  SearchTimings timings;
  bool cut = false;     // a least score was asked for, or found
  float cut_score = 0;  // hits have at least this cosine
};

// Items that are the same or nearly the same picture, in order of the best to keep first.
struct DuplicateGroup {
  bool exact = false;           // the same bytes under several paths: one item, several paths
  std::vector<Record> records;  // one record when exact, else two or more
};

struct DuplicateOptions {
  bool near = true;           // also items whose pictures look the same
  int max_hash_distance = 6;  // bits of 64 in which the perceptual hashes may differ
  float min_cosine = 0.95f;   // and the vectors must agree at least this well
  std::string keep =
      "largest";  // which member stands first: largest (pixels), oldest, newest, shortest-path
};

}  // namespace espy

#endif  // ESPY_QUERY_H_
