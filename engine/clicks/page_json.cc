#include "engine/clicks/page_json.h"

#include "base/base64.h"
#include "engine/transfer/json_text.h"

namespace espy::clicks {
namespace {

using transfer::PutKey;
using transfer::PutNumber;
using transfer::PutQuoted;
using transfer::PutText;

// Numbers of 64 bits are texts: programs that read JSON numbers as doubles would round them.
void PutId(std::string* out, std::string_view key, std::uint64_t id) {
  PutKey(out, key);
  PutQuoted(out, FormatItemId(id));
}

// `{` ... `}` for each row, in brackets.
template <class Rows, class Put>
void PutObjects(std::string* out, std::string_view key, const Rows& rows, Put put) {
  PutKey(out, key);
  *out += '[';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    *out += i == 0 ? "{" : ",{";
    put(i);
    *out += '}';
  }
  *out += ']';
}

void PutTrue(std::string* out, std::string_view key, bool value) {
  if (!value) return;
  PutKey(out, key);
  *out += "true";
}

void PutFeedback(std::string* out, const storage::FeedbackRow& row) {
  PutId(out, "item", row.item);
  PutTrue(out, "clicked", row.clicked);
  PutTrue(out, "kept", row.kept);
  PutTrue(out, "rejected", row.rejected);
  if (row.dwell_s > 0) PutNumber(out, "dwell_s", row.dwell_s);
  PutText(out, "client", row.client);
  PutNumber(out, "time_ms", row.time_ms);
}

}  // namespace

std::string PageToLine(const storage::PageRow& page, const std::string& space,
                       std::span<const storage::FeedbackRow> feedback) {
  std::string out = "{";
  PutId(&out, "query_id", page.query);
  PutNumber(&out, "time_ms", page.time_ms);
  PutText(&out, "space", space);
  PutText(&out, "phrase", page.phrase);
  PutText(&out, "client", page.client);
  PutText(&out, "session", page.session);
  PutNumber(&out, "policy", page.policy);
  PutId(&out, "seed", page.seed);
  if (!page.vector.empty()) {
    PutKey(&out, "vector_f16");
    PutQuoted(&out, EncodeBase64({reinterpret_cast<const char*>(page.vector.data()),
                                  page.vector.size() * sizeof(page.vector[0])}));
  }
  PutObjects(&out, "candidates", page.candidates, [&](std::size_t i) {
    const storage::PageCandidate& candidate = page.candidates[i];
    PutId(&out, "item", candidate.item);
    PutNumber(&out, "dense", candidate.dense);
    if (candidate.text != 0) PutNumber(&out, "text", candidate.text);
    if (candidate.match >= 0) PutNumber(&out, "match", candidate.match);
  });
  PutObjects(&out, "shown", page.shown, [&](std::size_t slot) {
    PutNumber(&out, "candidate", page.shown[slot]);
    PutNumber(&out, "propensity", page.propensities[slot]);
    if (page.teams.empty()) return;
    PutKey(&out, "team");
    PutQuoted(&out, page.teams[slot] == 1 ? "policy" : "similarity");
  });
  PutObjects(&out, "feedback", feedback, [&](std::size_t i) { PutFeedback(&out, feedback[i]); });
  return out + '}';
}

}  // namespace espy::clicks
