// Draft heads from what a captioner says of a library's own pictures.
#ifndef ESPY_TRAIN_HEADS_H_
#define ESPY_TRAIN_HEADS_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "espy/library.h"
#include "espy/train.h"

namespace espy {

// The captioner captions up to `pictures` of the library's pictures (greedily, the first by id
// whose files can be read), and the heads learn its words: options.data is not looked at. Nothing
// of the library changes. Of BLIP-base a picture takes 1.8 MB of memory until the end.
// InvalidArgument when fewer could be read than a step takes.
ESPY_EXPORT Result<std::vector<DraftHeadReport>> TrainDraftHeadsOn(Library* library,
                                                                   std::int64_t pictures,
                                                                   const DraftHeadOptions& options,
                                                                   const ProgressFn& progress = {},
                                                                   std::stop_token stop = {});

}  // namespace espy

#endif  // ESPY_TRAIN_HEADS_H_
