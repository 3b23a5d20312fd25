#include <cublasLt.h>
#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/status_macros.h"
#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/rows.h"

namespace espy::cuda {
namespace {

#define ESPY_QUOTE(x) #x
#define ESPY_QUOTED(x) ESPY_QUOTE(x)
constexpr char kFile[] = "libcublasLt.so." ESPY_QUOTED(CUBLAS_VER_MAJOR);

// The functions used, by the header's own types.
struct Functions {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtGetStatusString) status_string = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
};

template <class Function>
bool Load(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

bool LoadAll(void* library, Functions* f) {
  return Load(library, "cublasLtCreate", &f->create) &&
         Load(library, "cublasLtDestroy", &f->destroy) &&
         Load(library, "cublasLtGetStatusString", &f->status_string) &&
         Load(library, "cublasLtMatmul", &f->matmul) &&
         Load(library, "cublasLtMatmulAlgoGetHeuristic", &f->heuristic) &&
         Load(library, "cublasLtMatmulDescCreate", &f->desc_create) &&
         Load(library, "cublasLtMatmulDescDestroy", &f->desc_destroy) &&
         Load(library, "cublasLtMatmulDescSetAttribute", &f->desc_set) &&
         Load(library, "cublasLtMatrixLayoutCreate", &f->layout_create) &&
         Load(library, "cublasLtMatrixLayoutDestroy", &f->layout_destroy) &&
         Load(library, "cublasLtMatmulPreferenceCreate", &f->preference_create) &&
         Load(library, "cublasLtMatmulPreferenceDestroy", &f->preference_destroy) &&
         Load(library, "cublasLtMatmulPreferenceSetAttribute", &f->preference_set);
}

Status OfCublas(const Functions& f, cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return Status::Ok();
  const std::string text = std::string("cuBLASLt: ") + what + ": " + f.status_string(status);
  if (status == CUBLAS_STATUS_ALLOC_FAILED) {
    return Status::ResourceExhausted(text + "; close other programs that use the GPU");
  }
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
    return Status::InvalidArgument(text);
  }
  return Status::Unavailable(text);
}

// An object of the library's that must be given back.
template <class Handle>
class Owned {
 public:
  explicit Owned(cublasStatus_t (*destroy)(Handle)) : destroy_(destroy) {}
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle* out() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  cublasStatus_t (*destroy_)(Handle);
  Handle handle_ = nullptr;
};

cudaDataType_t DataType(kernels::ElementType type) {
  switch (type) {
    case kernels::ElementType::kFloat16:
      return CUDA_R_16F;
    case kernels::ElementType::kBfloat16:
      return CUDA_R_16BF;
    case kernels::ElementType::kFloat32:
      break;
  }
  return CUDA_R_32F;
}

// What an algorithm is chosen by.
using Shape =
    std::tuple<kernels::ElementType, kernels::ElementType, std::int32_t, std::int32_t, std::int32_t,
               std::int64_t, std::int64_t, std::int64_t, int, bool, std::size_t>;

class Library {
 public:
  static Library& Get() {
    static Library library;  // never unloaded: its own threads may outlive main
    return library;
  }

  const Status& found() const { return found_; }

