#include "training/ops/attention.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/check.h"
#include "kernels/activation.h"
#include "kernels/parallel.h"
#include "training/product.h"

namespace espy::training {
namespace {

// A head's columns of some rows, as a product's operand.
Operand HeadOf(const float* matrix, std::int64_t width, std::int64_t first_row, std::int64_t rows,
               std::int64_t head, std::int64_t head_dim) {
  return {matrix + first_row * width + head * head_dim, rows, head_dim, width, false};
}

Operand Transposed(const Operand& in) {
  return {in.data, in.columns, in.rows, in.stride, !in.transposed};
}

struct Pass {
  AttentionShape shape;
  std::int64_t width = 0;
  std::int64_t head_dim = 0;
  std::vector<std::int64_t> offsets;  // of each sequence's probabilities, all heads of it together
  std::vector<float> probabilities;

  float* of(std::size_t sequence, std::int64_t head) {
    const AttentionSequence& s = shape.sequences[sequence];
    return probabilities.data() + offsets[sequence] + head * s.queries * s.keys;
  }
};

void Softmax(const AttentionShape& shape, const AttentionSequence& s, float* scores) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < s.queries; ++i) {
    float* row = scores + i * s.keys;
    const std::int64_t seen = shape.causal ? i + 1 : s.keys;
    float largest = kNever;
    for (std::int64_t j = 0; j < s.keys; ++j) {
      const bool hidden =
          j >= seen || (!shape.key_seen.empty() &&
                        shape.key_seen[static_cast<std::size_t>(s.first_key + j)] == 0);
      row[j] = hidden ? kNever : row[j] * shape.scale;
      largest = std::max(largest, row[j]);
    }
    if (largest == kNever) {
      std::fill_n(row, s.keys, 0.0f);
      continue;
    }
    for (std::int64_t j = 0; j < s.keys; ++j) row[j] -= largest;
    kernels::Exp(row, s.keys, row);
    double sum = 0;
    for (std::int64_t j = 0; j < s.keys; ++j) sum += row[j];
    const auto inverse = static_cast<float>(1 / sum);
    for (std::int64_t j = 0; j < s.keys; ++j) row[j] *= inverse;
  }
}

}  // namespace

std::vector<AttentionSequence> EqualSequences(std::int64_t count, std::int64_t length) {
  std::vector<AttentionSequence> sequences;
  for (std::int64_t s = 0; s < count; ++s) {
    sequences.push_back({s * length, length, s * length, length});
  }
  return sequences;
}

