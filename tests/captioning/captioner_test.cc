// Captions from directories as a publisher ships them: texts, prompts, and what is said of a
// directory that is not right.
#include "captioning/captioner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "captioning/matcher.h"
#include "tests/captioning/golden_model.h"
#include "tests/support/roomy_disk.h"

namespace espy::captioning {
namespace {

class CaptionerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteGoldenModel(golden_, directory_);
    WriteGoldenTokenizer(directory_);
  }
  Result<std::unique_ptr<Captioner>> Load(Precision precision = Precision::kFloat32) const {
    return Captioner::Load(directory_.path(), {.precision = precision});
  }
  // Loads after `file` has been replaced; the error's text.
  std::string ErrorWith(const std::string& file, const std::string& content) const {
    directory_.Write(file, content);
    const auto captioner = Load();
    return captioner.ok() ? "no error" : captioner.status().message();
  }

  const json& golden_ = GoldenNamed("captions", "base");
  testing::TempDir directory_;
};

TEST_F(CaptionerTest, SaysWhatTheTokensSay) {
  const auto captioner = Load();
  ESPY_ASSERT_OK(captioner);
  const GoldenPictures pictures((*captioner)->config().vision);
  const auto captions = (*captioner)->CaptionPictures(pictures.views);
  ESPY_ASSERT_OK(captions);
  ASSERT_EQ(captions->size(), 3u);
  for (std::size_t p = 0; p < captions->size(); ++p) {
    const Caption& caption = (*captions)[p];
    EXPECT_EQ(caption.tokens, golden_["runs"][0]["captions"][p].get<std::vector<std::int32_t>>());
    EXPECT_EQ(caption.text, (*captioner)->tokenizer().Decode(caption.tokens));
    EXPECT_FALSE(caption.text.empty());
    EXPECT_EQ(caption.text.find('['), std::string::npos) << caption.text;
    EXPECT_LT(caption.log_probability, 0);
    EXPECT_EQ(caption.steps, static_cast<std::int64_t>(caption.tokens.size()) - 1);
  }
  const auto none = (*captioner)->CaptionPictures({});
  ESPY_ASSERT_OK(none);
  EXPECT_TRUE(none->empty());
}

