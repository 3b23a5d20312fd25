// How a library is opened, and where programs find libraries and models.
#ifndef ESPY_OPTIONS_H_
#define ESPY_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "espy/device.h"
#include "espy/export.h"
#include "espy/precision.h"
#include "espy/status.h"

namespace espy {

// Recall@10 that the index is to have, until Library::SetRecallTarget says otherwise.
inline constexpr double kDefaultRecallTarget = 0.98;

enum class Durability {
  kSync,   // an acknowledged change survives a power cut (group commit with fdatasync)
  kAsync,  // it survives a crash of the program, not of the machine
};

struct OpenOptions {
  bool create_if_missing = false;
  bool read_only = false;  // several readers may open a library beside its one writer
  // With read_only: vectors stay on the disk, and a search reads those that it scores. Opening
  // costs a few times less and a search some milliseconds more: for a program that asks once and
  // ends.
  bool few_searches = false;
  std::string model;  // name or directory of the encoder; "" : the library's own, or espy-mini for
                      // a new one
  // What a new library's index is, and what Library::Rebuild makes of it: auto, flat, hnsw,
  // hnsw-fp16, ivf-flat, ivf-pq, ivf-rabitq or disk; "": the library's own, auto for a new one.
  std::string index;
  // How vectors of a space that is made from here on are kept: fp16, or fp32 for twice the disk,
  // whose searches score by the FP32 vectors. "": as the library's current space does, fp16 in a
  // new one. A space that is there keeps what it has.
  std::string vectors;
  int threads = 0;                         // of encoders and index; 0: one for each core
  Precision precision = Precision::kAuto;  // of encoders
  // Of encoders and captioners, and of exact search of the index's segments where it pays.
  Device device = Device::kCpu;
  // Bytes of the GPU's memory: the encoder takes half of them at most, segments and a captioner a
  // quarter each. 0: both models what is free, segments half of what there is.
  std::uint64_t vram = 0;
  Durability durability = Durability::kSync;
  bool background_build = true;  // seal and merge segments while the library is open
  // Limits in bytes, kept with the library until they are given anew; 0: none; unset: as kept.
  // Ingest and import stop with ResourceExhausted before the library's directory, with what its
  // index will still write, or the index in memory would grow beyond them; and go on when there is
  // room again. Whatever the quota, 256 MiB or 2 % of the disk, whichever is less, are left free on
  // it. An index of kind auto is made as disk once what it holds in memory would take more than
  // half of the budget.
  std::optional<std::uint64_t> disk_quota;
  std::optional<std::uint64_t> memory_budget;
  // Whether the builder gives back the disk space of what was forgotten or replaced by itself, when
  // the library rests, and shortens the log of changes (docs/RELIABILITY.md). Kept with the library
  // until it is given anew; unset: as kept, and yes for a new one.
  std::optional<bool> auto_compact;
  // This part of all searches is made again exactly, when the library is idle, to measure recall:
  // see Library::SetRecallTarget. 0: none. Read-only openings measure nothing.
  double recall_share = 0.01;
  // After Open reported a damaged write-ahead log: open with what is intact; the log hook is told
  // what was lost.
  bool recover_tail = false;
};

// The library that a command run in `start` means: the nearest directory named ".espy" in `start`
// or above it. NotFound when there is none.
ESPY_EXPORT Result<std::string> FindLibrary(const std::string& start);

}  // namespace espy

#endif  // ESPY_OPTIONS_H_
