#include "tests/captioning/drafts/tiny_decoders.h"

#include <cmath>
#include <cstdlib>
#include <iostream>

#include "tests/parity/formula.h"

namespace espy::captioning {

namespace {

template <class T>
T OrDie(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::cerr << result.status().message() << "\n";
  std::abort();
}

class Tensors {
 public:
  void Linear(const std::string& name, std::int64_t outputs, std::int64_t inputs, float gain) {
    Add(name + ".weight", {outputs, inputs}, gain * std::sqrt(3 / static_cast<float>(inputs)), 0);
    Add(name + ".bias", {outputs}, 0.1f, 0);
  }
  void Norm(const std::string& name, std::int64_t width) {
    Add(name + ".weight", {width}, 0.25f, 1);
    Add(name + ".bias", {width}, 0.1f, 0);
  }
  void Add(const std::string& name, std::vector<std::int64_t> shape, float scale, float offset) {
    tensors_.push_back({name, std::move(shape), scale, offset});
  }
  void Layer(const std::string& at, const TinySizes& sizes) {
    for (const bool cross : {false, true}) {
      const std::string part = at + (cross ? "crossattention" : "attention");
      const std::int64_t inputs = cross ? sizes.vision_width : sizes.width;
      Linear(part + ".self.query", sizes.width, sizes.width, 2);
      Linear(part + ".self.key", sizes.width, inputs, 2);
      Linear(part + ".self.value", sizes.width, inputs, 1);
      Linear(part + ".output.dense", sizes.width, sizes.width, 1.5f);
      Norm(part + ".output.LayerNorm", sizes.width);
    }
    Linear(at + "intermediate.dense", sizes.inter, sizes.width, 1);
    Linear(at + "output.dense", sizes.width, sizes.inter, 1);
    Norm(at + "output.LayerNorm", sizes.width);
  }
  // The file; every tensor's numbers follow from its name and the seed.
  std::string File(int seed) const {
    std::string header = "{";
    std::string buffer;
    for (const parity::FormulaTensor& tensor : tensors_) {
      std::int64_t n = 1;
      std::string shape;
      for (const std::int64_t size : tensor.shape) {
        n *= size;
        shape += (shape.empty() ? "" : ",") + std::to_string(size);
      }
      const std::size_t begin = buffer.size();
      for (const float value : parity::FormulaValues(tensor.name + "/" + std::to_string(seed), n,
                                                     tensor.scale, tensor.offset)) {
        buffer.append(reinterpret_cast<const char*>(&value), sizeof value);
      }
      header += (header.size() > 1 ? ",\"" : "\"") + tensor.name + R"(":{"dtype":"F32","shape":[)" +
                shape + R"(],"data_offsets":[)" + std::to_string(begin) + "," +
                std::to_string(buffer.size()) + "]}";
    }
    header += "}";
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + buffer;
  }

 private:
  std::vector<parity::FormulaTensor> tensors_;
};

std::unique_ptr<encoders::Safetensors> Parse(const std::string& bytes) {
  return OrDie(encoders::Safetensors::Parse(
      {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "tiny"));
}

}  // namespace

TinyDecoder::TinyDecoder(const TinySizes& sizes, int seed, kernels::Precision precision,
                         ThreadPool* pool) {
  config.width = sizes.width;
  config.heads = sizes.heads;
  config.inter = sizes.inter;
  config.layers = sizes.layers;
  config.activation = encoders::Activation::kGelu;
  config.norm_eps = 1e-12f;
  config.vision_width = sizes.vision_width;
  config.vocabulary = sizes.vocabulary;
  config.context = sizes.context;
  config.bos_id = 1;
  config.sep_id = 2;
  config.pad_id = 0;

  Tensors text;
  const std::string embeddings = "text_decoder.bert.embeddings.";
  text.Add(embeddings + "word_embeddings.weight", {sizes.vocabulary, sizes.width}, 0.5f, 0);
  text.Add(embeddings + "position_embeddings.weight", {sizes.context, sizes.width}, 0.5f, 0);
  text.Norm(embeddings + "LayerNorm", sizes.width);
  for (std::int64_t i = 0; i < sizes.layers; ++i) {
    text.Layer("text_decoder.bert.encoder.layer." + std::to_string(i) + ".", sizes);
  }
  text.Linear("text_decoder.cls.predictions.transform.dense", sizes.width, sizes.width, 1);
  text.Norm("text_decoder.cls.predictions.transform.LayerNorm", sizes.width);
  text.Add("text_decoder.cls.predictions.bias", {sizes.vocabulary}, 0.3f, 0);
  bytes = text.File(seed);
  file = Parse(bytes);
  const encoders::TowerOptions options(pool, precision);
  decoder =
      OrDie(TextDecoder::Load(encoders::Weights(file.get(), "text_decoder", options), config));

  Tensors medusa;
  for (const char* head : {"0", "1", "2"}) {
    medusa.Linear(std::string(head) + ".0.linear", sizes.width, sizes.width, 1);
  }
  medusa_bytes = medusa.File(seed);
  heads = OrDie(MedusaHeads::Load(*Parse(medusa_bytes), sizes.width, options));

  Tensors mtp;
  mtp.Add("hnorm.weight", {sizes.width}, 0.2f, 1);
  mtp.Add("enorm.weight", {sizes.width}, 0.2f, 1);
  mtp.Add("eh_proj.weight", {sizes.width, 2 * sizes.width},
          std::sqrt(1.5f / static_cast<float>(sizes.width)), 0);
  mtp.Layer("layer.0.", sizes);
  mtp.Add("acceptance", {3, 4}, 0.1f, 0.5f);  // as if it were worth its whole depth
  mtp_bytes = mtp.File(seed);
  module = OrDie(MtpModule::Load(*Parse(mtp_bytes), config, options));
}

std::vector<float> TinyDecoder::Image(int number) const {
  return parity::FormulaValues("image " + std::to_string(number),
                               kImageTokens * config.vision_width, 2.0f);
}

std::vector<Generated> TinyDecoder::Plain(const std::vector<std::vector<float>>& images,
                                          const std::vector<std::vector<std::int32_t>>& starts,
                                          const GenerateOptions& options) const {
  CrossCache cross;
  for (const std::vector<float>& image : images) {
    cross.Add(OrDie(decoder->Look(image.data(), kImageTokens)));
  }
  return OrDie(Generate(*decoder, &cross, starts, options));
}

Status TellingDrafter::Propose(const DraftContext& context, DraftTree* tree) {
  tree->Clear();
  std::uniform_real_distribution<double> chance(0, 1);
  const auto any = [&] {
    return static_cast<std::int32_t>(random_() % static_cast<unsigned>(vocabulary_));
  };
  int at = DraftTree::kRoot;
  for (std::size_t i = context.tokens.size(); i < text_.size(); ++i) {
    // Wrong siblings before and after the one that is meant.
    const auto before = random_() % 3;
    for (unsigned j = 0; j < before; ++j) tree->Add(tree->Add(at, any(), 0.4), any(), 0.4);
    const std::int32_t token = chance(random_) < wrong_ ? any() : text_[i];
    const int next = tree->Add(at, token, 0.9);
    if (next == DraftTree::kRoot) break;
    if (random_() % 2 == 0) tree->Add(at, any(), 0.3);
    at = next;
  }
  return Status::Ok();
}

Status HostileDrafter::Propose(const DraftContext&, DraftTree* tree) {
  tree->Clear();
  if (random_() % 50 == 0) return Status::Corruption("hostile: no draft today");
  const unsigned nodes = random_() % 64;
  for (unsigned i = 0; i < nodes; ++i) {
    const int parent = static_cast<int>(random_() % static_cast<unsigned>(tree->size() + 1)) - 1;
    // Among tokens that are there -3 to -1, and as many beyond the vocabulary.
    const auto token =
        static_cast<std::int32_t>(random_() % static_cast<unsigned>(vocabulary_ + 6)) - 3;
    tree->Add(parent, token, static_cast<double>(random_() % 100) / 99);
  }
  return Status::Ok();
}

}  // namespace espy::captioning
