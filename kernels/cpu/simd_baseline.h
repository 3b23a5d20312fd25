// Four FP32 lanes that any compiler target has (SSE2 on x86-64, NEON on arm64), written in the
// compiler's own vector types. The kernels are templates over such a type; this one also says what
// each name means:
//   kLanes                         lanes of F
//   kTileRows, kTileVectors        rows and vectors of the matrix kernels' register tile
//   Set, Load, Store               broadcast; unaligned
//   LoadFirst, StoreFirst          lanes i < n only, 0 <= n <= kLanes; others read as 0 and are
//                                  not touched; storing so is slow on some CPUs
//   KeepFirst                      0 in the lanes that are not among the first n
//   Fma(a, b, c)                   a * b + c, rounded once where the CPU fuses (not here)
//   Max, Min, Abs, Round           Round is to the nearest integer, |x| < 2^22
//   Pow2(n)                        2^n for whole n in [-126, 127]
//   kWholeMagic                    1.5 * 2^23: x + kWholeMagic has no room for a fraction
//   TimesPow2(a, whole)            a * 2^n for whole = n + kWholeMagic; a and the result are normal
//   kSplits                        whether the CPU has the two of AVX-512 below
//   Fraction(x)                    x - floor(x)
//   TimesPow2Floor(a, x)           a * 2^floor(x), 0 where that is too small for a float
//   ZeroWhereLess(x, limit, value) 0 where x < limit, else value
//   WhereLess(x, limit, then, else) by lane
//   Sum, MaxLane                   over the lanes, in a fixed order
//   Transpose                      of a kLanes x kLanes block
#ifndef ESPY_KERNELS_CPU_SIMD_BASELINE_H_
#define ESPY_KERNELS_CPU_SIMD_BASELINE_H_

#include <cstdint>
#include <cstring>

namespace espy::kernels::cpu {

struct Baseline {
  static constexpr int kLanes = 4;
  static constexpr int kTileRows =
      4;  // 4 x 2 accumulators and what multiplies them in 16 registers
  static constexpr int kTileVectors = 2;
  static constexpr float kWholeMagic = 12582912.0f;
  static constexpr bool kSplits = false;
  typedef float F __attribute__((vector_size(16)));
  typedef std::int32_t I __attribute__((vector_size(16)));

  static F Set(float x) { return F{x, x, x, x}; }
  static F Load(const float* p) {
    F x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static void Store(float* p, F x) { std::memcpy(p, &x, sizeof(x)); }
  static F LoadFirst(const float* p, std::int64_t n) {
    F x = Set(0);
    for (int i = 0; i < n; ++i) x[i] = p[i];
    return x;
  }
  static void StoreFirst(float* p, F x, std::int64_t n) {
    for (int i = 0; i < n; ++i) p[i] = x[i];
  }
  static F KeepFirst(F x, std::int64_t n) {
    for (int i = 0; i < kLanes; ++i) x[i] = i < n ? x[i] : 0.0f;
    return x;
  }
  static F Fma(F a, F b, F c) { return a * b + c; }
  static F Max(F a, F b) { return a > b ? a : b; }
  static F Min(F a, F b) { return a < b ? a : b; }
  static F Abs(F a) { return Bits(Ints(a) & 0x7fffffff); }
  static F Round(F a) {
    const F magic = Set(kWholeMagic);
    return (a + magic) - magic;
  }
  static F Pow2(F n) { return Bits((__builtin_convertvector(n, I) + 127) << 23); }
  static F TimesPow2(F a, F whole) { return Bits(Ints(a) + (Ints(whole) << 23)); }
  static F ZeroWhereLess(F x, F limit, F value) { return x < limit ? Set(0) : value; }
  static F WhereLess(F x, F limit, F then, F otherwise) { return x < limit ? then : otherwise; }
  static float Sum(F a) { return (a[0] + a[2]) + (a[1] + a[3]); }
  static float MaxLane(F a) {
    const float x = a[0] > a[1] ? a[0] : a[1];
    const float y = a[2] > a[3] ? a[2] : a[3];
    return x > y ? x : y;
  }
  static void Transpose(const float* in, std::int64_t in_stride, float* out,
                        std::int64_t out_stride) {
    for (int r = 0; r < kLanes; ++r) {
      for (int c = 0; c < kLanes; ++c) out[c * out_stride + r] = in[r * in_stride + c];
    }
  }

  static I SetInt(std::int32_t x) { return I{x, x, x, x}; }
  static I LoadInt(const std::int32_t* p) {
    I x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static void StoreInt(std::int32_t* p, I x) { std::memcpy(p, &x, sizeof(x)); }
  static I SubInt(I a, I b) { return a - b; }
  static F ToFloat(I x) { return __builtin_convertvector(x, F); }

  // What Bfloat16Operands and Int8Operands ask of a CPU:
  //   Activation, Weight, WeightVector   elements in memory, and a loaded vector of weights
  //   kGroup                             inputs that one Dot takes
  //   Position(output)                   BF16: where an output's weight lies in a step of a panel
  //   LoadWeights, Broadcast, Dot        one step: the panel's vectors, a row's group, the sum
  //   StoreActivations                   kLanes activations in the form of Activation
  //   kActivationOffset                  INT8: by what activations are held too high
  struct Bfloat16 {
    using Activation = float;
    using Weight = std::uint16_t;
    using WeightVector = F;
    static constexpr int kGroup = 1;
    static constexpr int Position(int output) {
      return output < kLanes ? 2 * output : 2 * (output - kLanes) + 1;
    }
    template <int kVectors>
    static void LoadWeights(const Weight* p, WeightVector* row) {
      static_assert(kVectors == 2);
      I words;
      std::memcpy(&words, p, sizeof(words));
      row[0] = Bits(words << 16);
      row[1] = Bits(words & ~0xffff);
    }
    static F Broadcast(const Activation* p) { return Set(*p); }
    static F Dot(F sum, F a, F w) { return Fma(a, w, sum); }
  };

  struct Int8 {
    using Activation = std::int16_t;
    using WeightVector = I;
    static constexpr int kGroup = 1;
    static constexpr int kActivationOffset = 0;
    template <int kVectors>
    static void LoadWeights(const std::int8_t* p, WeightVector* row) {
      for (int j = 0; j < kVectors; ++j, p += kLanes) row[j] = I{p[0], p[1], p[2], p[3]};
    }
    static I Broadcast(const Activation* p) { return SetInt(*p); }
    static I Dot(I sum, I a, I w) { return sum + a * w; }
    static void StoreActivations(Activation* p, F x) {
      for (int i = 0; i < kLanes; ++i) p[i] = static_cast<Activation>(x[i]);
    }
  };

 private:
  static F Bits(I x) {
    F y;
    std::memcpy(&y, &x, sizeof(y));
    return y;
  }
  static I Ints(F x) {
    I y;
    std::memcpy(&y, &x, sizeof(y));
    return y;
  }
};

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_SIMD_BASELINE_H_
