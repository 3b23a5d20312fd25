#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "espy/model.h"

namespace espy::cli {
namespace {

struct BenchFlags {
  std::string model;
  std::int64_t threads = 0;
  ComputeFlags compute;
  double seconds = 2;
};

Outcome Bench(Session* session, const BenchFlags& flags) {
  BenchOptions options;
  options.model = flags.model;
  options.threads = static_cast<int>(flags.threads);
  flags.compute.Apply(&options);
  options.seconds = flags.seconds;
  GracefulStop graceful("");
  ProgressMeter meter(session->shows_progress());
  const Result<std::vector<BenchPart>> parts = RunBench(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!parts.ok()) return parts.status();
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight});
  for (const BenchPart& part : *parts) {
    if (session->json) {
      Json line;
      line["part"] = part.name;
      line["per_second"] = part.per_second;
      line["ms_p50"] = part.ms_p50;
      line["device"] = DeviceDescription();
      session->out.Line(ToLine(line));
    } else {
      table.Add(
          {part.name, FormatFixed(part.per_second, 1) + "/s", FormatFixed(part.ms_p50, 2) + " ms"});
    }
  }
  session->out.Write(table.Format());
  if (!session->json) session->out.Line(session->out.Dim(DeviceDescription()));
  return kDone;
}

}  // namespace

void AddBench(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "bench", "how fast this computer does each part", "");
  auto flags = std::make_shared<BenchFlags>();
  AddText(verb, "--model", "NAME", &flags->model, "which model (espy-mini)");
  AddInteger(verb, "--threads", &flags->threads, 0, 1024, "threads (0: one for each core)");
  AddCompute(verb, &flags->compute);
  AddNumber(verb, "--seconds", &flags->seconds, 0.01, 3600, "time for each part (2)");
  Runs(verb, session, [session, flags] { return Bench(session, *flags); });
}

}  // namespace espy::cli
