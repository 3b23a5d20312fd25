#include "encoders/preprocessor_config.h"

#include <optional>

#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json_fields.h"

namespace espy::encoders {
namespace {

using imaging::Filter;
using imaging::PreprocessSpec;

constexpr std::int64_t kMaxSide = 8192;
// What `size` or `crop_size` asks for: the shorter side, or both sides.
struct Size {
  std::int64_t shortest = 0;  // 0: not given
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// The three shapes that were published: 224, {"shortest_edge": 224}, {"height": 224, "width": 224}.
// A bare number is the shorter side for CLIP's `size` and a square everywhere else.
std::optional<Size> ReadSize(JsonFields* fields, std::string_view key, bool number_is_shortest) {
  const JsonValue* field = fields->Raw(key);
  if (field == nullptr) return std::nullopt;
  if (field->is_number()) {
    const std::int64_t side = fields->Integer(key, 1, 1, kMaxSide);
    return number_is_shortest ? Size{side, 0, 0} : Size{0, side, side};
  }
  JsonFields object = fields->Object(key);
  Size size;
  size.shortest = object.Integer("shortest_edge", 0, 1, kMaxSide);
  size.height = object.Integer("height", 0, 1, kMaxSide);
  size.width = object.Integer("width", 0, 1, kMaxSide);
  fields->Merge(object.status());
  const bool both = size.height > 0 && size.width > 0;
  const bool either = size.height > 0 || size.width > 0;
  if (object.Has("longest_edge") || either != both || both == (size.shortest > 0)) {
    fields->Refuse(
        key,
        "is none of a number, {\"shortest_edge\"} and {\"height\", \"width\"}, which are "
        "what this version handles",
        StatusCode::kUnsupported);
  }
  return size;
}

// PIL's numbers for its filters.
Filter ReadFilter(JsonFields* fields, bool naflex) {
  constexpr std::int64_t kBilinear = 2;
  constexpr std::int64_t kBicubic = 3;
  const std::int64_t number = fields->Integer("resample", naflex ? kBilinear : kBicubic, 0, 5);
  if (number != kBilinear && number != kBicubic) {
    fields->Refuse(
        "resample",
        "is " + std::to_string(number) + "; this version has 2 (bilinear) and 3 (bicubic)",
        StatusCode::kUnsupported);
  }
  return number == kBilinear ? Filter::kBilinear : Filter::kBicubic;
}

// SigLIP2's NaFlex processor: whole patches, so many at most. `given`: there is a file.
void ReadPatches(JsonFields* fields, bool given, std::int64_t patch_size, PreprocessSpec* spec) {
  constexpr std::int64_t kProcessorPatch = 16;  // what an absent key means to the processor
  const std::int64_t patch =
      fields->Integer("patch_size", given ? kProcessorPatch : patch_size, 1, kMaxSide);
  if (patch != patch_size) {
    fields->Refuse("patch_size", "is " + std::to_string(patch) + ", but config.json's is " +
                                     std::to_string(patch_size));
  }
  const std::int64_t most = fields->Integer("max_num_patches", 256, 1, kMaxPatches);
  if (most * patch_size * patch_size > kMaxPixels) {
    fields->Refuse("max_num_patches", "is " + std::to_string(most) + ": so many patches of " +
                                          std::to_string(patch_size) +
                                          " pixels a side are over 16 million pixels");
  }
  std::int64_t side = 1;
  while ((side + 1) * (side + 1) <= most) ++side;
  spec->fit = PreprocessSpec::Fit::kPatches;
  spec->patch_size = static_cast<std::int32_t>(patch_size);
  spec->max_patches = static_cast<std::int32_t>(most);
  spec->width = static_cast<std::int32_t>(side * patch_size);
  spec->height = spec->width;
  spec->resize_shortest = spec->width;
}

void ReadGeometry(JsonFields* fields, bool clip, std::int64_t image_size, PreprocessSpec* spec) {
  const bool crops = fields->Flag("do_center_crop", clip);
  const Size size = ReadSize(fields, "size", clip)
                        .value_or(clip ? Size{image_size, 0, 0} : Size{0, image_size, image_size});
  const Size crop = ReadSize(fields, "crop_size", false).value_or(Size{0, image_size, image_size});
  if (crops && crop.shortest > 0) fields->Refuse("crop_size", "gives one side only");
  if (!fields->status().ok()) return;

  const bool squashes = size.shortest == 0;
  const Size out = crops ? crop : size;
  if (!crops && !squashes) {
    fields->Refuse("size", "keeps the picture's aspect and nothing crops it to the model's square",
                   StatusCode::kUnsupported);
  } else if (crops && squashes && (crop.height != size.height || crop.width != size.width)) {
    fields->Refuse("crop_size", "differs from a size of both sides, which this version cannot do",
                   StatusCode::kUnsupported);
  } else if (out.height != image_size || out.width != image_size) {
    fields->Refuse(crops ? "crop_size" : "size", "makes pictures of " + std::to_string(out.width) +
                                                     " x " + std::to_string(out.height) +
                                                     ", but config.json's image_size is " +
                                                     std::to_string(image_size));
  }
  spec->fit = squashes ? PreprocessSpec::Fit::kSquash : PreprocessSpec::Fit::kShortestEdgeCrop;
  spec->resize_shortest = static_cast<std::int32_t>(squashes ? image_size : size.shortest);
  spec->width = static_cast<std::int32_t>(image_size);
  spec->height = static_cast<std::int32_t>(image_size);
}

void ReadResizing(JsonFields* fields) {
  if (!fields->Flag("do_resize", true)) {
    fields->Refuse("do_resize", "is false: pictures of any size need resizing",
                   StatusCode::kUnsupported);
  }
}

// What is done to a pixel's numbers. `clips`: CLIP's mean and deviation are the default.
void ReadNumbers(JsonFields* fields, bool clips, PreprocessSpec* spec) {
  const double factor = fields->Number("rescale_factor", 1.0 / 255.0, 1e-9, 1e3);
  spec->rescale = fields->Flag("do_rescale", true) ? static_cast<float>(factor) : 1.0f;
  spec->mean = clips ? kClipMean : std::array<float, 3>{0.5f, 0.5f, 0.5f};
  spec->std = clips ? kClipStd : std::array<float, 3>{0.5f, 0.5f, 0.5f};
  ReadChannels(fields, "image_mean", -1e6, 1e6, &spec->mean);
  ReadChannels(fields, "image_std", 1e-6, 1e6, &spec->std);
  if (!fields->Flag("do_normalize", true)) {
    spec->mean = {0, 0, 0};
    spec->std = {1, 1, 1};
  }
}

}  // namespace

void ReadChannels(JsonFields* fields, std::string_view key, double least, double most,
                  std::array<float, 3>* out) {
  const JsonValue* field = fields->Raw(key);
  if (field == nullptr) return;
  if (field->is_number()) {
    out->fill(static_cast<float>(fields->Number(key, 1, least, most)));
    return;
  }
  const JsonValue::Array* items = field->AsArray();
  if (items == nullptr || items->size() != 3) {
    fields->Refuse(key, "is not a list of three numbers");
    return;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const double number = (*items)[i].AsNumber();
    if (!(*items)[i].is_number() || !(number >= least && number <= most)) {
      fields->Refuse(key, "holds something that is not a number within limits");
      return;
    }
    (*out)[i] = static_cast<float>(number);
  }
}

Result<PreprocessSpec> ReadPreprocessor(const JsonValue* preprocessor, Family family,
                                        const VisionConfig& vision, const std::string& name) {
  if (preprocessor != nullptr && preprocessor->AsObject() == nullptr) {
    return Status::InvalidArgument(name + ": not an object");
  }
  JsonFields fields(preprocessor, name);
  const std::string processor =
      fields.Text("image_processor_type", fields.Text("feature_extractor_type", ""));
  // Siglip2ImageProcessor goes with the NaFlex variant alone.
  const bool naflex = family == Family::kSiglip2;
  const bool for_naflex = processor.starts_with("Siglip2");
  if (!processor.empty() && for_naflex != naflex) {
    return Status::Unsupported(
        name + ": " + Printable(processor) + " is not the processor of a model of type " +
        std::string(FamilyName(family)) + "; check that the files are of the same model");
  }
  // The processor's class decides what an absent key means; it is almost always the family's own.
  const bool clip = processor.starts_with("CLIP")     ? true
                    : processor.starts_with("Siglip") ? false
                                                      : family == Family::kClip;
  PreprocessSpec spec;
  ReadResizing(&fields);
  if (naflex) {
    ReadPatches(&fields, preprocessor != nullptr, vision.patch_size, &spec);
  } else {
    ReadGeometry(&fields, clip, vision.image_size, &spec);
  }
  spec.filter = ReadFilter(&fields, naflex);
  ReadNumbers(&fields, clip, &spec);
  ESPY_RETURN_IF_ERROR(fields.status());
  return spec;
}

Result<PreprocessSpec> ReadBlipPreprocessor(const JsonValue* preprocessor, std::int64_t image_size,
                                            const std::string& name) {
  if (preprocessor != nullptr && preprocessor->AsObject() == nullptr) {
    return Status::InvalidArgument(name + ": not an object");
  }
  JsonFields fields(preprocessor, name);
  const std::string processor =
      fields.Text("image_processor_type", fields.Text("feature_extractor_type", ""));
  if (!processor.empty() && !processor.starts_with("Blip")) {
    return Status::Unsupported(name + ": " + Printable(processor) +
                               " is not the processor of a model of type blip; check that the "
                               "files are of the same model");
  }
  PreprocessSpec spec;
  ReadResizing(&fields);
  ReadGeometry(&fields, /*clip=*/false, image_size, &spec);
  spec.filter = ReadFilter(&fields, /*naflex=*/false);
  ReadNumbers(&fields, /*clips=*/true, &spec);
  ESPY_RETURN_IF_ERROR(fields.status());
  return spec;
}

}  // namespace espy::encoders
