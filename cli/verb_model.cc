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

Json ModelToJson(const ModelDescription& model) {
  Json out;
  out["name"] = model.name;
  SetPath(&out, "directory", model.directory);
  out["family"] = model.family;
  out["dimension"] = model.dimension;
  out["image_size"] = model.image_size;
  out["context"] = model.context;
  out["image_parameters"] = model.image_parameters;
  out["text_parameters"] = model.text_parameters;
  out["bytes"] = model.bytes;
  out["space_id"] = model.space_id;
  out["bundled"] = model.bundled;
  return out;
}

std::string Millions(std::uint64_t n) {
  return FormatFixed(static_cast<double>(n) / 1e6, n < 100'000'000 ? 1 : 0) + " M";
}

void PrintModel(Session* session, const ModelDescription& model) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.Add({"name", EscapeForTerminal(model.name) + (model.bundled ? " (bundled)" : "")});
  table.Add({"family", EscapeForTerminal(model.family)});
  table.Add({"vectors", std::to_string(model.dimension) + " dimensions"});
  table.Add({"pictures", std::to_string(model.image_size) + " x " +
                             std::to_string(model.image_size) + " pixels"});
  table.Add({"texts", std::to_string(model.context) + " tokens"});
  table.Add({"size", Millions(model.image_parameters) + " image and " +
                         Millions(model.text_parameters) + " text parameters, " +
                         FormatBytes(model.bytes)});
  table.Add({"space", model.space_id});
  table.Add({"directory", EscapeForTerminal(model.directory)});
  session->out.Write(table.Format());
}

struct ListFlags {
  bool measure = false;
  Precision precision = Precision::kAuto;
};

// A model that cannot be measured is named on stderr, and the others still are.
Outcome ListAll(Session* session, const ListFlags& flags) {
  std::vector<Table::Align> columns{Table::Align::kLeft, Table::Align::kLeft, Table::Align::kRight,
                                    Table::Align::kRight};
  if (flags.measure) columns.insert(columns.end(), 4, Table::Align::kRight);
  columns.push_back(Table::Align::kLeft);
  Table table(columns);
  GracefulStop graceful("");
  ProgressMeter meter(flags.measure && session->shows_progress());
  int outcome = kDone;
  for (const ModelDescription& model : ListModels()) {
    ModelCost cost;
    if (flags.measure) {
      BenchOptions options;
      options.model = model.directory;
      options.precision = flags.precision;
      options.seconds = 1;
      const Result<ModelCost> measured = MeasureModel(
          options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
      meter.Clear();
      if (!measured.ok()) {
        if (measured.status().code() == StatusCode::kCancelled) return measured.status();
        session->Say("espy: " + measured.status().message());
        outcome = kNothing;
        continue;
      }
      cost = *measured;
    }
    const std::string precision(PrecisionName(cost.precision));
    if (session->json) {
      Json line = ModelToJson(model);
      if (flags.measure) {
        line["precision"] = precision;
        line["memory"] = cost.memory;
        line["memory_shared"] = cost.shared;
        line["weights_bytes"] = cost.weights;
        line["ms_per_picture"] = cost.ms_per_picture;
        line["ms_per_text"] = cost.ms_per_text;
      }
      session->out.Line(ToLine(line));
      continue;
    }
    std::vector<std::string> row{EscapeForTerminal(model.name), EscapeForTerminal(model.family),
                                 std::to_string(model.dimension) + " d", FormatBytes(model.bytes)};
    if (flags.measure) {
      row.insert(row.end(), {precision, FormatBytes(cost.memory) + " in use",
                             FormatFixed(cost.ms_per_picture, 2) + " ms a picture",
                             FormatFixed(cost.ms_per_text, 2) + " ms a text"});
    }
    row.push_back(EscapeForTerminal(model.directory));
    table.Add(row);
  }
  session->out.Write(table.Format());
  return outcome;
}

Outcome ShowModel(Session* session, const Result<ModelDescription>& model) {
  if (!model.ok()) return model.status();
  if (session->json) {
    session->out.Line(ToLine(ModelToJson(*model)));
  } else {
    PrintModel(session, *model);
  }
  return kDone;
}

struct ModelFlags {
  std::string target;
  std::string name;
};

}  // namespace

void AddModelVerbs(CLI::App* program, Session* session) {
  CLI::App* model = AddVerb(program, session, "model",
                            "the models that turn pictures and words into vectors", R"(Examples:
  espy model list --measure
  espy model info espy-mini
  espy model add ~/models/clip-vit-base-patch32

A model is a directory as its publishers ship it: config.json, preprocessor_config.json, the tokenizer's files and
model.safetensors (or its parts with model.safetensors.index.json); or open_clip_config.json with
open_clip_model.safetensors. $ESPY_MODELS names more directories to look in, with colons between.
)");
  RequireVerbBelow(model);

  CLI::App* list = AddVerb(model, session, "list", "the models that are installed", "");
  auto list_flags = std::make_shared<ListFlags>();
  AddSwitch(list, "--measure", &list_flags->measure,
            "also what each costs on this computer: memory, time for a picture and for a text");
  AddPrecision(list, &list_flags->precision);
  Runs(list, session, [session, list_flags] { return ListAll(session, *list_flags); });

  auto flags = std::make_shared<ModelFlags>();
  CLI::App* info =
      AddVerb(model, session, "info", "one model: its family, sizes and directory", "");
  AddWord(info, "NAME", &flags->target, "a model's name, or a directory that holds one",
          Need::kRequired);
  Runs(info, session,
       [session, flags] { return ShowModel(session, DescribeModel(flags->target)); });

  CLI::App* add =
      AddVerb(model, session, "add", "check a model whole and install it for this user", "");
  AddWord(add, "DIR", &flags->target, "a directory as its publishers ship it", Need::kRequired);
  AddText(add, "--name", "NAME", &flags->name, "its name here (the directory's)");
  Runs(add, session,
       [session, flags] { return ShowModel(session, AddModel(flags->target, flags->name)); });
}

}  // namespace espy::cli