TEST_F(CaptionerTest, GoesOnFromAPrompt) {
  const auto captioner = Load();
  ESPY_ASSERT_OK(captioner);
  const GoldenPictures pictures((*captioner)->config().vision);
  CaptionOptions options;
  options.prompt = "a dog and";
  const auto start = (*captioner)->Start(options.prompt);
  ASSERT_EQ(start.size(), 4u);
  EXPECT_EQ(start[0], (*captioner)->config().text.bos_id);
  const auto whole = (*captioner)->CaptionPictures(pictures.views, options);
  ESPY_ASSERT_OK(whole);
  options.strip_prompt = true;
  const auto stripped = (*captioner)->CaptionPictures(pictures.views, options);
  ESPY_ASSERT_OK(stripped);
  for (std::size_t p = 0; p < whole->size(); ++p) {
    EXPECT_TRUE((*whole)[p].text.starts_with("a dog and")) << (*whole)[p].text;
    EXPECT_FALSE((*stripped)[p].text.starts_with("a dog and"));
    EXPECT_TRUE((*whole)[p].text.ends_with((*stripped)[p].text));
    EXPECT_EQ((*whole)[p].tokens, (*stripped)[p].tokens);
  }
  for (int i = 0; i < 6; ++i) options.prompt += " dog and a dog";
  EXPECT_EQ((*captioner)->CaptionPictures(pictures.views, options).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(CaptionerTest, SamplesTheSameForTheSameSeed) {
  const auto captioner = Load();
  ESPY_ASSERT_OK(captioner);
  const GoldenPictures pictures((*captioner)->config().vision);
  // The same picture often, in more than one batch.
  std::vector<imaging::PictureView> views(20, pictures.views[0]);
  CaptionOptions options;
  options.sample = true;
  options.top_p = 0.9f;
  options.temperature = 2;
  options.seed = 11;
  const auto first = (*captioner)->CaptionPictures(views, options);
  const auto second = (*captioner)->CaptionPictures(views, options);
  options.seed = 12;
  const auto other = (*captioner)->CaptionPictures(views, options);
  ESPY_ASSERT_OK(first);
  ESPY_ASSERT_OK(second);
  ESPY_ASSERT_OK(other);
  std::set<std::vector<std::int32_t>> different;
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ((*first)[i].tokens, (*second)[i].tokens);
    different.insert((*first)[i].tokens);
    different.insert((*other)[i].tokens);
  }
  EXPECT_GT(different.size(), 30u);
}

TEST_F(CaptionerTest, RunsInEveryPrecision) {
  for (const Precision precision :
       {Precision::kAuto, Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    const auto captioner = Load(precision);
    ESPY_ASSERT_OK(captioner);
    if (precision != Precision::kAuto) {
      EXPECT_EQ((*captioner)->precision(), precision);
    }
    const GoldenPictures pictures((*captioner)->config().vision);
    const auto captions = (*captioner)->CaptionPictures(pictures.views);
    ESPY_ASSERT_OK(captions);
    for (const Caption& caption : *captions) EXPECT_FALSE(caption.text.empty());
  }
}

// The second captioner maps what the first packed.
TEST_F(CaptionerTest, PackedWeightsAreKeptAndChangeNoBit) {
  testing::RoomyDisk disk;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    ModelOptions options{.precision = precision};
    options.weight_cache = {.use = encoders::WeightCache::kOff};
    const auto plain = Captioner::Load(directory_.path(), options);
    ESPY_ASSERT_OK(plain);
    const GoldenPictures pictures((*plain)->config().vision);
    const auto expected = (*plain)->CaptionPictures(pictures.views);
    ESPY_ASSERT_OK(expected);
    options.weight_cache = {
        .use = encoders::WeightCache::kVerify, .worth_keeping = 1, .env = &disk};
    for (int start = 0; start < 2; ++start) {
      const auto captioner = Captioner::Load(directory_.path(), options);
      ESPY_ASSERT_OK(captioner);
      EXPECT_EQ((*captioner)->model().id(), (*plain)->model().id());
      const auto captions = (*captioner)->CaptionPictures(pictures.views);
      ESPY_ASSERT_OK(captions);
      for (std::size_t p = 0; p < captions->size(); ++p) {
        EXPECT_EQ((*captions)[p].tokens, (*expected)[p].tokens);
        EXPECT_EQ((*captions)[p].log_probability, (*expected)[p].log_probability);
      }
    }
  }
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory_.path() + "/.espy-cache")) {
    files += file.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 6u);  // of the vision tower and of the decoder, in each precision
}

TEST_F(CaptionerTest, AModelsIdChangesWithItsWordsAndItsWeights) {
  const auto first = Load();
  ESPY_ASSERT_OK(first);
  EXPECT_EQ((*first)->model().id().size(), 32u);
  directory_.Write("vocab.txt", testing::ReadFileOrDie(directory_.path() + "/vocab.txt") + "new\n");
  const auto other_words = Load();
  ESPY_ASSERT_OK(other_words);
  EXPECT_NE((*other_words)->model().id(), (*first)->model().id());
  std::string weights = testing::ReadFileOrDie(directory_.path() + "/model.safetensors");
  weights[weights.size() - 2] = static_cast<char>(weights[weights.size() - 2] ^ 1);
  directory_.Write("model.safetensors", weights);
  const auto other_weights = Load();
  ESPY_ASSERT_OK(other_weights);
  EXPECT_NE((*other_weights)->model().id(), (*other_words)->model().id());
}

