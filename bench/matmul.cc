// Products of encoder towers' shapes: kernels/matmul.h in each precision beside oneDNN in FP32, on
// one thread, taking turns. GFLOP/s by the thread's processor time, so that other work on the
// machine counts little; the best and the median of the rounds.
//   bench_matmul [rounds]
#include "kernels/matmul.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "base/cpu_features.h"

namespace espy::kernels {
namespace {

struct Shape {
  std::int64_t rows, outputs, inputs;
};

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Rate(const Shape& s, const std::function<void()>& product) {
  const double flop = 2.0 * static_cast<double>(s.rows * s.outputs * s.inputs);
  const int calls = std::max(1, static_cast<int>(1e9 / flop));
  const double start = CpuSeconds();
  for (int i = 0; i < calls; ++i) product();
  return calls * flop / (CpuSeconds() - start) * 1e-9;
}

void Measure(const Shape& s, int rounds) {
  AlignedBuffer a(s.rows * s.inputs), w(s.outputs * s.inputs), out(s.rows * s.outputs);
  for (AlignedBuffer* buffer : {&a, &w, &out}) {
    for (std::int64_t i = 0; i < buffer->size(); ++i) {
      buffer->data()[i] = static_cast<float>(i % 17) * 0.01f;
    }
  }
  PackedMatrix packed[kPrecisions];
  for (int i = 0; i < kPrecisions; ++i) {
    packed[i] = PackedMatrix(s.outputs, s.inputs, static_cast<Precision>(i));
    packed[i].SetRows(0, s.outputs, w.data(), ElementType::kFloat32, nullptr);
  }
  MatmulArgs args{.a = a.data(), .a_stride = s.inputs, .rows = s.rows};
  args.out = out.data();
  args.out_stride = s.outputs;

  using dnnl::memory;
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto type = memory::data_type::f32;
  const memory::desc a_desc({s.rows, s.inputs}, type, memory::format_tag::ab);
  const memory::desc any({s.inputs, s.outputs}, type, memory::format_tag::any);
  const memory::desc plain({s.inputs, s.outputs}, type, memory::format_tag::ba);
  const memory::desc c_desc({s.rows, s.outputs}, type, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(a_desc, any, c_desc), engine);
  const dnnl::matmul product(chosen);
  memory a_memory(a_desc, engine, a.data()), c_memory(c_desc, engine, out.data());
  memory w_plain(plain, engine, w.data()), w_memory(chosen.weights_desc(), engine);
  dnnl::reorder(w_plain, w_memory).execute(stream, w_plain, w_memory);
  stream.wait();

  std::vector<double> ours[kPrecisions], theirs;
  for (int i = 0; i < rounds; ++i) {
    for (int precision = 0; precision < kPrecisions; ++precision) {
      args.weights = &packed[precision];
      ours[precision].push_back(Rate(s, [&] { Matmul(args, nullptr); }));
    }
    theirs.push_back(Rate(s, [&] {
      product.execute(
          stream,
          {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, w_memory}, {DNNL_ARG_DST, c_memory}});
      stream.wait();
    }));
  }
  const auto print = [&](const char* engine_name, Precision precision, std::vector<double> rates) {
    std::sort(rates.begin(), rates.end());
    std::printf(
        "{\"bench\":\"matmul\",\"engine\":\"%s\",\"precision\":\"%s\",\"cpu\":\"%s\",\"rows\":%ld,"
        "\"outputs\":%ld,"
        "\"inputs\":%ld,\"gflops_p50\":%.1f,\"gflops_best\":%.1f}\n",
        engine_name, std::string(PrecisionName(precision)).c_str(), CpuDescription().c_str(),
        s.rows, s.outputs, s.inputs, rates[rates.size() / 2], rates.back());
  };
  for (int i = 0; i < kPrecisions; ++i) print("espy", static_cast<Precision>(i), ours[i]);
  print("onednn", Precision::kFloat32, theirs);
}

}  // namespace
}  // namespace espy::kernels

int main(int argc, char** argv) {
  setenv("OMP_NUM_THREADS", "1", 1);
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  using espy::kernels::Shape;
  for (const Shape& s : {Shape{400, 768, 768},
                         {400, 2304, 768},
                         {400, 3072, 768},
                         {400, 768, 3072},
                         {50, 2304, 768},
                         {50, 3072, 768},
                         {50, 768, 3072},
                         {77, 2048, 512},
                         {8, 512, 512},
                         {729, 4304, 1152},
                         {1576, 3072, 768}}) {
    espy::kernels::Measure(s, rounds);
  }
}
