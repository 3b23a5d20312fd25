#include "kernels/cpu/reference.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace espy::kernels::reference {

double Activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::kGelu:
      return x / 2 * std::erfc(-x / std::numbers::sqrt2);
  }
  return x;
}

void Matmul(const float* a, const float* w, const float* bias, Activation activation,
            const float* residual, std::int64_t rows, std::int64_t outputs, std::int64_t inputs,
            float* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t n = 0; n < outputs; ++n) {
      double sum = bias == nullptr ? 0 : bias[n];
      for (std::int64_t k = 0; k < inputs; ++k) {
        sum += static_cast<double>(a[r * inputs + k]) * w[n * inputs + k];
      }
      sum = Activate(activation, sum);
      if (residual != nullptr) sum += residual[r * outputs + n];
      out[r * outputs + n] = static_cast<float>(sum);
    }
  }
}

void Attention(const AttentionArgs& args) {
  for (std::int64_t s = 0; s < args.sequences; ++s) {
    const std::int64_t key = args.key_offsets[s];
    const std::int64_t keys = args.key_offsets[s + 1] - key;
    for (std::int64_t h = 0; h < args.heads; ++h) {
      const std::int64_t column = h * args.head_dim;
      for (std::int64_t query = args.query_offsets[s]; query < args.query_offsets[s + 1]; ++query) {
        const std::int64_t visible = args.causal ? query - args.query_offsets[s] + 1 : keys;
        std::vector<double> weights(static_cast<std::size_t>(visible));
        for (std::int64_t i = 0; i < visible; ++i) {
          double dot = 0;
          for (std::int64_t c = column; c < column + args.head_dim; ++c) {
            dot += static_cast<double>(args.q.data[query * args.q.row_stride + c]) *
                   args.k.data[(key + i) * args.k.row_stride + c];
          }
          weights[static_cast<std::size_t>(i)] = dot * args.scale;
        }
        const double largest = *std::max_element(weights.begin(), weights.end());
        double sum = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (std::int64_t c = column; c < column + args.head_dim; ++c) {
          double mixed = 0;
          for (std::int64_t i = 0; i < visible; ++i) {
            mixed += weights[static_cast<std::size_t>(i)] *
                     args.v.data[(key + i) * args.v.row_stride + c];
          }
          args.out[query * args.out_stride + c] = static_cast<float>(mixed / sum);
        }
      }
    }
  }
}

void LayerNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight,
               const float* bias, float eps, float* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * width;
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < width; ++i) mean += row[i] / static_cast<double>(width);
    for (std::int64_t i = 0; i < width; ++i) {
      variance += (row[i] - mean) * (row[i] - mean) / static_cast<double>(width);
    }
    for (std::int64_t i = 0; i < width; ++i) {
      out[r * width + i] =
          static_cast<float>((row[i] - mean) / std::sqrt(variance + eps) * weight[i] + bias[i]);
    }
  }
}

}  // namespace espy::kernels::reference
