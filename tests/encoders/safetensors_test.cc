#include "encoders/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/coding.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

// A file from its header's text and its buffer, with an honest length before the header.
std::string FileOf(const std::string& header, const std::string& buffer) {
  std::string file;
  PutFixed<std::uint64_t>(&file, header.size());
  return file + header + buffer;
}

std::span<const std::uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(Safetensors, HoldsTensorsOfEveryTypeWithShapeAndBytes) {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("f32":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("f16":{"dtype":"F16","shape":[1,1],"data_offsets":[8,10]},)"
                             R"("bf16":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]},)"
                             R"("f64":{"dtype":"F64","shape":[],"data_offsets":[12,20]},)"
                             R"("i64":{"dtype":"I64","shape":[1],"data_offsets":[20,28]},)"
                             R"("i32":{"dtype":"I32","shape":[1],"data_offsets":[28,32]},)"
                             R"("i16":{"dtype":"I16","shape":[1],"data_offsets":[32,34]},)"
                             R"("i8":{"dtype":"I8","shape":[1],"data_offsets":[34,35]},)"
                             R"("u8":{"dtype":"U8","shape":[1],"data_offsets":[35,36]},)"
                             R"("flag":{"dtype":"BOOL","shape":[3],"data_offsets":[36,39]}}     )";
  std::string buffer(39, '\0');
  const float two[2] = {1.5f, -2.0f};
  std::memcpy(buffer.data(), two, sizeof two);
  const std::string file = FileOf(header, buffer);
  const auto parsed = Safetensors::Parse(AsBytes(file), "model.safetensors");
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ((*parsed)->Names(), (std::vector<std::string>{"bf16", "f16", "f32", "f64", "flag",
                                                          "i16", "i32", "i64", "i8", "u8"}));
  const TensorView* f32 = (*parsed)->Find("f32");
  ASSERT_NE(f32, nullptr);
  EXPECT_EQ(f32->dtype, DType::kF32);
  EXPECT_EQ(f32->shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(f32->elements(), 2);
  float read[2];
  std::memcpy(read, f32->bytes.data(), sizeof read);
  EXPECT_EQ(read[0], 1.5f);
  EXPECT_EQ(read[1], -2.0f);
  const TensorView* scalar = (*parsed)->Find("f64");
  ASSERT_NE(scalar, nullptr);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(scalar->elements(), 1);
  EXPECT_EQ((*parsed)->Find("absent"), nullptr);
  EXPECT_EQ((*parsed)->Find("__metadata__"), nullptr);
  EXPECT_EQ((*parsed)->path(), "model.safetensors");
}

TEST(Safetensors, TakesEmptyTensorsAndTensorsOutOfOrder) {
  const std::string file =
      FileOf(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
             R"("empty":{"dtype":"F32","shape":[0,4],"data_offsets":[1,1]},)"
             R"("empty too":{"dtype":"F32","shape":[7,0],"data_offsets":[1,1]},)"
             R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
             "xyz");
  const auto parsed = Safetensors::Parse(AsBytes(file), "m");
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ((*parsed)->Find("empty")->elements(), 0);
  EXPECT_EQ((*parsed)->Find("empty too")->shape, (std::vector<std::int64_t>{7, 0}));
  EXPECT_EQ((*parsed)->Find("a")->bytes[0], 'x');
  EXPECT_EQ((*parsed)->Find("b")->bytes[1], 'z');
}

TEST(Safetensors, TakesAFileWithoutTensors) {
  const std::string file = FileOf("{}", "");
  const auto parsed = Safetensors::Parse(AsBytes(file), "m");
  ESPY_ASSERT_OK(parsed);
  EXPECT_TRUE((*parsed)->Names().empty());
}

TEST(Safetensors, OpensAFileAndOutlivesItsName) {
  const testing::TempDir temp;
  const std::string path =
      temp.Write("model.safetensors",
                 FileOf(R"({"t":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "abc"));
  const auto opened = Safetensors::Open(path);
  ESPY_ASSERT_OK(opened);
  ASSERT_EQ(std::remove(path.c_str()), 0);
  const TensorView* tensor = (*opened)->Find("t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(std::string(tensor->bytes.begin(), tensor->bytes.end()), "abc");
}

TEST(Safetensors, NamesTheFileThatIsMissing) {
  const auto opened = Safetensors::Open("/nowhere/model.safetensors");
  EXPECT_EQ(opened.status().code(), StatusCode::kNotFound);
  EXPECT_NE(opened.status().message().find("/nowhere/model.safetensors"), std::string::npos);
}

// One wrong file: its bytes, and what the message must say beside the file's name.
struct Wrong {
  const char* title;
  std::string file;
  std::vector<std::string> says;
  StatusCode code = StatusCode::kCorruption;
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.title; }

std::string Length(std::uint64_t n) {
  std::string bytes;
  PutFixed<std::uint64_t>(&bytes, n);
  return bytes;
}

// A header whose one tensor, "t.weight", has these fields, over a buffer of that many bytes.
std::string One(const std::string& fields, std::size_t buffer) {
  return FileOf(R"({"t.weight":{)" + fields + "}}", std::string(buffer, '\0'));
}

std::vector<Wrong> WrongFiles() {
  const std::string deep(100'000, '[');
  const std::string twin = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  std::vector<Wrong> files = {
      {"Empty", "", {"0 bytes"}},
      {"ShorterThanTheLength", std::string(7, '\0'), {"7 bytes"}},
      {"NothingAfterTheLength", Length(2), {"claims 2 bytes", "only 0"}},
      {"HeaderLengthZero", Length(0), {"not JSON"}},
      {"HeaderLengthPastTheEnd", Length(100) + "{}", {"claims 100 bytes", "only 2"}},
      {"HeaderLengthOneTooMany", Length(3) + "{}", {"claims 3 bytes", "only 2"}},
      {"HeaderLengthOver100MB", Length(100'000'001) + "{}", {"claims 100000001", "limit"}},
      {"HeaderLengthAllOnes", std::string(8, '\xff') + "{}", {"18446744073709551615", "limit"}},
      {"HeaderLengthBigEndian", std::string("\0\0\0\0\0\0\0\2{}", 10), {"limit"}},
      {"NotSafetensorsButZip", std::string("PK\3\4\0\0\0\0\10\0\0\0data.pkl", 20), {"only"}},
      {"HeaderCutShort", FileOf(R"({"t.weight":{"dtype")", ""), {"header", "not JSON"}},
      {"HeaderIsGarbage", FileOf("\x93NUMPY", ""), {"header", "not JSON"}},
      {"HeaderIsBrokenUtf8", FileOf("{\"\xff\xfe\":1}", ""), {"header", "not JSON"}},
      {"HeaderIsAList", FileOf("[]", ""), {"not an object"}},
      {"HeaderIsAString", FileOf("\"x\"", ""), {"not an object"}},
      {"HeaderIsNull", FileOf("null", ""), {"not an object"}},
      {"BytesAfterTheHeadersObject", FileOf("{}x", ""), {"not JSON"}},
      {"TwoObjects", FileOf("{}{}", ""), {"not JSON"}},
      {"NulsAfterTheObject", FileOf(std::string("{}\0\0", 4), ""), {"not JSON"}},
      {"NestsWithoutEnd", FileOf(deep, ""), {"nested"}, StatusCode::kResourceExhausted},
      {"NestsInAnEntry",
       One(R"("shape":[[[[[[1]]]]]])", 1),
       {"nested"},
       StatusCode::kResourceExhausted},
      {"DuplicateTensor",
       FileOf("{\"t.weight\":" + twin + ",\"t.weight\":" + twin + "}", "x"),
       {"t.weight", "twice"}},
      {"DuplicateTensorByEscape",
       FileOf("{\"t.weight\":" + twin + ",\"\\u0074.weight\":" + twin + "}", "x"),
       {"t.weight", "twice"}},
      {"DuplicateField",
       One(R"("dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,1])", 1),
       {"shape", "twice"}},
      {"DuplicateMetadata",
       FileOf(R"({"__metadata__":{},"__metadata__":{}})", ""),
       {"__metadata__", "twice"}},
      {"MetadataIsAList", FileOf(R"({"__metadata__":[]})", ""), {"__metadata__", "not an object"}},
      {"MetadataHoldsANumber",
       FileOf(R"({"__metadata__":{"format":1}})", ""),
       {"__metadata__", "format"}},
      {"MetadataHoldsAnObject",
       FileOf(R"({"__metadata__":{"format":{}}})", ""),
       {"__metadata__", "format"}},
      {"EntryIsANumber", FileOf(R"({"t.weight":3})", ""), {"t.weight", "not an object"}},
      {"EntryIsNull", FileOf(R"({"t.weight":null})", ""), {"t.weight", "not an object"}},
      {"EntryIsEmpty", One("", 0), {"t.weight", "dtype"}},
      {"DtypeMissing", One(R"("shape":[1],"data_offsets":[0,1])", 1), {"t.weight", "dtype"}},
      {"DtypeIsANumber",
       One(R"("dtype":32,"shape":[1],"data_offsets":[0,1])", 1),
       {"t.weight", "dtype"}},
      {"DtypeUnknown",
       One(R"("dtype":"Q4_K","shape":[1],"data_offsets":[0,1])", 1),
       {"t.weight", "Q4_K"}},
      {"DtypeInLowerCase",
       One(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])", 4),
       {"t.weight", "f32"}},
      {"DtypeWithControlCharacters",
       One(R"("dtype":"\u001b[31m","shape":[1],"data_offsets":[0,1])", 1),
       {"t.weight", "?[31m"}},
      {"DtypeOfEightBitFloats",
       One(R"("dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1])", 1),
       {"t.weight", "F8_E4M3", "use the F32"},
       StatusCode::kUnsupported},
      {"ShapeMissing", One(R"("dtype":"U8","data_offsets":[0,1])", 1), {"t.weight", "shape"}},
      {"ShapeIsANumber",
       One(R"("dtype":"U8","shape":1,"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeIsNegative",
       One(R"("dtype":"U8","shape":[-1],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeIsNegativeTwice",
       One(R"("dtype":"U8","shape":[-1,-1],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeIsAFraction",
       One(R"("dtype":"U8","shape":[1.0],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeIsAString",
       One(R"("dtype":"U8","shape":["1"],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeOver63Bits",
       One(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeOver64Bits",
       One(R"("dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1])", 1),
       {"t.weight", "shape"}},
      {"ShapeWrapsToOne",
       One(R"("dtype":"U8","shape":[4294967297,4294967297],"data_offsets":[0,1])", 1),
       {"t.weight", "overflows"}},
      {"ShapeWrapsToZero",
       One(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", 0),
       {"t.weight", "overflows"}},
      {"ShapeWrapsBehindAZero",
       One(R"("dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0])", 0),
       {"t.weight", "overflows"}},
      {"RankTooHigh",
       One(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1),
       {"t.weight", "17 dimensions"}},
      {"OffsetsMissing", One(R"("dtype":"U8","shape":[1])", 1), {"t.weight", "data_offsets"}},
      {"OffsetsOfOne",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[1])", 1),
       {"t.weight", "data_offsets"}},
      {"OffsetsOfThree",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,1])", 1),
       {"t.weight", "data_offsets"}},
      {"OffsetsAreStrings",
       One(R"("dtype":"U8","shape":[1],"data_offsets":["0","1"])", 1),
       {"t.weight", "data_offsets"}},
      {"OffsetsAreNegative",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[-1,0])", 1),
       {"t.weight", "data_offsets"}},
      {"OffsetsRunBackwards",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[1,0])", 1),
       {"t.weight", "backwards"}},
      {"OffsetsPastTheEnd",
       One(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])", 1),
       {"t.weight", "2 of 1"}},
      {"OffsetsFarPastTheEnd",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807])",
           1),
       {"t.weight", "of 1 bytes"}},
      {"OffsetsOver63Bits",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,0])", 1),
       {"t.weight", "data_offsets"}},
      {"ShapeLargerThanBytes",
       One(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", 8),
       {"t.weight", "12 bytes", "8"}},
      {"ShapeSmallerThanBytes",
       One(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])", 8),
       {"t.weight", "4 bytes", "8"}},
      {"ScalarOfTwo",
       One(R"("dtype":"U8","shape":[],"data_offsets":[0,2])", 2),
       {"t.weight", "1 bytes"}},
      {"EmptyShapeOverBytes",
       One(R"("dtype":"U8","shape":[0],"data_offsets":[0,2])", 2),
       {"t.weight", "0 bytes"}},
      {"HoleAtTheStart",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])", 2),
       {"t.weight", "belong to no tensor"}},
      {"BytesLeftOver",
       One(R"("dtype":"U8","shape":[1],"data_offsets":[0,1])", 3),
       {"last 2 bytes"}},
      {"BufferWithoutTensors", FileOf("{}", "x"), {"last 1 bytes"}},
      {"Overlap",
       FileOf(
           R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
           "xyz"),
       {"\"b\"", "overlap"}},
      {"SameBytesTwice",
       FileOf(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
           "x"),
       {"overlap"}},
      {"OneInsideAnother",
       FileOf(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
           "wxyz"),
       {"\"b\"", "overlap"}},
      {"EmptyTensorInsideAnother",
       FileOf(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
           "wxyz"),
       {"\"b\"", "overlap"}},
      {"HoleBetween",
       FileOf(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
           "xyz"),
       {"\"b\"", "bytes 1 to 2"}},
      {"LongNameIsShortened",
       FileOf("{\"" + std::string(5000, 'n') + "\":1}", ""),
       {"nnn...", "not an object"}},
  };
  return files;
}

