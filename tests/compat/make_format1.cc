// The program that made tests/compat/format1: make_format1 DIRECTORY. Kept to show how, not to be
// run again.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "engine/index_store.h"
#include "index/vector_index.h"
#include "storage/store.h"
#include "tests/compat/format1.h"

namespace {

void Require(const espy::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace espy;
  using namespace espy::testing::format1;
  if (argc != 2) return 2;
  auto opened = storage::Store::Open(argv[1], {.create_if_missing = true});
  Require(opened.status());
  storage::Store& store = **opened;
  Require(store.AddSpace(Space()).status());
  IndexStore segments(&store, 1);
  index::IndexOptions options;
  options.dimension = kDimension;
  options.index_rows = 10;
  options.hnsw_m = 4;
  options.threads = 1;
  const auto index = index::VectorIndex::Empty(options, &segments);
  for (std::uint64_t n = 1; n <= kPictures; ++n) {
    const Record record = PictureRecord(n);
    storage::Transaction transaction;
    transaction.PutItem(record);
    for (const std::string& path : record.paths) {
      transaction.PutPath(path, {record.id, record.file_bytes, -5, n});
    }
    transaction.PutVector(1, record.id, PictureVector(n));
    transaction.PutThumbnail(record.id, PictureThumbnail(n));
    const auto seq = store.Commit(std::move(transaction));
    Require(seq.status());
    index->Add(*seq, record.id, PictureVector(n));
    index->Publish(*seq);
    if (n == kInTables) {
      Require(index->Maintain(true, {}));
      Require(store.Flush());
    }
  }
  storage::Transaction last;
  const storage::SpaceNumber spaces[] = {1};
  last.Forget(PictureRecord(kForgotten), spaces);
  last.PutFailure("/format1/bad.jpg", PictureFailure());
  Require(store.Commit(std::move(last)).status());
  _exit(0);  // the log stays as a crash would leave it
}
