#include "captioning/model.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "captioning/blip_names.h"
#include "encoders/model_files.h"
#include "encoders/model_store.h"

namespace espy::captioning {
namespace {

Precision Chosen(Precision asked) {
  if (asked != Precision::kAuto && asked != Precision::kFloat16) return asked;
  return CpuFeatures().avx512_bf16 ? Precision::kBfloat16 : Precision::kFloat32;
}

bool HasTower(const encoders::Safetensors& weights, const std::string& tower) {
  const std::vector<std::string> names = weights.Names();
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.starts_with(tower + ".") || name.find("." + tower + ".") != std::string::npos;
  });
}

}  // namespace

Result<std::string> ModelId(const std::string& directory) {
  return encoders::SpaceId(directory, {"vocab.txt"});
}

BlipModel::BlipModel(std::string directory, const ModelOptions& options)
    : directory_(std::move(directory)),
      precision_(Chosen(options.precision)),
      cache_(options.weight_cache),
      pool_(options.threads > 0 ? options.threads : CoreCount()) {}

kernels::Precision BlipModel::products() const {
  switch (precision_) {
    case Precision::kBfloat16:
      return kernels::Precision::kBfloat16;
    case Precision::kInt8:
      return kernels::Precision::kInt8;
    default:
      return kernels::Precision::kFloat32;
  }
}

Status BlipModel::OutOfMemory() const {
  return Status::ResourceExhausted(directory_ +
                                   ": not enough memory for the model; close other programs, use "
                                   "fewer pictures at once, or a smaller model");
}

Result<std::unique_ptr<BlipModel>> BlipModel::Open(const std::string& directory,
                                                   const std::string& text_tower,
                                                   const std::string& use,
                                                   const ModelOptions& options) {
  try {
    std::unique_ptr<BlipModel> model(new BlipModel(directory, options));
    ESPY_ASSIGN_OR_RETURN(model->config_, ReadBlipConfig(directory));
    ESPY_ASSIGN_OR_RETURN(std::unique_ptr<encoders::Safetensors> file,
                          encoders::OpenWeights(directory));
    if (!HasTower(*file, text_tower)) {
      return Status::Unsupported(file->path() + ": the model has no " + text_tower +
                                 " and gives no " + use +
                                 "; use one that does, as Salesforce/blip-image-captioning-base "
                                 "gives captions and blip-itm-base-coco match scores");
    }
    // A question answering model's decoder reads its text encoder's rows, not a picture's. A text
    // encoder that matches is one beside the decoder, in a directory for both tasks.
    if (text_tower == "text_decoder" && HasTower(*file, "text_encoder") &&
        !HasTower(*file, "itm_head")) {
      return Status::Unsupported(file->path() + ": the model answers questions, and gives no " +
                                 use +
                                 "; use one that does, as Salesforce/blip-image-captioning-base");
    }
    model->weights_ = RenameBlip(std::move(file));
    ESPY_ASSIGN_OR_RETURN(model->tokenizer_, encoders::LoadBertTokenizer(directory));
    // Checked once here, so that no id can fall outside of the embedding table later.
    if (model->tokenizer_->vocabulary() > model->config_.text.vocabulary) {
      return Status::Corruption(
          directory + ": the tokenizer knows " + std::to_string(model->tokenizer_->vocabulary()) +
          " ids, config.json's vocab_size is " + std::to_string(model->config_.text.vocabulary) +
          "; check that the files are of the same model");
    }
    ESPY_ASSIGN_OR_RETURN(const std::string id, ModelId(directory));
    ESPY_ASSIGN_OR_RETURN(model->source_,
                          encoders::DescribePanelSource(directory, id, options.weight_cache.env));
    ESPY_ASSIGN_OR_RETURN(
        model->vision_, model->Packed("vision", [&](const encoders::TowerOptions& tower) {
          return VisionTower::Load(model->WeightsOf("vision_model", tower), model->config_.vision);
        }));
    return model;
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted(directory + ": not enough memory for the model");
  }
}

Status BlipModel::CheckSizes(std::span<const imaging::PictureView> pictures) const {
  for (const imaging::PictureView& picture : pictures) {
    if (!vision_.Takes(picture.size)) {
      return Status::InvalidArgument(
          directory_ + ": the model takes no picture of " + std::to_string(picture.size.width) +
          " x " + std::to_string(picture.size.height) + " pixels; preprocess it as the model asks");
    }
  }
  return Status::Ok();
}

Result<std::unique_ptr<BlipModel::Seen>> BlipModel::See(
    std::span<const imaging::PictureView> pictures) const {
  ESPY_RETURN_IF_ERROR(CheckSizes(pictures));
  try {
    std::unique_ptr<Seen> seen(new Seen(&workspaces_));
    encoders::Workspace* workspace = seen->loan_.get();
    const std::int64_t each = vision_.tokens() * vision_.width();
    workspace->pooled.Reserve(static_cast<std::int64_t>(pictures.size()) * each);
    vision_.Encode(pictures, workspace, workspace->pooled.data(), &pool_);
    seen->rows_ = workspace->pooled.data();
    seen->each_ = static_cast<std::size_t>(each);
    return seen;
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

}  // namespace espy::captioning
