#include "storage/clicks.h"

#include <cmath>
#include <cstring>

#include "base/coding.h"
#include "base/status_macros.h"
#include "storage/fields.h"

namespace espy::storage {
namespace {

Status Damaged(const std::string& what) { return Status::Corruption("damaged: " + what); }

Status TakeVersion(std::string_view* value) {
  if (value->empty()) return Damaged("the row is empty");
  if (value->front() != 1) return Status::Unsupported("written by a newer program; use that");
  value->remove_prefix(1);
  return Status::Ok();
}

template <class T>
std::string Pack(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// False when the bytes are not whole values, or too many.
template <class T>
bool Unpack(std::string_view bytes, std::size_t most, std::vector<T>* values) {
  if (bytes.size() % sizeof(T) != 0 || bytes.size() / sizeof(T) > most) return false;
  values->resize(bytes.size() / sizeof(T));
  std::memcpy(values->data(), bytes.data(), bytes.size());
  return true;
}

bool TakeText(std::string_view bytes, std::string* text) {
  if (bytes.size() > PageRow::kMostTextBytes) return false;
  *text = bytes;
  return true;
}

Result<std::vector<PageCandidate>> UnpackCandidates(std::string_view bytes) {
  constexpr std::size_t kBytes = sizeof(ItemId) + 3 * sizeof(float);
  if (bytes.size() % kBytes != 0 || bytes.size() / kBytes > PageRow::kMostCandidates) {
    return Damaged("candidates are cut short");
  }
  std::vector<PageCandidate> candidates(bytes.size() / kBytes);
  for (PageCandidate& c : candidates) {
    GetFixed(&bytes, &c.item);
    GetFixed(&bytes, &c.dense);
    GetFixed(&bytes, &c.text);
    GetFixed(&bytes, &c.match);
    if (!std::isfinite(c.dense) || !std::isfinite(c.text) || !std::isfinite(c.match)) {
      return Damaged("a score is not finite");
    }
  }
  return candidates;
}

Status CheckPage(const PageRow& row) {
  if (row.shown.size() != row.propensities.size()) return Damaged("a slot lacks its probability");
  if (!row.teams.empty() && row.teams.size() != row.shown.size()) {
    return Damaged("a slot lacks its team");
  }
  std::vector<bool> placed(row.candidates.size());
  for (std::size_t slot = 0; slot < row.shown.size(); ++slot) {
    const std::size_t candidate = row.shown[slot];
    if (candidate >= placed.size() || placed[candidate])
      return Damaged("a slot names no candidate");
    placed[candidate] = true;
    if (!(row.propensities[slot] > 0 && row.propensities[slot] <= 1)) {
      return Damaged("a slot's probability is none");
    }
  }
  return Status::Ok();
}

}  // namespace

std::string EncodePage(const PageRow& row) {
  std::string out(1, '\x01');
  PutSignedField(&out, 1, row.time_ms);
  PutNumberField(&out, 2, row.space);
  if (!row.phrase.empty()) PutBytesField(&out, 3, row.phrase);
  if (!row.client.empty()) PutBytesField(&out, 4, row.client);
  if (!row.session.empty()) PutBytesField(&out, 5, row.session);
  PutNumberField(&out, 6, row.policy);
  PutNumberField(&out, 7, row.seed);
  PutBytesField(&out, 8, Pack(row.vector));
  std::string candidates;
  for (const PageCandidate& c : row.candidates) {
    PutFixed(&candidates, c.item);
    PutFixed(&candidates, c.dense);
    PutFixed(&candidates, c.text);
    PutFixed(&candidates, c.match);
  }
  PutBytesField(&out, 9, candidates);
  PutBytesField(&out, 10, Pack(row.shown));
  PutBytesField(&out, 11, Pack(row.propensities));
  if (!row.teams.empty()) PutBytesField(&out, 12, row.teams);
  return out;
}

Result<PageRow> ParsePage(QueryId query, std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  PageRow row;
  row.query = query;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    bool good = true;
    if (field.IsNumber(1)) row.time_ms = UnZigZag(field.value);
    if (field.IsNumber(2)) {
      good = field.value <= UINT32_MAX;
      row.space = static_cast<std::uint32_t>(field.value);
    }
    if (field.IsBytes(3)) good = TakeText(field.bytes, &row.phrase);
    if (field.IsBytes(4)) good = TakeText(field.bytes, &row.client);
    if (field.IsBytes(5)) good = TakeText(field.bytes, &row.session);
    if (field.IsNumber(6)) row.policy = field.value;
    if (field.IsNumber(7)) row.seed = field.value;
    if (field.IsBytes(8)) good = Unpack(field.bytes, PageRow::kMostValues, &row.vector);
    if (field.IsBytes(9)) {
      ESPY_ASSIGN_OR_RETURN(row.candidates, UnpackCandidates(field.bytes));
    }
    if (field.IsBytes(10)) good = Unpack(field.bytes, PageRow::kMostCandidates, &row.shown);
    if (field.IsBytes(11)) good = Unpack(field.bytes, PageRow::kMostCandidates, &row.propensities);
    if (field.IsBytes(12)) good = TakeText(field.bytes, &row.teams);
    if (!good) return Damaged("field " + std::to_string(field.number) + " is out of range");
  }
  ESPY_RETURN_IF_ERROR(CheckPage(row));
  return row;
}

std::string EncodeFeedback(const FeedbackRow& row) {
  std::string out(1, '\x01');
  PutNumberField(&out, 1,
                 (row.clicked ? 1u : 0u) | (row.kept ? 2u : 0u) | (row.rejected ? 4u : 0u));
  std::string dwell;
  PutFixed(&dwell, row.dwell_s);
  PutBytesField(&out, 2, dwell);
  if (!row.client.empty()) PutBytesField(&out, 3, row.client);
  PutSignedField(&out, 4, row.time_ms);
  return out;
}

Result<FeedbackRow> ParseFeedback(QueryId query, ItemId item, std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  FeedbackRow row;
  row.query = query;
  row.item = item;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsNumber(1)) {
      row.clicked = (field.value & 1) != 0;
      row.kept = (field.value & 2) != 0;
      row.rejected = (field.value & 4) != 0;
    }
    if (field.IsBytes(2)) {
      std::string_view dwell = field.bytes;
      if (!GetFixed(&dwell, &row.dwell_s) || !(row.dwell_s >= 0) || !std::isfinite(row.dwell_s)) {
        return Damaged("a dwell is out of range");
      }
    }
    if (field.IsBytes(3) && !TakeText(field.bytes, &row.client)) return Damaged("a client's name");
    if (field.IsNumber(4)) row.time_ms = UnZigZag(field.value);
  }
  return row;
}

}  // namespace espy::storage
