#include "encoders/json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

namespace espy::encoders {
namespace {

// Builds the tree from the parser's events. Returning false stops the parser at once, so that a
// limit is met before the memory is spent; nothing here recurses, whatever the nesting.
class TreeBuilder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  TreeBuilder(const std::string& name, const JsonLimits& limits) : name_(name), limits_(limits) {}

  bool null() { return NewValue() != nullptr; }
  bool boolean(bool value) { return Put(value); }
  bool number_integer(number_integer_t value) { return Put(static_cast<std::int64_t>(value)); }
  bool number_unsigned(number_unsigned_t value) {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return Put(static_cast<double>(value));
    }
    return Put(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) {
    return Put(static_cast<double>(value));
  }
  bool string(string_t& value) { return Put(std::move(value)); }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) { return Open(JsonValue::Object()); }
  bool start_array(std::size_t) { return Open(JsonValue::Array()); }
  bool key(string_t& value) {
    key_ = std::move(value);
    return true;
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool end_object() {
    const JsonValue::Object& members = *open_.back()->AsObject();
    std::unordered_set<std::string_view> keys;
    keys.reserve(members.size());
    for (const JsonMember& member : members) {
      if (!keys.insert(member.key).second) {
        status_ = Status::Corruption(name_ + ": the key \"" + Printable(member.key) +
                                     "\" comes twice in one object; download the file again");
        return false;
      }
    }
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    status_ = Status::Corruption(name_ + ": not JSON at byte " + std::to_string(position) +
                                 "; download the file again");
    return false;
  }

  JsonValue& root() { return root_; }
  const Status& status() const { return status_; }

 private:
  // A null where the parser stands; nullptr beyond the limit.
  JsonValue* NewValue() {
    if (++values_ > limits_.max_values) {
      status_ = Status::ResourceExhausted(name_ + ": more than " +
                                          std::to_string(limits_.max_values) + " JSON values");
      return nullptr;
    }
    if (open_.empty()) return &root_;
    if (JsonValue::Array* array = open_.back()->MutableArray()) return &array->emplace_back();
    JsonMember& member = open_.back()->MutableObject()->emplace_back();
    member.key = std::move(key_);
    return &member.value;
  }
  template <class T>
  bool Put(T value) {
    JsonValue* placed = NewValue();
    if (placed != nullptr) placed->Set(std::move(value));
    return placed != nullptr;
  }
  template <class Container>
  bool Open(Container empty) {
    if (static_cast<int>(open_.size()) >= limits_.max_depth) {
      status_ = Status::ResourceExhausted(name_ + ": JSON nested more than " +
                                          std::to_string(limits_.max_depth) + " deep");
      return false;
    }
    JsonValue* placed = NewValue();
    if (placed == nullptr) return false;
    placed->Set(std::move(empty));
    // The pointer stays good: its container takes no other value until this one is closed.
    open_.push_back(placed);
    return true;
  }

  const std::string& name_;
  const JsonLimits& limits_;
  std::size_t values_ = 0;
  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::string key_;
  Status status_;
};

}  // namespace

double JsonValue::AsNumber() const {
  if (const std::int64_t* integer = AsInteger()) return static_cast<double>(*integer);
  const double* number = std::get_if<double>(&value_);
  return number == nullptr ? 0.0 : *number;
}

const JsonValue* JsonValue::Find(std::string_view key) const {
  const Object* object = AsObject();
  if (object == nullptr) return nullptr;
  for (const JsonMember& member : *object) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

const JsonValue* JsonValue::FindGiven(std::string_view key) const {
  const JsonValue* found = Find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Result<JsonValue> ParseJson(std::string_view text, const std::string& name,
                            const JsonLimits& limits) {
  // The parser takes a NUL for the end of its input and would never look at what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Status::Corruption(name + ": not JSON at byte " + std::to_string(nul + 1) +
                              "; download the file again");
  }
  TreeBuilder builder(name, limits);
  const bool whole = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!builder.status().ok()) return builder.status();
  if (!whole) return Status::Corruption(name + ": not JSON; download the file again");
  return std::move(builder.root());
}

std::string Printable(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string shown;
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  if (text.size() > kMost) shown += "...";
  return shown;
}

}  // namespace espy::encoders
