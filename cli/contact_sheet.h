// A contact sheet: the hits of one query as a single HTML file that needs nothing else, no network
// and no script.
#ifndef ESPY_CLI_CONTACT_SHEET_H_
#define ESPY_CLI_CONTACT_SHEET_H_

#include <string>
#include <vector>

#include "espy/query.h"
#include "espy/status.h"

namespace espy::cli {

struct HitPicture {
  const Hit* hit = nullptr;
  std::string jpeg;  // the thumbnail's bytes; "" when there is none
};

// The page's text, UTF-8. Every word of the user's is escaped, and a content security policy allows
// nothing but the page's own style and the pictures inside it.
std::string ContactSheetHtml(const std::string& title, const std::vector<HitPicture>& pictures);

// Writes the page beside `path` and renames it there, so that a reader never sees half of it.
Status WriteContactSheet(const std::string& path, const std::string& title,
                         const std::vector<HitPicture>& pictures);

}  // namespace espy::cli

#endif  // ESPY_CLI_CONTACT_SHEET_H_
