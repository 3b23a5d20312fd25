#include "ranking/click_history.h"

#include <algorithm>
#include <cmath>

#include "base/coding.h"
#include "base/half.h"
#include "ranking/dot.h"

namespace espy::ranking {
namespace {

constexpr double kPriorLooks = 10;
constexpr double kLeastCosine = 0.7;
constexpr std::size_t kMostDimension = 16384;
constexpr std::size_t kMostRewards = 1000;  // of one question

void AddScaled(std::span<const float> vector, double scale, std::vector<double>* sum) {
  if (vector.empty()) return;
  if (sum->size() != vector.size()) sum->assign(vector.size(), 0);  // another space begins anew
  for (std::size_t i = 0; i < vector.size(); ++i) (*sum)[i] += scale * vector[i];
}

Status Damaged() { return Status::Corruption("click history: is damaged; learn it anew"); }

}  // namespace

void ClickHistory::Add(std::span<const float> question, std::span<const Choice> page) {
  ++pages_;
  Question remembered;
  for (const Choice& choice : page) {
    const double gain = std::max(choice.reward, 0.0);
    looks_ += choice.examined;
    rewards_ += gain;
    if (items_.size() < kMostItems || items_.contains(choice.item)) {
      Past& past = items_[choice.item];
      past.looks += choice.examined;
      past.rewards += gain;
    }
    if (gain > 0) {
      remembered.rewards.emplace_back(choice.item, static_cast<float>(gain));
      AddScaled(choice.vector, gain, &chosen_);
      chosen_weight_ += choice.vector.empty() ? 0 : gain;
    } else {
      const double against = choice.examined + std::max(-choice.reward, 0.0);
      AddScaled(choice.vector, against, &passed_);
      passed_weight_ += choice.vector.empty() ? 0 : against;
    }
  }
  if (question.empty() || remembered.rewards.empty()) return;
  remembered.rewards.resize(std::min(remembered.rewards.size(), kMostRewards));
  remembered.vector.assign(question.begin(), question.end());
  questions_.push_back(std::move(remembered));
  if (questions_.size() > kMostQuestions) questions_.pop_front();
}

double ClickHistory::Popularity(std::uint64_t item) const {
  const auto found = items_.find(item);
  if (found == items_.end() || looks_ <= 0 || rewards_ <= 0) return 0;
  const double mean = rewards_ / looks_;
  const Past& past = found->second;
  return std::log((past.rewards + kPriorLooks * mean) / ((past.looks + kPriorLooks) * mean));
}

std::unordered_map<std::uint64_t, double> ClickHistory::Neighbours(
    std::span<const float> question) const {
  std::unordered_map<std::uint64_t, double> rewards;
  for (const Question& other : questions_) {
    const double cosine = Product(question, other.vector);
    const double nearness = std::min((cosine - kLeastCosine) / (1 - kLeastCosine), 1.0);
    if (nearness <= 0) continue;
    for (const auto& [item, reward] : other.rewards) rewards[item] += nearness * reward;
  }
  return rewards;
}

std::vector<float> ClickHistory::Taste() const {
  std::vector<float> taste;
  if (chosen_weight_ <= 0) return taste;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    const double passed =
        passed_.size() == chosen_.size() && passed_weight_ > 0 ? passed_[i] / passed_weight_ : 0;
    taste.push_back(static_cast<float>(chosen_[i] / chosen_weight_ - passed));
  }
  return taste;
}

std::string ClickHistory::Encode() const {
  std::string out;
  PutFixed(&out, pages_);
  PutFixed(&out, looks_);
  PutFixed(&out, rewards_);
  std::vector<std::uint64_t> order;
  for (const auto& [item, past] : items_) order.push_back(item);
  std::sort(order.begin(), order.end());  // the same history, the same bytes
  PutVarint(&out, order.size());
  for (const std::uint64_t item : order) {
    const Past& past = items_.at(item);
    PutFixed(&out, item);
    PutFixed(&out, static_cast<float>(past.looks));
    PutFixed(&out, static_cast<float>(past.rewards));
  }
  PutVarint(&out, questions_.size());
  for (const Question& question : questions_) {
    PutVarint(&out, question.vector.size());
    for (const float x : question.vector) PutFixed(&out, FloatToHalf(x));
    PutVarint(&out, question.rewards.size());
    for (const auto& [item, reward] : question.rewards) {
      PutFixed(&out, item);
      PutFixed(&out, reward);
    }
  }
  for (const auto& [sum, weight] :
       {std::pair(&chosen_, chosen_weight_), std::pair(&passed_, passed_weight_)}) {
    PutFixed(&out, weight);
    PutVarint(&out, sum->size());
    for (const double x : *sum) PutFixed(&out, x);
  }
  return out;
}

Result<ClickHistory> ClickHistory::Parse(std::string_view* bytes) {
  ClickHistory history;
  std::uint64_t n = 0;
  const auto number = [](double x) { return std::isfinite(x); };
  if (!GetFixed(bytes, &history.pages_) || !GetFixed(bytes, &history.looks_) ||
      !GetFixed(bytes, &history.rewards_) || !number(history.looks_) || !number(history.rewards_) ||
      !GetVarint(bytes, &n) || n > kMostItems || n > bytes->size() / 16) {
    return Damaged();
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint64_t item = 0;
    float looks = 0, rewards = 0;
    if (!GetFixed(bytes, &item) || !GetFixed(bytes, &looks) || !GetFixed(bytes, &rewards) ||
        !(looks >= 0) || !(rewards >= 0) || !number(looks) || !number(rewards)) {
      return Damaged();
    }
    history.items_[item] = {looks, rewards};
  }
  if (!GetVarint(bytes, &n) || n > kMostQuestions) return Damaged();
  for (std::uint64_t i = 0; i < n; ++i) {
    Question question;
    std::uint64_t count = 0;
    if (!GetVarint(bytes, &count) || count > kMostDimension || count > bytes->size() / 2) {
      return Damaged();
    }
    question.vector.resize(count);
    for (float& x : question.vector) {
      std::uint16_t half = 0;
      if (!GetFixed(bytes, &half)) return Damaged();
      x = HalfToFloat(half);
      if (!number(x)) return Damaged();
    }
    if (!GetVarint(bytes, &count) || count > kMostRewards || count > bytes->size() / 12) {
      return Damaged();
    }
    question.rewards.resize(count);
    for (auto& [item, reward] : question.rewards) {
      if (!GetFixed(bytes, &item) || !GetFixed(bytes, &reward) || !number(reward)) return Damaged();
    }
    history.questions_.push_back(std::move(question));
  }
  for (const auto& [sum, weight] : {std::pair(&history.chosen_, &history.chosen_weight_),
                                    std::pair(&history.passed_, &history.passed_weight_)}) {
    if (!GetFixed(bytes, weight) || !number(*weight) || !GetVarint(bytes, &n) ||
        n > kMostDimension || n > bytes->size() / 8) {
      return Damaged();
    }
    sum->resize(n);
    for (double& x : *sum) {
      if (!GetFixed(bytes, &x) || !number(x)) return Damaged();
    }
  }
  return history;
}

}  // namespace espy::ranking
