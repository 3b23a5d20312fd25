// One space of an open library: its row, its model and its index. A library has one current space,
// and may hold others: one being filled by a migration, some retired by an earlier one.
//
// Threads: models are loaded and asked from any thread. `index` belongs to the library's
// write_mutex. Whoever holds a ReadState keeps its space, whatever becomes of it in the library.
#ifndef ESPY_ENGINE_OPEN_SPACE_H_
#define ESPY_ENGINE_OPEN_SPACE_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "encoders/encoder.h"
#include "engine/index_store.h"
#include "engine/recall/meter.h"
#include "index/vector_index.h"
#include "storage/store.h"
#include "training/adapter.h"

namespace espy {

class OpenSpace {
 public:
  // The store must outlive it.
  OpenSpace(const storage::SpaceRow& space, storage::Store* space_store,
            const encoders::EncoderOptions& encoder_options, Env* env);

  // The space's encoder, loaded at the first call. Which tower is asked for decides what is read.
  Result<const encoders::Encoder*> EncoderFor(bool image, bool text);
  // A phrase's vector is remembered: people ask the same thing again with another filter.
  Result<std::vector<float>> EncodeText(const std::string& text);
  // What its phrases go through; null when none was trained. Read at the first call.
  Result<std::shared_ptr<const training::TextAdapter>> Adapter();
  void ForgetAdapter();  // the next call reads it anew
  // Of a cosine between words and a picture; negative when the model has no calibration, or is not
  // loaded.
  float Probability(float cosine);

  const storage::SpaceRow row;  // as it was opened: its role may have changed since
  IndexStore segments;
  const std::shared_ptr<recall::Meter> recall;  // how hard its index looks
  std::shared_ptr<index::VectorIndex> index;    // guarded by the library's write_mutex; null until
                                                // it is first needed

 private:
  storage::Store* const store_;
  const encoders::EncoderOptions encoder_options_;  // but for the towers

  std::mutex encoder_mutex_;
  std::unique_ptr<encoders::Encoder> encoder_;  // guarded until set, then constant

  std::mutex adapter_mutex_;
  bool adapter_read_ = false;                             // guarded by adapter_mutex_
  std::shared_ptr<const training::TextAdapter> adapter_;  // guarded by adapter_mutex_

  std::mutex text_mutex_;
  std::unordered_map<std::string, std::vector<float>> text_cache_;  // guarded by text_mutex_
};

// The model in `directory` makes vectors of this space.
bool IsModelOf(const storage::SpaceRow& space, const std::string& directory);
// A space as messages name it: "model 'clip-b32' (space 0123abcd...)".
std::string NameOf(const storage::SpaceRow& space);

}  // namespace espy

#endif  // ESPY_ENGINE_OPEN_SPACE_H_
