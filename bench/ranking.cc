// How learners of orders do with simulated users, as JSON lines: nDCG@10 on queries that none of
// them learned from, at checkpoints, and regret on the pages that they showed; means over runs with
// 95 % intervals. Seeds are printed.
//   ranking [--user pbm|cascade|dcm|ubm] [--severity 1] [--sessions 100000] [--runs 20] [--seed 1]
//           [--learners similarity,pdgd,...]
//   ranking --dump FOLDER      the queries of every run as text, for ranking_peers.py
//   ranking --data FOLDER ...  with queries of a folder that is laid out so (ranking_pictures.py)
// A session is one query, drawn from 500 of 30 documents with 12 features, and one page of ten.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "bench/ranking_learners.h"
#include "ranking/simulate.h"

namespace espy::ranking {
namespace {

constexpr std::size_t kQueries = 500, kHeldOut = 200;

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "ranking: " << why << "\n";
  std::exit(2);
}

struct Settings {
  UserKind user = UserKind::kPbm;
  double severity = 1;
  std::uint64_t sessions = 100'000;
  int runs = 20;
  std::uint64_t seed = 1;
  std::string learners =
      "similarity,proven,pdgd,pdgd-guarded,pdgd-products,pdgd-network,reinforce,listwise,"
      "listwise-products,naive,linucb,thompson";
  std::string dump;
  std::string data;  // "": made queries
};

std::vector<std::uint64_t> Checkpoints(std::uint64_t sessions) {
  std::vector<std::uint64_t> at{0};
  for (std::uint64_t n = 100; n <= sessions; n *= 10) {
    at.push_back(n);
    if (3 * n <= sessions) at.push_back(3 * n);
  }
  return at;
}

// "mean", "half the 95 % interval" of columns of runs.
std::string Summary(const std::vector<std::vector<double>>& runs) {
  std::ostringstream means, halves;
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    double sum = 0, squares = 0;
    for (const auto& run : runs) sum += run[i];
    const double n = static_cast<double>(runs.size()), mean = sum / n;
    for (const auto& run : runs) squares += (run[i] - mean) * (run[i] - mean);
    const double half = n > 1 ? 1.96 * std::sqrt(squares / (n - 1) / n) : 0;
    means << (i == 0 ? "" : ", ") << mean;
    halves << (i == 0 ? "" : ", ") << half;
  }
  return "\"mean\": [" + means.str() + "], \"half\": [" + halves.str() + "]";
}

// The queries of one side of a run: of the folder, one document a line (grade, features), or made.
MadeQueries QueriesOf(const Settings& settings, int run, bool held) {
  const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
  if (settings.data.empty()) {
    return MakeQueries(held ? kHeldOut : kQueries, kDocuments, kColumns, world,
                       2 * world + (held ? 1 : 0));
  }
  const std::string path =
      settings.data + "/" + std::to_string(run) + (held ? "-held.txt" : "-learn.txt");
  std::ifstream in(path);
  if (!in) Die("cannot read " + path);
  MadeQueries made;
  made.schema = {.name = "read", .version = 1, .columns = std::vector<std::string>(kColumns)};
  made.documents = kDocuments;
  for (int grade = 0; in >> grade;) {
    if (grade < 0 || grade >= kGrades) Die("a grade outside 0 to 4 in " + path);
    if (made.grades.empty() || made.grades.back().size() == kDocuments) {
      made.grades.emplace_back();
      made.features.emplace_back();
    }
    made.grades.back().push_back(grade);
    for (std::size_t a = 0; a < kColumns; ++a) {
      float x = 0;
      if (!(in >> x)) Die("a line with less than a grade and 12 features in " + path);
      made.features.back().push_back(x);
    }
  }
  if (made.grades.empty() || made.grades.back().size() != kDocuments) {
    Die("no whole queries of 30 documents in " + path);
  }
  return made;
}

