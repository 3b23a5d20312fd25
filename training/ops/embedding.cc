#include "training/ops/embedding.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace espy::training {

Node* Embedding(Tape& tape, Node* table, std::span<const std::int64_t> ids) {
  const std::int64_t width = table->columns();
  Node* y = tape.New(static_cast<std::int64_t>(ids.size()), width, table->needs_gradient());
  float* out = y->mutable_value();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ESPY_CHECK(ids[i] >= 0 && ids[i] < table->rows(), "an id must be a row of its table");
    std::copy_n(table->value() + ids[i] * width, width, out + static_cast<std::int64_t>(i) * width);
  }
  if (!y->needs_gradient()) return y;

  tape.OnBackward([table, y, width, kept = std::vector<std::int64_t>(ids.begin(), ids.end())] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    float* sum = table->Gradient();
    for (const std::int64_t id : kept) {
      for (std::int64_t c = 0; c < width; ++c) sum[id * width + c] += dy[c];
      dy += width;
    }
  });
  return y;
}

}  // namespace espy::training
