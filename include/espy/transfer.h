// Vectors and records that enter a library without their pictures, and leave it for other programs.
//
//   std::vector<espy::ImportItem> items(1000);
//   items[0].vector = row;                     // 512 floats, say
//   items[0].record.paths = {"/photos/a.jpg"};
//   auto report = library->Import(items, {.space = "my-model", .dimension = 512});
#ifndef ESPY_TRANSFER_H_
#define ESPY_TRANSFER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "espy/record.h"
#include "espy/status.h"

namespace espy {

// One vector with what is known of it. The picture itself is not needed.
struct ImportItem {
  // One of the two, of the space's dimension: FP32, or IEEE half precision as bits. Any length but
  // zero; it is divided by its length. A vector that has length 1 already and whose values are
  // half-precision numbers is kept bit for bit, in a space that keeps FP32 any of length 1.
  std::span<const float> vector;
  std::span<const std::uint16_t> half;
  // id and seq are given by the library. A content hash of zeros is replaced by the SHA-256 of the
  // stored vector's bytes (half precision, little-endian) followed by those of the first path.
  // added_unix of 0 becomes now. Paths need not lead to a file; a path names one item, and moves to
  // the one that is imported later.
  Record record;
};

struct ImportOptions {
  // For a library that has no space yet: whose vectors these are. The name of a model that is
  // installed makes its space, so that the library can be asked in words; any other name is a model
  // known elsewhere: then vectors and items can be searched for, and words cannot. When the library
  // has its space already, these are compared with it. "" and 0: whatever the library's is.
  std::string space;
  std::int64_t dimension = 0;
};

struct ImportFailure {
  std::string where;  // "FILE:LINE", "FILE: row N"
  Status status;
};

struct ImportReport {
  std::uint64_t found = 0;
  std::uint64_t added = 0;
  std::uint64_t updated = 0;    // held before, and now with another vector, path, word or field
  std::uint64_t unchanged = 0;  // held before, just so
  std::uint64_t replaced = 0;   // paths that led to another item
  std::uint64_t failed = 0;     // of files only: a bad item of a batch fails the batch
  bool cancelled = false;       // what was done is kept
  double seconds = 0;
  std::vector<ImportFailure> failures;  // the first 1,000
  std::vector<std::string>
      ignored_keys;  // of JSON lines: keys that mean nothing here; the first 20
};

struct ImportFilesOptions {
  // .jsonl: an object a line with the keys of `espy export`; the vector is "vector" (an array of
  // numbers), "vector_f32" or "vector_f16" (base64 of little-endian bytes). .npy: float32 or
  // float16, n x d, C order; its records are the lines of the file of the same name that ends in
  // .jsonl, when there is one; without it, row n has the path "FILE!/n".
  // .parquet: a column for each of those keys, user fields as "field.NAME", vectors in "vector" or
  // in the only column of lists of floats. Needs the program espy-parquet, and Python's pyarrow.
  std::vector<std::string> files;
  std::string payload;  // the .jsonl beside a .npy, where it has another name; one file then
  ImportOptions import;
  bool dry_run = false;  // reads and checks, changes nothing
};

struct ExportOptions {
  std::string to;     // ends in .jsonl, .npy (with a .jsonl beside it) or .parquet (espy-parquet)
  std::string where;  // only items that match
  bool overwrite = false;
};

struct ExportReport {
  std::uint64_t items = 0;
  std::uint64_t without_vector = 0;  // in .npy they are left out, elsewhere there without one
  std::uint64_t bytes = 0;
  std::vector<std::string> files;
};

}  // namespace espy

#endif  // ESPY_TRANSFER_H_
