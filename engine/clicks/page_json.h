// A logged page with what was done with it as one line of JSON. docs/FORMATS.md has its keys.
#ifndef ESPY_ENGINE_CLICKS_PAGE_JSON_H_
#define ESPY_ENGINE_CLICKS_PAGE_JSON_H_

#include <span>
#include <string>

#include "storage/clicks.h"

namespace espy::clicks {

// Without its end. `space`: the id of the page's space; "" for one that was dropped. `feedback` is
// about this page.
std::string PageToLine(const storage::PageRow& page, const std::string& space,
                       std::span<const storage::FeedbackRow> feedback);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_PAGE_JSON_H_
