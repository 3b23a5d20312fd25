#include "tests/kernels/table_paired.h"

#include "kernels/cpu/simd_avx2.h"
#include "kernels/cpu/table-inl.h"

namespace espy::kernels::cpu {

struct Paired {
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 12;
  static constexpr int kTileVectors = 2;
  using H = Avx2;
  struct F {
    H::F low, high;
    friend F operator+(F a, F b) { return {a.low + b.low, a.high + b.high}; }
    friend F operator-(F a, F b) { return {a.low - b.low, a.high - b.high}; }
    friend F operator*(F a, F b) { return {a.low * b.low, a.high * b.high}; }
    friend F operator/(F a, F b) { return {a.low / b.low, a.high / b.high}; }
  };
  static std::int64_t Upper(std::int64_t n) { return n > 8 ? n - 8 : 0; }
  static F Set(float x) { return {H::Set(x), H::Set(x)}; }
  static F Load(const float* p) { return {H::Load(p), H::Load(p + 8)}; }
  static void Store(float* p, F x) {
    H::Store(p, x.low);
    H::Store(p + 8, x.high);
  }
  static F LoadFirst(const float* p, std::int64_t n) {
    return {H::LoadFirst(p, n), H::LoadFirst(p + 8, Upper(n))};
  }
  static void StoreFirst(float* p, F x, std::int64_t n) {
    H::StoreFirst(p, x.low, n);
    H::StoreFirst(p + 8, x.high, Upper(n));
  }
  static F Fma(F a, F b, F c) {
    return {H::Fma(a.low, b.low, c.low), H::Fma(a.high, b.high, c.high)};
  }
  static F Max(F a, F b) { return {H::Max(a.low, b.low), H::Max(a.high, b.high)}; }
  static F Min(F a, F b) { return {H::Min(a.low, b.low), H::Min(a.high, b.high)}; }
  static F Abs(F a) { return {H::Abs(a.low), H::Abs(a.high)}; }
  static F Round(F a) { return {H::Round(a.low), H::Round(a.high)}; }
  static F Pow2(F a) { return {H::Pow2(a.low), H::Pow2(a.high)}; }
  static F ZeroWhereLess(F x, F limit, F v) {
    return {H::ZeroWhereLess(x.low, limit.low, v.low),
            H::ZeroWhereLess(x.high, limit.high, v.high)};
  }
  static F WhereLess(F x, F limit, F a, F b) {
    return {H::WhereLess(x.low, limit.low, a.low, b.low),
            H::WhereLess(x.high, limit.high, a.high, b.high)};
  }
  static float Sum(F a) { return H::Sum(a.low) + H::Sum(a.high); }
  static float MaxLane(F a) { return H::MaxLane(H::Max(a.low, a.high)); }
  static void Transpose(const float* in, std::int64_t in_stride, float* out,
                        std::int64_t out_stride) {
    for (int r = 0; r < 16; r += 8) {
      for (int c = 0; c < 16; c += 8) {
        H::Transpose(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
      }
    }
  }
};

}  // namespace espy::kernels::cpu

namespace espy::kernels::testing {

const cpu::KernelTable& PairedKernels() {
  static constinit const cpu::KernelTable table = cpu::MakeTable<cpu::Paired>("paired");
  return table;
}

}  // namespace espy::kernels::testing