std::string TitleOf(const ::testing::TestParamInfo<Wrong>& test) { return test.param.title; }

class WrongSafetensors : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongSafetensors, IsRefusedByNameAndReason) {
  const Wrong& wrong = GetParam();
  // An exact heap copy, so that AddressSanitizer sees a read past the end.
  const auto bytes = std::make_unique<std::uint8_t[]>(wrong.file.size());
  std::memcpy(bytes.get(), wrong.file.data(), wrong.file.size());
  const auto parsed =
      Safetensors::Parse({bytes.get(), wrong.file.size()}, "weights/model.safetensors");
  ASSERT_FALSE(parsed.ok());
  const std::string& message = parsed.status().message();
  EXPECT_EQ(parsed.status().code(), wrong.code) << message;
  EXPECT_NE(message.find("weights/model.safetensors"), std::string::npos) << message;
  for (const std::string& part : wrong.says) {
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
  EXPECT_LT(message.size(), 400u) << message;
}

INSTANTIATE_TEST_SUITE_P(HandMade, WrongSafetensors, ::testing::ValuesIn(WrongFiles()), TitleOf);

TEST(Safetensors, RefusesEveryPrefixOfAFile) {
  const std::string file = FileOf(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})",
      std::string(9, 'x'));
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::string part = file.substr(0, size);
    EXPECT_FALSE(Safetensors::Parse(AsBytes(part), "m").ok()) << size;
  }
}

}  // namespace
}  // namespace espy::encoders