Node* Attention(Tape& tape, Node* q, Node* k, Node* v, const AttentionShape& shape) {
  const auto pass = std::make_shared<Pass>();
  pass->shape = shape;
  pass->width = q->columns();
  pass->head_dim = q->columns() / shape.heads;
  ESPY_CHECK(k->columns() == pass->width && v->columns() == pass->width && k->rows() == v->rows() &&
                 pass->head_dim * shape.heads == pass->width,
             "attention needs q, k and v of one width, a whole number of heads");
  ESPY_CHECK(
      shape.key_seen.empty() || static_cast<std::int64_t>(shape.key_seen.size()) == k->rows(),
      "a key mask has one entry a key row");
  std::int64_t total = 0;
  for (const AttentionSequence& s : shape.sequences) {
    ESPY_CHECK(s.queries >= 0 && s.keys > 0 && s.first_query >= 0 && s.first_key >= 0 &&
                   s.first_query + s.queries <= q->rows() && s.first_key + s.keys <= k->rows() &&
                   (!shape.causal || s.queries == s.keys),
               "a sequence's rows must be rows of q and k, as many of both when causal");
    pass->offsets.push_back(total);
    total += shape.heads * s.queries * s.keys;
  }
  pass->probabilities.resize(static_cast<std::size_t>(total));

  const bool wanted = q->needs_gradient() || k->needs_gradient() || v->needs_gradient();
  Node* out = tape.New(q->rows(), pass->width, wanted);
  const auto count = static_cast<std::int64_t>(shape.sequences.size());
  kernels::ParallelFor(tape.pool(), count * shape.heads, [&](std::int64_t task) {
    const auto sequence = static_cast<std::size_t>(task / shape.heads);
    const std::int64_t head = task % shape.heads;
    const AttentionSequence& s = shape.sequences[sequence];
    const auto rows = [&](Node* node, std::int64_t first, std::int64_t n) {
      return HeadOf(node->value(), pass->width, first, n, head, pass->head_dim);
    };
    float* p = pass->of(sequence, head);
    Product(tape.compute(), rows(q, s.first_query, s.queries), rows(k, s.first_key, s.keys), false,
            p, s.keys, nullptr);
    Softmax(shape, s, p);
    Product(tape.compute(), Rows(p, s.queries, s.keys), Transposed(rows(v, s.first_key, s.keys)),
            false, out->mutable_value() + s.first_query * pass->width + head * pass->head_dim,
            pass->width, nullptr);
  });
  Round(tape.compute(), out->size(), out->mutable_value());
  if (!wanted) return out;

  tape.OnBackward([&tape, q, k, v, out, pass] {
    if (!out->has_gradient()) return;
    const Compute compute = tape.compute();
    float* d_out = out->Gradient();
    Round(compute, out->size(), d_out);
    // Allocated here: tasks write their own columns and must not make memory at once.
    float* dq = q->needs_gradient() ? q->Gradient() : nullptr;
    float* dk = k->needs_gradient() ? k->Gradient() : nullptr;
    float* dv = v->needs_gradient() ? v->Gradient() : nullptr;
    const AttentionShape& kept = pass->shape;
    // A task is a head in all sequences, in order: they may share keys.
    kernels::ParallelFor(tape.pool(), kept.heads, [&](std::int64_t head) {
      std::vector<float> ds;
      std::vector<float> part;
      // The 16-bit kinds round what leaves a product before it is added.
      const auto add = [&](const Operand& a, const Operand& b, float* sum) {
        if (compute == Compute::kFloat32) {
          Product(compute, a, b, true, sum, pass->width, nullptr);
          return;
        }
        part.resize(static_cast<std::size_t>(a.rows * b.rows));
        Product(compute, a, b, false, part.data(), b.rows, nullptr);
        Round(compute, a.rows * b.rows, part.data());
        for (std::int64_t r = 0; r < a.rows; ++r) {
          for (std::int64_t c = 0; c < b.rows; ++c) {
            sum[r * pass->width + c] += part[static_cast<std::size_t>(r * b.rows + c)];
          }
        }
      };
      for (std::size_t i = 0; i < kept.sequences.size(); ++i) {
        const AttentionSequence& s = kept.sequences[i];
        if (s.queries == 0) continue;
        const auto rows = [&](const float* matrix, std::int64_t first, std::int64_t n) {
          return HeadOf(matrix, pass->width, first, n, head, pass->head_dim);
        };
        const std::int64_t column = head * pass->head_dim;
        const Operand d_rows = rows(d_out, s.first_query, s.queries);
        const float* p = pass->of(i, head);
        if (dv != nullptr) {
          add(TransposeOf(p, s.queries, s.keys), Transposed(d_rows),
              dv + s.first_key * pass->width + column);
        }
        if (dq == nullptr && dk == nullptr) continue;
        ds.resize(static_cast<std::size_t>(s.queries * s.keys));
        Product(compute, d_rows, rows(v->value(), s.first_key, s.keys), false, ds.data(), s.keys,
                nullptr);
        for (std::int64_t r = 0; r < s.queries; ++r) {
          float* d = ds.data() + r * s.keys;
          const float* row = p + r * s.keys;
          double along = 0;
          for (std::int64_t c = 0; c < s.keys; ++c) along += static_cast<double>(row[c]) * d[c];
          for (std::int64_t c = 0; c < s.keys; ++c) {
            d[c] = kept.scale * row[c] * (d[c] - static_cast<float>(along));
          }
        }
        if (dq != nullptr) {
          add(Rows(ds.data(), s.queries, s.keys), Transposed(rows(k->value(), s.first_key, s.keys)),
              dq + s.first_query * pass->width + column);
        }
        if (dk != nullptr) {
          add(TransposeOf(ds.data(), s.queries, s.keys),
              Transposed(rows(q->value(), s.first_query, s.queries)),
              dk + s.first_key * pass->width + column);
        }
      }
    });
  });
  return out;
}

}  // namespace espy::training