TEST_F(CaptionerTest, NamesTheFileThatIsNotRight) {
  const auto captioner = Load();
  ESPY_ASSERT_OK(captioner);
  imaging::PictureView small{nullptr, {16, 16}};
  EXPECT_NE((*captioner)->CaptionPictures({&small, 1}).status().message().find("16 x 16"),
            std::string::npos);
  const auto matcher = Matcher::Load(directory_.path());
  ASSERT_FALSE(matcher.ok());
  EXPECT_NE(matcher.status().message().find("has no text_encoder"), std::string::npos);

  EXPECT_NE(ErrorWith("preprocessor_config.json", R"({"size": 224})").find("image_size is 32"),
            std::string::npos);
  EXPECT_NE(ErrorWith("preprocessor_config.json", "").find("preprocessor_config.json: empty"),
            std::string::npos);
  directory_.Write("preprocessor_config.json", R"({"image_processor_type": "BlipImageProcessor"})");
  ESPY_ASSERT_OK(Load());
  const std::string lines = testing::ReadFileOrDie(directory_.path() + "/vocab.txt");
  std::string more = lines;
  for (int i = 0; i < 200; ++i) more += "x" + std::to_string(i) + "\n";
  EXPECT_NE(ErrorWith("vocab.txt", more).find("vocab_size is 240"), std::string::npos);
  directory_.Write("vocab.txt", lines);
  json config = golden_["config"];
  config["text_config"]["hidden_size"] = 128;
  EXPECT_NE(ErrorWith("config.json", config.dump()).find("config.json calls for"),
            std::string::npos);
}

// Files that kept the vocabulary head's tied tensors and not what they are tied to.
TEST_F(CaptionerTest, FindsTiedTensorsUnderEitherName) {
  const auto before = Load();
  ESPY_ASSERT_OK(before);
  const GoldenPictures pictures((*before)->config().vision);
  const auto expected = (*before)->CaptionPictures(pictures.views);
  ESPY_ASSERT_OK(expected);
  std::string weights = testing::ReadFileOrDie(directory_.path() + "/model.safetensors");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, weights.data(), 8);
  std::string header = weights.substr(8, header_bytes);
  for (const auto& [published, tied] :
       {std::pair("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
        std::pair("cls.predictions.bias", "cls.predictions.decoder.bias")}) {
    header.replace(header.find(published), std::string_view(published).size(), tied);
  }
  header_bytes = header.size();
  weights = std::string(reinterpret_cast<const char*>(&header_bytes), 8) + header +
            weights.substr(8 + weights.find("}}", 8) - 8 + 2);
  directory_.Write("model.safetensors", weights);
  const auto after = Load();
  ESPY_ASSERT_OK(after);
  const auto captions = (*after)->CaptionPictures(pictures.views);
  ESPY_ASSERT_OK(captions);
  for (std::size_t p = 0; p < captions->size(); ++p) {
    EXPECT_EQ((*captions)[p].tokens, (*expected)[p].tokens);
  }
}

TEST_F(CaptionerTest, RefusesAModelThatAnswersQuestions) {
  std::vector<parity::FormulaTensor> tensors;
  for (const json& t : golden_["tensors"]) tensors.push_back({t[0], t[1], t[2], t[3]});
  tensors.push_back({"text_encoder.embeddings.LayerNorm.bias", {64}});
  EXPECT_NE(ErrorWith("model.safetensors", parity::FormulaSafetensors(tensors, "F32"))
                .find("answers questions"),
            std::string::npos);
}

// Every tensor of both towers is needed, and its absence is told by name.
TEST_F(CaptionerTest, NamesEachTensorThatIsMissing) {
  std::vector<parity::FormulaTensor> tensors;
  for (const json& t : golden_["tensors"]) tensors.push_back({t[0], t[1], t[2], t[3]});
  for (std::size_t gone = 0; gone < tensors.size(); ++gone) {
    std::vector<parity::FormulaTensor> rest = tensors;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    const std::string error =
        ErrorWith("model.safetensors", parity::FormulaSafetensors(rest, "F32"));
    std::string name = tensors[gone].name;
    for (const auto& [published, loaded] :
         {std::pair("self_attn.qkv", "self_attn.q_proj"),
          std::pair("self_attn.projection", "self_attn.out_proj"),
          std::pair("vision_model.embeddings.position_embedding",
                    "vision_model.embeddings.position_embedding.weight")}) {
      if (const std::size_t at = name.find(published); at != std::string::npos) {
        name.replace(at, std::string_view(published).size(), loaded);
      }
    }
    EXPECT_NE(error.find("\"" + name + "\" is missing"), std::string::npos)
        << tensors[gone].name << ": " << error;
  }
}

}  // namespace
}  // namespace espy::captioning
