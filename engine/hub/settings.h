// What the environment says about the Hugging Face hub, in the hub's own variables, so that what
// works for its Python library works here.
#ifndef ESPY_ENGINE_HUB_SETTINGS_H_
#define ESPY_ENGINE_HUB_SETTINGS_H_

#include <string>

#include "espy/status.h"

namespace espy::hub {

struct Settings {
  std::string endpoint;      // HF_ENDPOINT, else https://huggingface.co; no '/' at its end
  std::string cache;         // encoders::HubCacheDirectory()
  std::string token;         // HF_TOKEN, HUGGING_FACE_HUB_TOKEN, else what the token file holds
  std::string token_source;  // the variable or the file that it came from; "" without a token
  bool offline = false;      // HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE
  int stall_seconds = 30;  // without a byte until a transfer is begun anew; HF_HUB_DOWNLOAD_TIMEOUT
};

// The token file is HF_TOKEN_PATH, else HF_HOME/token, where `hf auth login` puts it;
// HF_HUB_DISABLE_IMPLICIT_TOKEN leaves the token out. InvalidArgument names the variable that makes
// no sense.
Result<Settings> ReadSettings();

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_SETTINGS_H_
