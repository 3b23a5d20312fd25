// What the bytes of inverted files have in common, wherever their lists are: projection, centres,
// codebook and the sizes of the lists. docs/FORMATS.md draws them.
#ifndef ESPY_INDEX_IVF_IVF_FORMAT_H_
#define ESPY_INDEX_IVF_IVF_FORMAT_H_

#include <cstdint>
#include <vector>

#include "index/ivf/coarse.h"
#include "index/ivf/list_codes.h"
#include "index/row_index.h"

namespace espy::index {

std::uint64_t HeadBytes(const Coarse& coarse, const ListCodes& codes);
Status EncodeHead(const Coarse& coarse, const ListCodes& codes,
                  const std::vector<std::uint32_t>& sizes, const ByteSink& sink);
// Of an index over `rows` with codes of `kind`; takes what is read off `bytes`. The sizes of the
// lists are checked to be together the number of rows.
Status ParseHead(CodeKind kind, const HalfRows& rows, std::uint64_t* bytes,
                 const ByteSource& source, Coarse* coarse, ListCodes* codes,
                 std::vector<std::uint32_t>* sizes);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_IVF_FORMAT_H_
