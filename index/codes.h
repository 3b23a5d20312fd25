// Vectors as bytes, a cache line or a few for each: what a graph walk scores instead of rows.
//
// A code holds z, a vector's coordinates (Projection says which), as unsigned bytes c with
// z_i = scale (c_i - 128), and a bias that is added to its score (locally-adaptive vector
// quantisation: Aguerrebere et al. 2023; over projected vectors: LeanVec, Tepper et al. 2023). A
// query is quantised alike, so a score is bias + scale * query scale * an integer, and has the same
// bits on every CPU, whichever kernel computed it.
#ifndef ESPY_INDEX_CODES_H_
#define ESPY_INDEX_CODES_H_

#include <cstdint>
#include <cstring>

#include "index/aligned_bytes.h"

namespace espy::index {

inline constexpr std::int64_t kCodeLine = 64;  // bytes of a cache line

// n codes, each `stride` bytes: `dims` bytes of coordinates, zeros, and in the last eight bytes the
// scale and the bias as floats. 56 dimensions fill one line, 120 two, and so on.
class CodeMatrix {
 public:
  CodeMatrix() = default;
  CodeMatrix(std::int64_t n, std::int64_t dims);  // contents unspecified
  static std::int64_t Stride(std::int64_t dims) {
    return (dims + 8 + kCodeLine - 1) / kCodeLine * kCodeLine;
  }

  std::int64_t n() const { return n_; }
  std::int64_t dims() const { return dims_; }
  std::int64_t stride() const { return stride_; }
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(n_ * stride_); }
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  const std::uint8_t* row(std::int64_t i) const { return data_.get() + i * stride_; }
  float scale(std::int64_t i) const { return Number(row(i) + stride_ - 8); }
  float bias(std::int64_t i) const { return Number(row(i) + stride_ - 4); }

  void Set(std::int64_t i, const float* z, float bias);  // z: [dims]
  void Copy(std::int64_t i, const CodeMatrix& from, std::int64_t row) {
    std::memcpy(data_.get() + i * stride_, from.row(row), static_cast<std::size_t>(stride_));
  }
  // Scales and biases are numbers: for codes that were read.
  bool Valid() const;

 private:
  static float Number(const std::uint8_t* at) {
    float value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  std::int64_t n_ = 0, dims_ = 0, stride_ = 0;
  AlignedArray<std::uint8_t> data_;
};

// A query for codes of one width, as signed bytes; zeros where a code keeps its numbers.
class CodeQuery {
 public:
  void Set(const float* z, std::int64_t dims);  // z: [dims]
  void Set(const CodeMatrix& codes, std::int64_t row);

  const std::int8_t* data() const { return data_.get(); }
  float scale() const { return scale_; }
  std::int32_t offset() const { return offset_; }  // 128 * the sum of its bytes

 private:
  void Reserve(std::int64_t stride);
  std::int64_t stride_ = 0;
  AlignedArray<std::int8_t> data_;
  float scale_ = 0;
  std::int32_t offset_ = 0;
};

// scores[i] is that of code rows[i], for i < n.
void ScoreCodes(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                std::int64_t n, float* scores);

namespace internal {
// The variants, for the tests that compare them; call only what the CPU has.
void ScoreCodesPlain(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                     std::int64_t n, float* scores);
void ScoreCodesAvx2(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                    std::int64_t n, float* scores);
void ScoreCodesVnni(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                    std::int64_t n, float* scores);
}  // namespace internal

}  // namespace espy::index

#endif  // ESPY_INDEX_CODES_H_
