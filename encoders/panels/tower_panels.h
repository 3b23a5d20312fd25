// The packed weights of one tower: mapped from its cache file when there is a sound one, else
// packed in memory and written to such a file for the next start.
#ifndef ESPY_ENCODERS_PANELS_TOWER_PANELS_H_
#define ESPY_ENCODERS_PANELS_TOWER_PANELS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/mapped_file.h"
#include "encoders/panels/panel_arena.h"
#include "encoders/panels/panel_file.h"
#include "encoders/panels/panel_places.h"
#include "encoders/weight_cache.h"
#include "kernels/precision.h"

namespace espy::encoders {

// What a model's caches are made from.
struct PanelSource {
  std::string directory;
  std::string space_id;
  std::vector<std::pair<std::string, FileFacts>> files;  // of the weights, by name
};

// Used by the one thread that loads the tower; what Find and Take return is valid, and constant
// after Save, for the object's life.
class TowerPanels {
 public:
  // tower: "image" or "text". Looks for the cache file. One that is damaged, of other weights, for
  // another CPU or another user's is passed over with a word to the log.
  TowerPanels(PanelSource source, std::string tower, kernels::Precision precision,
              const WeightCacheOptions& options);
  ~TowerPanels();  // waits for the file to be written
  TowerPanels(const TowerPanels&) = delete;
  TowerPanels& operator=(const TowerPanels&) = delete;

  // The packed form of the matrix of that name in the cache, null when it is not there.
  const std::byte* Find(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                        kernels::Precision precision);
  // Memory to pack it in. Throws std::bad_alloc.
  std::byte* Take(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                  kernels::Precision precision);

  // After the tower has been loaded whole: writes the file, on a thread of its own, if there was
  // something to pack and it is worth keeping. A failure is told to the log, and costs the next
  // start its time.
  void Save();

  bool mapped() const { return file_ != nullptr && packed_ == 0; }  // every matrix was found

 private:
  std::string PathIn(const PanelPlace& place) const;
  void Identify();  // sets layout_ and key_
  bool OpenIn(const PanelPlace& place);
  bool IsTrusted(const FileFacts& facts) const;
  void Write();
  // `bytes` is the sum of the pieces'.
  Status WriteIn(const PanelPlace& place, std::span<const std::string_view> pieces,
                 std::uint64_t bytes) const;

  const PanelSource source_;
  const std::string tower_;
  const kernels::Precision precision_;
  const WeightCacheOptions options_;  // its use not kByEnvironment
  std::vector<PanelPlace> places_;    // constant after construction
  // Used by the loading thread, then by writer_ alone.
  std::string layout_;
  Sha256Digest key_{};
  std::unique_ptr<MappedFile> file_;
  std::unordered_map<std::string, PanelMatrix> found_;
  PanelArena arena_;
  std::vector<PanelMatrix> used_;  // in the order of the loader
  std::uint64_t packed_ = 0;       // bytes that were not found

  std::thread writer_;
};

// The source of a model's caches as the files are now.
Result<PanelSource> DescribePanelSource(const std::string& directory, const std::string& space_id,
                                        Env* env);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PANELS_TOWER_PANELS_H_
