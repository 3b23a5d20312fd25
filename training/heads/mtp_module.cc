// The MTP module: one decoder layer that reads a hidden state with the token that followed it.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/random.h"
#include "training/heads/draft_model.h"
#include "training/ops/arithmetic.h"
#include "training/ops/attention.h"
#include "training/ops/embedding.h"
#include "training/ops/linear.h"
#include "training/ops/norm.h"

namespace espy::training {
namespace {

constexpr float kRmsEps = 1e-6f;
constexpr double kInitialDeviation = 0.02;

struct Affine {  // a linear layer or a LayerNorm
  Parameter* weight;
  Parameter* bias;
};

class MtpModule : public DraftModel {
 public:
  MtpModule(const FrozenDecoder* decoder, std::int64_t image_tokens, std::int64_t depths,
            std::uint64_t seed)
      : decoder_(decoder), image_tokens_(image_tokens), depths_(depths), random_(seed) {
    const std::int64_t d = decoder->width;
    h_norm_ = Ones("hnorm.weight");
    e_norm_ = Ones("enorm.weight");
    join_ = parameters_.Add("eh_proj.weight", d, 2 * d, true);
    Draw(join_);
    for (std::int64_t i = 0; i < d; ++i) {
      join_->value[static_cast<std::size_t>(i * 2 * d + i)] += 1;
    }
    self_ = NewAttention("attention", d);
    cross_ = NewAttention("crossattention", decoder->vision_width);
    fc1_ = NewLinear("intermediate.dense", decoder->inner, d);
    fc2_ = NewLinear("output.dense", d, decoder->inner);
    norm_ = NewNorm("output.LayerNorm");
  }

  std::int64_t depths() const override { return depths_; }
  float LossWeight(std::int64_t) const override { return 1.0f / static_cast<float>(depths_); }
  std::string file_name() const override { return "mtp.safetensors"; }

  Guesses Guess(Tape& tape, const HeadBatch& batch) const override {
    Guesses guesses;
    // The rows of all depths so far, and where the self-attention's keys and values of each lie.
    std::vector<Row> rows;
    std::vector<Node*> keys, values, outputs;
    // The first depth's rows, by batch row: what later depths of the same text see.
    std::vector<std::int64_t> first_place(static_cast<std::size_t>(batch.rows()), -1);
    Node* images =
        tape.Constant(batch.images.data(),
                      static_cast<std::int64_t>(batch.images.size()) / decoder_->vision_width,
                      decoder_->vision_width);
    Node* image_keys = Apply(tape, cross_.key, images);
    Node* image_values = Apply(tape, cross_.value, images);
    Node* words = tape.Constant(decoder_->words.data(), decoder_->vocabulary, decoder_->width);
    Node* before = tape.Constant(batch.hidden.data(), batch.rows(), decoder_->width);
    std::int64_t places = 0;
    for (std::int64_t depth = 0; depth < depths_; ++depth) {
      const std::vector<Row> last = std::move(rows);
      rows = RowsOf(batch, depth, last);
      if (rows.empty()) break;
      std::vector<std::int64_t> sources, next;
      for (Row& row : rows) {
        sources.push_back(row.source);
        next.push_back(batch.tokens[static_cast<std::size_t>(row.first + row.t + 1 + depth)]);
        guesses.targets.push_back(
            batch.tokens[static_cast<std::size_t>(row.first + row.t + 2 + depth)]);
        guesses.depths.push_back(depth);
        row.place = places++;
        if (depth == 0) first_place[static_cast<std::size_t>(row.first + row.t)] = row.place;
        row.chain.push_back(row.place);
      }
      Node* h = RmsNorm(tape, Embedding(tape, before, sources), tape.Use(h_norm_), kRmsEps);
      Node* e = RmsNorm(tape, Embedding(tape, words, next), tape.Use(e_norm_), kRmsEps);
      Node* u = Linear(tape, JoinColumns(tape, h, e), tape.Use(join_));
      keys.push_back(Apply(tape, self_.key, u));
      values.push_back(Apply(tape, self_.value, u));
      Node* mixed =
          SelfAttention(tape, Apply(tape, self_.query, u), keys, values, rows, first_place);
      Node* x = Norm(tape, Add(tape, u, Apply(tape, self_.out, mixed)), self_.norm);
      mixed =
          CrossAttention(tape, Apply(tape, cross_.query, x), image_keys, image_values, rows, batch);
      x = Norm(tape, Add(tape, x, Apply(tape, cross_.out, mixed)), cross_.norm);
      Node* inner = Activate(tape, decoder_->activation, Apply(tape, fc1_, x));
      before = Norm(tape, Add(tape, x, Apply(tape, fc2_, inner)), norm_);
      outputs.push_back(before);
    }
    if (!outputs.empty()) guesses.logits = decoder_->Logits(tape, JoinRows(tape, outputs));
    return guesses;
  }

 private:
  struct AttentionPart {
    Affine query, key, value, out, norm;
  };
  // A row of one depth: chained to the first depth's row t of a text.
  struct Row {
    std::size_t text = 0;
    std::int64_t first = 0;  // the text's first batch row
    std::int64_t t = 0;
    std::int64_t source =
        0;                   // where its hidden state is: a batch row, or a row of the depth before
    std::int64_t place = 0;  // among the rows of all depths
    std::vector<std::int64_t> chain;  // places of the chained rows up to itself, after the first's
  };

