// What a captioner says of a library's pictures, as draft heads are trained on it.
#ifndef ESPY_ENGINE_SAID_H_
#define ESPY_ENGINE_SAID_H_

#include <cstdint>
#include <stop_token>
#include <string>

#include "captioning/captioner.h"
#include "espy/library.h"
#include "espy/progress.h"
#include "training/heads/head_data.h"

namespace espy {

// Greedy captions of up to `pictures` pictures, with the decoder's hidden state of every token.
// Items none of whose files can be read as a picture are passed over.
Result<training::HeadData> CaptionForTraining(const captioning::Captioner& captioner,
                                              Library* library, std::int64_t pictures,
                                              const ProgressFn& progress,
                                              const std::stop_token& stop);

}  // namespace espy

#endif  // ESPY_ENGINE_SAID_H_
