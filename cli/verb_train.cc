// train: what a library's own tags and captions teach it, and heads that make captions faster.
#include <algorithm>
#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "espy/train.h"
#include "espy/train_heads.h"

namespace espy::cli {
namespace {

struct HeadFlags {
  DraftHeadOptions options;
  std::string kind = "both";
  std::int64_t pictures = 500;
};

struct AdapterFlags {
  AdapterOptions options;
  bool remove = false;
};

void Answer(Session* session, const AdapterReport& report, bool dry_run) {
  if (session->json) {
    Json out;
    out["pictures"] = report.pictures;
    out["texts"] = report.texts;
    out["pairs"] = report.pairs;
    out["held_out"] = report.held_out;
    out["before"] = report.before;
    out["after"] = report.after;
    out["gain_low"] = report.gain_low;
    out["drift"] = report.drift;
    out["steps"] = report.steps;
    out["resumed_from"] = report.resumed_from;
    out["seconds"] = report.seconds;
    out["better"] = report.better;
    out["kept"] = report.kept;
    session->out.Line(ToLine(out));
    return;
  }
  if (session->quiet) return;
  session->out.Line(FormatCount(report.pairs) + " tags and captions, of " +
                    Plural(report.texts, "text") + " on " + Plural(report.pictures, "picture") +
                    ", in " + FormatDuration(report.seconds));
  session->out.Line("rank of " + FormatCount(report.held_out) + " held out: " +
                    FormatFixed(report.before, 3) + " without, " + FormatFixed(report.after, 3) +
                    " with; ordinary words moved by " + FormatFixed(report.drift, 3));
  if (report.kept) {
    session->out.Line("kept: searches for phrases use it from now on (espy search --no-adapter)");
  } else if (report.better) {
    session->out.Line(dry_run ? "better, and not kept: a dry run" : "not kept");
  } else {
    session->out.Line(
        "not kept: it is not shown to find them better; what was in use stays in use");
  }
}

Outcome TrainAdapterVerb(Session* session, const AdapterFlags& flags) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  if (flags.remove) {
    const Status removed = (*library)->RemoveAdapter();
    if (!removed.ok()) return removed;
    if (session->json) {
      session->out.Line(ToLine(Json{{"removed", true}}));
    } else if (!session->quiet) {
      session->out.Line("removed: phrases mean what the model says");
    }
    return kDone;
  }
  GracefulStop graceful("espy: stopping; the same command goes on from here");
  Result<AdapterReport> report = [&] {
    ProgressMeter meter(session->shows_progress());
    return (*library)->TrainAdapter(
        flags.options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  }();
  if (!report.ok()) return report.status();
  Answer(session, *report, flags.options.dry_run);
  return report->better ? kDone : kNothing;
}

void Answer(Session* session, const DraftHeadReport& report) {
  if (session->json) {
    Json out;
    out["kind"] = report.kind;
    SetPath(&out, "file", report.file);
    out["texts"] = report.texts;
    out["held_out"] = report.held_out;
    out["steps"] = report.steps;
    out["first_loss"] = report.first_loss;
    out["last_loss"] = report.last_loss;
    out["held_out_loss"] = report.held_out_loss;
    out["acceptance"] = report.acceptance;
    out["seconds"] = report.seconds;
    session->out.Line(ToLine(out));
    return;
  }
  if (session->quiet) return;
  std::string line = report.kind + ": " + Plural(report.texts, "caption") + ", loss " +
                     FormatFixed(report.first_loss, 3) + " to " + FormatFixed(report.last_loss, 3) +
                     ", in " + FormatDuration(report.seconds);
  session->out.Line(line);
  for (std::size_t depth = 0; depth < report.acceptance.size(); ++depth) {
    const auto& ranks = report.acceptance[depth];
    session->out.Line("  token " + std::to_string(depth + 2) + " ahead is right in " +
                      FormatFixed(100.0 * ranks[0], 1) + " % of " +
                      Plural(report.held_out, "held-out caption"));
  }
  session->out.Line("  " + EscapeForTerminal(report.file));
}

Outcome TrainHeadsVerb(Session* session, const HeadFlags& flags) {
  const DraftHeadOptions& options = flags.options;
  std::unique_ptr<Library> library;
  if (options.data.empty()) {
    Result<std::unique_ptr<Library>> opened = OpenSessionLibrary(*session, Access::kRead);
    if (!opened.ok()) return opened.status();
    library = *std::move(opened);
  }
  GracefulStop graceful("espy: stopping; the same command goes on from here");
  Result<std::vector<DraftHeadReport>> reports = [&] {
    ProgressMeter meter(session->shows_progress());
    const auto show = [&meter](const Progress& p) { meter.Show(p); };
    return library
               ? TrainDraftHeadsOn(library.get(), flags.pictures, options, show, graceful.token())
               : TrainDraftHeads(options, show, graceful.token());
  }();
  if (!reports.ok()) return reports.status();
  for (const DraftHeadReport& report : *reports) Answer(session, report);
  return kDone;
}

void AddAdapter(CLI::App* train, Session* session) {
  CLI::App* verb = AddVerb(train, session, "adapter",
                           "teach searches what this library's tags and captions mean", R"(Examples:
  espy train adapter
  espy train adapter --dry-run --plot loss.svg
  espy search rex ; espy search rex --no-adapter

A small network moves the vectors of phrases towards the pictures that are tagged and captioned with them; pictures'
vectors stay as they are. A fifth of the pictures is held out, and the network is kept only when it is shown, 19 times in
20, to rank those better than without it; otherwise the exit code is 1. Ctrl-C stops with a checkpoint, and the same
command goes on from it.
)");
  auto flags = std::make_shared<AdapterFlags>();
  AdapterOptions& options = flags->options;
  AddInteger(verb, "--steps", &options.steps, 1, 1'000'000, "of training");
  AddInteger(verb, "--bottleneck", &options.bottleneck, 1, 1024,
             "numbers between the network's two layers");
  AddNumber(verb, "--learning-rate", &options.learning_rate, 1e-6, 1, "the highest of the run");
  AddText(verb, "--plot", "FILE", &options.plot, "draw the losses there, as SVG");
  AddSwitch(verb, "--dry-run", &options.dry_run, "train and judge, and keep nothing");
  AddSwitch(verb, "--remove", &flags->remove, "take the adapter away; nothing is trained");
  Runs(verb, session, [session, flags] { return TrainAdapterVerb(session, *flags); });
}

void AddHeads(CLI::App* train, Session* session) {
  CLI::App* verb =
      AddVerb(train, session, "heads", "train draft heads on what a captioner said", R"(Examples:
  espy train heads --model ./captioner
  espy train heads --model ./captioner --data said.safetensors --precision bf16 --plot loss.svg

The captioner itself is not changed: heads guess the tokens that it would say next, so that several are checked at once.
They learn from what it says of this library's pictures, or from FILE, which holds tokens, hidden states and pictures
(docs/FORMATS.md). Medusa heads go to medusa_heads.safetensors and an MTP module to mtp.safetensors, each with how often
its guesses were right on captions held out. Ctrl-C stops with a checkpoint, and the same command goes on from it.
)");
  auto flags = std::make_shared<HeadFlags>();
  DraftHeadOptions* options = &flags->options;
  AddText(verb, "--model", "DIR", &options->model, "the captioner's directory");
  AddText(verb, "--data", "FILE", &options->data,
          "what it said, instead of captions of this library's pictures");
  AddInteger(verb, "--pictures", &flags->pictures, 1, 1'000'000, "of the library, at most");
  AddText(verb, "--out", "DIR", &options->directory,
          "where the heads go; the model's without this");
  AddText(verb, "--kind", "KIND", &flags->kind, "what is trained", {"both", "medusa", "mtp"});
  AddInteger(verb, "--heads", &options->heads, 1, 16, "of Medusa");
  AddInteger(verb, "--depths", &options->depths, 1, 16, "tokens that the MTP module guesses");
  AddInteger(verb, "--epochs", &options->epochs, 1, 10'000, "times through the captions");
  AddInteger(verb, "--batch", &options->batch, 1, 4096, "captions a step");
  AddNumber(verb, "--learning-rate", &options->learning_rate, 1e-6, 1, "the highest of the run");
  AddText(verb, "--precision", "KIND", &options->precision,
          "of products; weights and sums are fp32", {"fp32", "bf16", "fp16"});
  AddInteger(verb, "--threads", &options->threads, 0, 1024, "0: one for each core");
  AddText(verb, "--plot", "FILE", &options->plot, "draw the losses there, as SVG, a file a kind");
  Runs(verb, session, [session, flags] {
    flags->options.medusa = flags->kind != "mtp";
    flags->options.mtp = flags->kind != "medusa";
    return TrainHeadsVerb(session, *flags);
  });
}

}  // namespace

void AddTrain(CLI::App* program, Session* session) {
  CLI::App* train =
      AddVerb(program, session, "train", "learn from this library, or from a captioner", "");
  RequireVerbBelow(train);
  AddAdapter(train, session);
  AddHeads(train, session);
}

}  // namespace espy::cli
