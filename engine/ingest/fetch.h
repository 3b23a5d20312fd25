// One picture from the web, by libcurl.
#ifndef ESPY_ENGINE_INGEST_FETCH_H_
#define ESPY_ENGINE_INGEST_FETCH_H_

#include <stop_token>
#include <string>

#include "engine/ingest/source.h"

namespace espy::ingest {

// http and https only, also across redirects (at most 5); at most ImageLimits' bytes; connects
// within 10 s and gives up when less than 1 KiB/s came for 30 s. The source's path is the address.
Source Fetch(const std::string& url, const std::stop_token& stop);

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_FETCH_H_
