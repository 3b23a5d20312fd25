#include "encoders/panels/tower_panels.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>

#include "base/coding.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "encoders/model_files.h"
#include "kernels/packed_matrix.h"

namespace espy::encoders {
namespace {

// To be raised when a loader gives a matrix other numbers under the name that it had. (A change of
// layout or rounding shows in LayoutId, one of the weights in their files.)
constexpr std::uint32_t kPackingVersion = 1;

// What stays free on a disk that a cache is written to.
constexpr std::uint64_t kLeftFree = std::uint64_t{1} << 30;

WeightCacheOptions Resolved(WeightCacheOptions options) {
  if (options.use != WeightCache::kByEnvironment) return options;
  const char* value = ::getenv("ESPY_WEIGHT_CACHE");
  const std::string_view text = value == nullptr ? "" : value;
  options.use = WeightCache::kOn;
  if (text == "off") options.use = WeightCache::kOff;
  if (text == "verify") options.use = WeightCache::kVerify;
  if (options.use == WeightCache::kOn && !text.empty() && text != "on") {
    Log(LogLevel::kWarning,
        "ESPY_WEIGHT_CACHE: \"" + std::string(text) + "\" is not on, verify or off; taken as on");
  }
  return options;
}

// Of the layers and of what lies outside of them, which in INT8 is BF16.
std::string LayoutOfTower(kernels::Precision precision) {
  std::string layout = kernels::PackedMatrix::LayoutId(precision);
  if (precision == kernels::Precision::kInt8) {
    layout += "+" + kernels::PackedMatrix::LayoutId(kernels::Precision::kBfloat16);
  }
  return layout;
}

void PutPart(std::string* out, std::string_view part) {
  PutFixed<std::uint64_t>(out, part.size());
  out->append(part);
}

// Of all that the packed bytes depend on. space_id samples the weights; their files' times tell of
// a change between the samples.
Sha256Digest KeyOf(const PanelSource& source, const std::string& tower,
                   kernels::Precision precision, const std::string& layout) {
  std::string parts;
  PutFixed(&parts, kPanelFileVersion);
  PutFixed(&parts, kPackingVersion);
  PutPart(&parts, source.space_id);
  for (const auto& [name, facts] : source.files) {
    PutPart(&parts, name);
    PutFixed(&parts, facts.size);
    PutFixed(&parts, facts.modified_ns);
  }
  PutPart(&parts, tower);
  PutPart(&parts, kernels::PrecisionName(precision));
  PutPart(&parts, layout);
  return Sha256(parts);
}

}  // namespace

Result<PanelSource> DescribePanelSource(const std::string& directory, const std::string& space_id,
                                        Env* env) {
  PanelSource source{.directory = directory, .space_id = space_id, .files = {}};
  ESPY_ASSIGN_OR_RETURN(const WeightFiles weights, FindWeights(directory));
  for (const std::string& name : weights.files) {
    ESPY_ASSIGN_OR_RETURN(const FileFacts facts, env->Stat(directory + "/" + name));
    source.files.emplace_back(name, facts);
  }
  return source;
}

TowerPanels::TowerPanels(PanelSource source, std::string tower, kernels::Precision precision,
                         const WeightCacheOptions& options)
    : source_(std::move(source)),
      tower_(std::move(tower)),
      precision_(precision),
      options_(Resolved(options)) {
  if (options_.use == WeightCache::kOff) return;
  std::vector<std::string> names;
  for (const auto& file : source_.files) names.push_back(file.first);
  places_ = PanelPlaces(source_.directory, names);
  for (const PanelPlace& place : places_) {
    if (OpenIn(place)) return;
  }
}

TowerPanels::~TowerPanels() {
  if (writer_.joinable()) writer_.join();
}

// Whoever may write a file may give wrong vectors by it, or end the program by cutting it short
// while it is mapped: only who could do so by the model itself is trusted.
bool TowerPanels::IsTrusted(const FileFacts& facts) const {
  const auto owns = [&facts](const auto& file) { return file.second.owner == facts.owner; };
  return !facts.others_may_write && (facts.owner == 0 || facts.owner == ::geteuid() ||
                                     std::any_of(source_.files.begin(), source_.files.end(), owns));
}

// One name for each tower, precision and CPU family, so that a new file replaces the stale one.
std::string TowerPanels::PathIn(const PanelPlace& place) const {
  return place.directory + "/" + tower_ + "-" + std::string(kernels::PrecisionName(precision_)) +
         "-" + kernels::PackedMatrix::CpuFamily() + ".panels";
}

void TowerPanels::Identify() {
  if (!layout_.empty()) return;
  layout_ = LayoutOfTower(precision_);
  key_ = KeyOf(source_, tower_, precision_, layout_);
}

bool TowerPanels::OpenIn(const PanelPlace& place) {
  const std::string path = PathIn(place);
  Result<std::unique_ptr<MappedFile>> file = MappedFile::Open(path);
  if (!file.ok()) {
    if (file.status().code() != StatusCode::kNotFound) {
      Log(LogLevel::kInfo, file.status().message());
    }
    return false;
  }
  if (!IsTrusted((*file)->facts())) {
    Log(LogLevel::kInfo, path + ": not used, for another user may write it");
    return false;
  }
  Identify();
  const auto bytes = (*file)->bytes();
  Result<PanelFile> parsed =
      ParsePanelFile({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  Status sound = parsed.status();
  if (sound.ok() && parsed->key != key_) {
    Log(LogLevel::kInfo, path + ": not used, made from other weights or for another program");
    return false;
  }
  if (sound.ok()) {
    (*file)->Populate();
    sound = CheckPanels(*parsed, options_.use == WeightCache::kVerify, path);
  }
  if (!sound.ok()) {
    Log(LogLevel::kWarning, sound.message());
    return false;
  }
  if (!place.root.empty()) MarkPanelFileUsed(path, (*file)->facts(), options_.env);
  for (PanelMatrix& matrix : parsed->matrices) found_.emplace(matrix.name, std::move(matrix));
  file_ = std::move(file).value();
  return true;
}

const std::byte* TowerPanels::Find(const std::string& name, std::int64_t outputs,
                                   std::int64_t inputs, kernels::Precision precision) {
  const auto found = found_.find(name);
  if (found == found_.end()) return nullptr;
  const PanelMatrix& matrix = found->second;
  const std::int64_t bytes = kernels::PackedMatrix::PackedBytes(outputs, inputs, precision);
  if (matrix.outputs != outputs || matrix.inputs != inputs ||
      matrix.precision != static_cast<std::uint8_t>(precision) ||
      matrix.bytes.size() != static_cast<std::uint64_t>(bytes)) {
    return nullptr;
  }
  used_.push_back(matrix);
  return reinterpret_cast<const std::byte*>(matrix.bytes.data());
}

std::byte* TowerPanels::Take(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                             kernels::Precision precision) {
  const std::int64_t bytes = kernels::PackedMatrix::PackedBytes(outputs, inputs, precision);
  std::byte* memory = arena_.Take(bytes);
  packed_ += static_cast<std::uint64_t>(bytes);
  used_.push_back(
      {.name = name,
       .outputs = outputs,
       .inputs = inputs,
       .precision = static_cast<std::uint8_t>(precision),
       .bytes = {reinterpret_cast<const char*>(memory), static_cast<std::size_t>(bytes)}});
  return memory;
}

void TowerPanels::Save() {
  if (options_.use == WeightCache::kOff || packed_ == 0 || packed_ < options_.worth_keeping) return;
  // Beside the work that the tower was loaded for: the disk may take seconds.
  writer_ = std::thread([this] {
    try {
      Write();
    } catch (const std::exception& error) {
      Log(LogLevel::kWarning,
          source_.directory + ": its packed weights were not kept: " + error.what());
    }
  });
}

Status TowerPanels::WriteIn(const PanelPlace& place, std::span<const std::string_view> pieces,
                            std::uint64_t bytes) const {
  std::error_code error;
  std::filesystem::create_directories(place.directory, error);
  if (error) return IoStatus(place.directory, error.value());
  const Result<std::uint64_t> room = options_.env->FreeBytes(place.directory);
  Status written;
  if (room.ok() && *room < bytes + kLeftFree) {
    written = Status::ResourceExhausted(PathIn(place) + ": the disk is nearly full");
  } else {
    written = options_.env->WriteFileExclusively(PathIn(place), pieces);
  }
  if (!written.ok()) ::rmdir(place.directory.c_str());  // only when it is empty
  return written;
}

void TowerPanels::Write() {
  Identify();
  PanelFile file{.key = key_,
                 .model = AbsolutePath(source_.directory),
                 .tower = tower_,
                 .layout = layout_,
                 .matrices = used_};
  const Result<std::string> header = PanelHeader(&file);
  if (!header.ok()) return Log(LogLevel::kWarning, header.status().message());
  std::vector<std::string_view> pieces{*header};
  std::uint64_t bytes = header->size();
  for (const PanelMatrix& matrix : file.matrices) {
    pieces.push_back(matrix.bytes);
    pieces.push_back(PanelPadding(matrix.bytes.size()));
    bytes += pieces.back().size() + matrix.bytes.size();
  }
  Status failure;
  for (const PanelPlace& place : places_) {
    const std::string path = PathIn(place);
    Status written = WriteIn(place, pieces, bytes);
    // Another's sweep may have removed the folder while it was empty.
    if (written.code() == StatusCode::kNotFound) written = WriteIn(place, pieces, bytes);
    if (written.ok() && !place.root.empty()) {
      SweepPanelRoot(place.root, path, PanelRootLimit(), options_.env);
    }
    if (written.ok() || written.code() == StatusCode::kUnavailable) return;
    if (failure.ok()) failure = written;
  }
  if (failure.ok()) return;
  Log(LogLevel::kWarning, failure.message() +
                              "; packed weights are not kept, and the model starts slower than it "
                              "could: free space, or set ESPY_CACHE_DIR or ESPY_WEIGHT_CACHE=off");
}

}  // namespace espy::encoders