  Status Multiply(const MatmulArgs& args, void* stream) {
    ESPY_RETURN_IF_ERROR(found_);
    const bool own_gelu = args.activation == kernels::Activation::kGeluTanh &&
                          args.residual == nullptr && HasBias(args);
    const bool follows = args.activation != kernels::Activation::kNone && !own_gelu;
    if (follows && args.residual != nullptr) {
      return Status::InvalidArgument(
          "cuBLASLt adds no residual after an activation that it does not have");
    }
    // Row-major C = A W^T is column-major C^T = W A^T: cuBLASLt sees [outputs, rows].
    Owned<cublasLtMatmulDesc_t> operation(f_.desc_destroy);
    ESPY_RETURN_IF_ERROR(
        Checked(f_.desc_create(operation.out(), CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product"));
    const cublasOperation_t transposed = CUBLAS_OP_T;
    ESPY_RETURN_IF_ERROR(
        Set(operation.get(), CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed));
    const int epilogue = own_gelu        ? CUBLASLT_EPILOGUE_GELU_BIAS
                         : HasBias(args) ? CUBLASLT_EPILOGUE_BIAS
                                         : CUBLASLT_EPILOGUE_DEFAULT;
    const auto epilogue_value = static_cast<cublasLtEpilogue_t>(epilogue);
    ESPY_RETURN_IF_ERROR(Set(operation.get(), CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue_value,
                             sizeof epilogue_value));
    if (HasBias(args)) {
      const void* bias = Bias(args);
      ESPY_RETURN_IF_ERROR(
          Set(operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
      const cudaDataType_t type = DataType(args.out_type);
      ESPY_RETURN_IF_ERROR(
          Set(operation.get(), CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type));
    }
    Owned<cublasLtMatrixLayout_t> w(f_.layout_destroy), a(f_.layout_destroy), c(f_.layout_destroy);
    const auto inputs = static_cast<std::uint64_t>(args.inputs);
    const auto outputs = static_cast<std::uint64_t>(args.outputs);
    const auto rows = static_cast<std::uint64_t>(args.rows);
    ESPY_RETURN_IF_ERROR(Checked(
        f_.layout_create(w.out(), DataType(args.type), inputs, outputs, args.weights_stride), "W"));
    ESPY_RETURN_IF_ERROR(
        Checked(f_.layout_create(a.out(), DataType(args.type), inputs, rows, args.a_stride), "A"));
    ESPY_RETURN_IF_ERROR(Checked(
        f_.layout_create(c.out(), DataType(args.out_type), outputs, rows, args.out_stride), "C"));
    cublasLtMatmulAlgo_t algorithm;
    ESPY_RETURN_IF_ERROR(
        Choose(args, epilogue, operation.get(), w.get(), a.get(), c.get(), &algorithm));
    const float one = 1, of_residual = args.residual != nullptr ? 1.0f : 0.0f;
    const void* residual = args.residual != nullptr ? args.residual : args.out;
    ESPY_RETURN_IF_ERROR(
        Checked(f_.matmul(handle_, operation.get(), &one, args.weights, w.get(), args.a, a.get(),
                          &of_residual, residual, c.get(), args.out, c.get(), &algorithm,
                          args.workspace, args.workspace_bytes, static_cast<cudaStream_t>(stream)),
                "the product"));
    if (!follows) return Status::Ok();
    return Activate({.type = args.out_type,
                     .rows = args.rows,
                     .width = args.outputs,
                     .stride = args.out_stride,
                     .activation = args.activation,
                     .values = args.out},
                    stream);
  }

 private:
  Library() : found_(Open()) {}

  Status Open() {
    const char* wanted = std::getenv("ESPY_CUBLASLT");
    if (wanted != nullptr && std::string_view(wanted) == "0") {
      return Status::NotFound("cuBLASLt is switched off by ESPY_CUBLASLT=0");
    }
    void* library = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* why = dlerror();
      return Status::NotFound(std::string("cuBLASLt: ") + (why != nullptr ? why : kFile) +
                              "; install CUDA's cuBLAS, or go on with Espy's own products");
    }
    if (!LoadAll(library, &f_)) {
      return Status::NotFound(std::string("cuBLASLt: ") + kFile +
                              " lacks a function; install the one of this CUDA release");
    }
    return Checked(f_.create(&handle_), "no handle");
  }

  Status Checked(cublasStatus_t status, const char* what) const {
    return OfCublas(f_, status, what);
  }
  Status Set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
             const void* value, std::size_t bytes) const {
    return Checked(f_.desc_set(operation, attribute, value, bytes), "an attribute");
  }

  // The bias of out's own type.
  static const void* Bias(const MatmulArgs& args) {
    return args.out_type == kernels::ElementType::kFloat32 ? args.bias : args.bias_16;
  }
  static bool HasBias(const MatmulArgs& args) { return Bias(args) != nullptr; }

  // The library's first choice, kept: asking takes longer than a small product.
  Status Choose(const MatmulArgs& args, int epilogue, cublasLtMatmulDesc_t operation,
                cublasLtMatrixLayout_t w, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t c,
                cublasLtMatmulAlgo_t* algorithm) {
    const Shape shape{args.type,
                      args.out_type,
                      args.rows,
                      args.outputs,
                      args.inputs,
                      args.a_stride,
                      args.weights_stride,
                      args.out_stride,
                      epilogue,
                      args.residual != nullptr,
                      args.workspace_bytes};
    std::lock_guard lock(mutex_);
    if (const auto kept = algorithms_.find(shape); kept != algorithms_.end()) {
      *algorithm = kept->second;
      return Status::Ok();
    }
    Owned<cublasLtMatmulPreference_t> preference(f_.preference_destroy);
    ESPY_RETURN_IF_ERROR(Checked(f_.preference_create(preference.out()), "a preference"));
    const std::uint64_t bytes = args.workspace_bytes;
    ESPY_RETURN_IF_ERROR(
        Checked(f_.preference_set(preference.get(), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                  &bytes, sizeof bytes),
                "a preference"));
    cublasLtMatmulHeuristicResult_t result{};
    int results = 0;
    ESPY_RETURN_IF_ERROR(Checked(
        f_.heuristic(handle_, operation, w, a, c, c, preference.get(), 1, &result, &results),
        "no algorithm"));
    if (results == 0) return Status::InvalidArgument("cuBLASLt has no algorithm for the product");
    if (algorithms_.size() >= kMostAlgorithms) algorithms_.clear();
    algorithms_.emplace(shape, result.algo);
    *algorithm = result.algo;
    return Status::Ok();
  }

  static constexpr std::size_t kMostAlgorithms = 4096;

  // Constant after construction. In this order: opening fills the first two.
  Functions f_;
  cublasLtHandle_t handle_ = nullptr;
  Status found_;

  std::mutex mutex_;
  std::map<Shape, cublasLtMatmulAlgo_t> algorithms_;  // guarded by mutex_
};

}  // namespace

Status CublasLtFound() { return Library::Get().found(); }

bool CublasLtTakes(const MatmulArgs& args) {
  if (args.bias != nullptr && args.out_type != kernels::ElementType::kFloat32 &&
      args.bias_16 == nullptr) {
    return false;
  }
  if (args.residual != nullptr && (args.activation != kernels::Activation::kNone ||
                                   args.out_type != kernels::ElementType::kFloat32)) {
    return false;
  }
  return TensorTakes(args) && args.out_stride % 8 == 0 && CublasLtFound().ok();
}

Status MatmulByCublasLt(const MatmulArgs& args, void* stream) {
  return Library::Get().Multiply(args, stream);
}

}  // namespace espy::cuda