void Run(const Settings& settings, const std::string& name) {
  const std::vector<std::uint64_t> checkpoints = Checkpoints(settings.sessions);
  std::vector<std::vector<double>> quality, regret;
  double worst = 0;  // of any checkpoint of any run, against similarity order's nDCG there
  int below = 0;     // checkpoints more than 1 % under it
  const User user(settings.user, settings.severity);
  for (int run = 0; run < settings.runs; ++run) {
    const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
    const MadeQueries learn = QueriesOf(settings, run, false);
    const MadeQueries held_out = QueriesOf(settings, run, true);
    const std::size_t judges = held_out.grades.size();
    const auto quality_of = [&](Learner* ranks) {
      double sum = 0;
      for (std::size_t q = 0; q < judges; ++q) {
        sum += Ndcg(ranks->Best(held_out.rows(q)), held_out.grades[q], kSlots);
      }
      return sum / static_cast<double>(judges);
    };
    const double similar = quality_of(MakeLearner("similarity").get());
    const std::unique_ptr<Learner> learner = MakeLearner(name);
    if (!learner) Die("no learner " + name);
    Random random(world * 7919);
    double lost = 0;
    std::vector<double> at, lost_at;
    for (std::uint64_t session = 0; session <= settings.sessions; ++session) {
      if (std::find(checkpoints.begin(), checkpoints.end(), session) != checkpoints.end()) {
        at.push_back(quality_of(learner.get()));
        worst = std::min(worst, at.back() / similar - 1);
        below += at.back() < 0.99 * similar ? 1 : 0;
        lost_at.push_back(lost);
      }
      const std::size_t q = random.Below(learn.grades.size());
      std::vector<std::uint32_t> shown = learner->Show(learn.rows(q), &random);
      shown.resize(std::min(shown.size(), kSlots));
      std::vector<int> grades;
      for (const std::uint32_t c : shown) grades.push_back(learn.grades[q][c]);
      lost += 1 - Ndcg(shown, learn.grades[q], kSlots);
      learner->Learn(learn.rows(q), shown, user.Visit(grades, &random));
    }
    quality.push_back(at);
    regret.push_back(lost_at);
  }
  std::ostringstream points;
  for (const std::uint64_t n : checkpoints) points << (n == 0 ? "" : ", ") << n;
  std::printf(
      "{\"learner\": \"%s\", \"user\": \"%s\", \"severity\": %g, \"runs\": %d, \"seeds\": \"%llu "
      "to "
      "%llu\", \"worst_against_similarity\": %g, \"checkpoints_below\": %d, \"sessions\": [%s], "
      "\"ndcg\": {%s}, \"regret\": {%s}}\n",
      name.c_str(), std::string(UserKindName(settings.user)).c_str(), settings.severity,
      settings.runs, static_cast<unsigned long long>(settings.seed),
      static_cast<unsigned long long>(settings.seed) +
          static_cast<unsigned long long>(settings.runs) - 1,
      worst, below, points.str().c_str(), Summary(quality).c_str(), Summary(regret).c_str());
  std::fflush(stdout);
}

void Dump(const Settings& settings) {
  for (int run = 0; run < settings.runs; ++run) {
    const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
    for (const bool held : {false, true}) {
      const std::string path =
          settings.dump + "/" + std::to_string(run) + (held ? "-held" : "-learn") + ".txt";
      std::ofstream out(path);
      if (!out) Die(path + ": cannot be written; is the folder there?");
      const MadeQueries made = MakeQueries(held ? kHeldOut : kQueries, kDocuments, kColumns, world,
                                           2 * world + (held ? 1 : 0));
      for (std::size_t q = 0; q < made.features.size(); ++q) {
        for (std::size_t i = 0; i < kDocuments; ++i) {
          out << made.grades[q][i];
          for (const float x : made.rows(q)[i]) out << " " << x;
          out << "\n";
        }
      }
    }
  }
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--user") {
      bool found = false;
      for (const auto kind : {UserKind::kPbm, UserKind::kCascade, UserKind::kDcm, UserKind::kUbm}) {
        if (value != UserKindName(kind)) continue;
        settings.user = kind;
        found = true;
      }
      if (!found) Die("no user " + value);
    } else if (flag == "--severity") {
      settings.severity = std::atof(value.c_str());
    } else if (flag == "--sessions") {
      settings.sessions = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    } else if (flag == "--runs") {
      settings.runs = std::max(1, std::atoi(value.c_str()));
    } else if (flag == "--seed") {
      settings.seed = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    } else if (flag == "--learners") {
      settings.learners = value;
    } else if (flag == "--dump") {
      settings.dump = value;
    } else if (flag == "--data") {
      settings.data = value;
    } else {
      Die("unknown flag " + flag);
    }
  }
  return settings;
}

}  // namespace
}  // namespace espy::ranking

int main(int argc, char** argv) {
  const espy::ranking::Settings settings = espy::ranking::Parse(argc, argv);
  if (!settings.dump.empty()) {
    espy::ranking::Dump(settings);
    return 0;
  }
  std::istringstream names(settings.learners);
  for (std::string name; std::getline(names, name, ',');) espy::ranking::Run(settings, name);
}