  Parameter* Ones(const std::string& name) {
    Parameter* p = parameters_.Add(name, 1, decoder_->width, false);
    std::fill(p->value.begin(), p->value.end(), 1.0f);
    return p;
  }
  void Draw(Parameter* p) {
    for (float& x : p->value) x = static_cast<float>(kInitialDeviation * random_.Normal());
  }
  Affine NewLinear(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    const Affine made = {parameters_.Add("layer.0." + name + ".weight", outputs, inputs, true),
                         parameters_.Add("layer.0." + name + ".bias", 1, outputs, false)};
    Draw(made.weight);
    return made;
  }
  Affine NewNorm(const std::string& name) {
    return {Ones("layer.0." + name + ".weight"),
            parameters_.Add("layer.0." + name + ".bias", 1, decoder_->width, false)};
  }
  AttentionPart NewAttention(const std::string& name, std::int64_t key_width) {
    const std::int64_t d = decoder_->width;
    return {NewLinear(name + ".self.query", d, d), NewLinear(name + ".self.key", d, key_width),
            NewLinear(name + ".self.value", d, key_width), NewLinear(name + ".output.dense", d, d),
            NewNorm(name + ".output.LayerNorm")};
  }

  static Node* Apply(Tape& tape, const Affine& linear, Node* x) {
    return Linear(tape, x, tape.Use(linear.weight), tape.Use(linear.bias));
  }
  Node* Norm(Tape& tape, Node* x, const Affine& norm) const {
    return LayerNorm(tape, x, tape.Use(norm.weight), tape.Use(norm.bias), decoder_->eps);
  }

  // Depth 0: every row that has a token two ahead. Later: each row of the depth before that has a
  // token one further.
  std::vector<Row> RowsOf(const HeadBatch& batch, std::int64_t depth,
                          const std::vector<Row>& last) const {
    std::vector<Row> rows;
    if (depth == 0) {
      for (std::size_t text = 0; text < batch.lengths.size(); ++text) {
        for (std::int64_t t = 0; t + 2 < batch.lengths[text]; ++t) {
          rows.push_back({text, batch.first_row[text], t, batch.first_row[text] + t, 0, {}});
        }
      }
      return rows;
    }
    for (std::size_t i = 0; i < last.size(); ++i) {
      if (last[i].t + 2 + depth >= batch.lengths[last[i].text]) continue;
      Row row = last[i];
      row.source = static_cast<std::int64_t>(i);
      if (depth == 1) row.chain.clear();  // the first depth's own row is among its rows
      rows.push_back(std::move(row));
    }
    return rows;
  }

  AttentionShape NewShape() const {
    AttentionShape shape;
    shape.heads = decoder_->heads;
    shape.scale =
        1 / std::sqrt(static_cast<float>(decoder_->width) / static_cast<float>(decoder_->heads));
    return shape;
  }

  Node* SelfAttention(Tape& tape, Node* q, const std::vector<Node*>& keys,
                      const std::vector<Node*>& values, const std::vector<Row>& rows,
                      const std::vector<std::int64_t>& first_place) const {
    AttentionShape shape = NewShape();
    if (keys.size() == 1) {  // the first depth: each text sees itself up to here
      shape.causal = true;
      for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin;
        while (end < rows.size() && rows[end].text == rows[begin].text) ++end;
        const auto first = static_cast<std::int64_t>(begin);
        const auto n = static_cast<std::int64_t>(end - begin);
        shape.sequences.push_back({first, n, first, n});
        begin = end;
      }
      return Attention(tape, q, keys[0], values[0], shape);
    }
    // Later: each row has keys of its own, gathered.
    std::vector<std::int64_t> seen;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto first_key = static_cast<std::int64_t>(seen.size());
      for (std::int64_t t = 0; t <= rows[i].t; ++t) {
        seen.push_back(first_place[static_cast<std::size_t>(rows[i].first + t)]);
      }
      seen.insert(seen.end(), rows[i].chain.begin(), rows[i].chain.end());
      shape.sequences.push_back({static_cast<std::int64_t>(i), 1, first_key,
                                 static_cast<std::int64_t>(seen.size()) - first_key});
    }
    return Attention(tape, q, Embedding(tape, JoinRows(tape, keys), seen),
                     Embedding(tape, JoinRows(tape, values), seen), shape);
  }

  Node* CrossAttention(Tape& tape, Node* q, Node* keys, Node* values, const std::vector<Row>& rows,
                       const HeadBatch& batch) const {
    AttentionShape shape = NewShape();
    for (std::size_t begin = 0; begin < rows.size();) {
      std::size_t end = begin;
      while (end < rows.size() && rows[end].text == rows[begin].text) ++end;
      shape.sequences.push_back({static_cast<std::int64_t>(begin),
                                 static_cast<std::int64_t>(end - begin),
                                 batch.pictures[rows[begin].text] * image_tokens_, image_tokens_});
      begin = end;
    }
    return Attention(tape, q, keys, values, shape);
  }

  const FrozenDecoder* decoder_;
  const std::int64_t image_tokens_;
  const std::int64_t depths_;
  Random random_;
  Parameter* h_norm_;
  Parameter* e_norm_;
  Parameter* join_;
  AttentionPart self_, cross_;
  Affine fc1_, fc2_, norm_;
};

}  // namespace

std::unique_ptr<DraftModel> NewMtpModule(const FrozenDecoder* decoder, std::int64_t image_tokens,
                                         std::int64_t depths, std::uint64_t seed) {
  ESPY_CHECK(image_tokens > 0, "an MTP module looks at pictures");
  return std::make_unique<MtpModule>(decoder, image_tokens, depths, seed);
}

}  // namespace espy::training
