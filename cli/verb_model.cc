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
  out["installed"] = model.installed;
  out["repository"] = model.repository;
  out["licence"] = model.licence;
  return out;
}

std::string Millions(std::uint64_t n) {
  return FormatFixed(static_cast<double>(n) / 1e6, n < 100'000'000 ? 1 : 0) + " M";
}

bool IsCaptioner(const ModelDescription& model) { return model.family == "blip"; }

// What is known of it; sizes of one that is not here are what its publisher's pages say.
void PrintModel(Session* session, const ModelDescription& model) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.Add({"name", EscapeForTerminal(model.name) + (model.bundled ? " (bundled)" : "")});
  table.Add({"family", EscapeForTerminal(model.family)});
  table.Add({IsCaptioner(model) ? "matching" : "vectors",
             model.dimension > 0 ? std::to_string(model.dimension) + " dimensions" : "none"});
  table.Add({"pictures", std::to_string(model.image_size) + " x " +
                             std::to_string(model.image_size) + " pixels"});
  table.Add({"texts", std::to_string(model.context) + " tokens"});
  if (model.installed) {
    table.Add({"size", Millions(model.image_parameters) + " image and " +
                           Millions(model.text_parameters) + " text parameters, " +
                           FormatBytes(model.bytes)});
  } else {
    table.Add({"size", "about " + FormatBytes(model.bytes)});
  }
  if (!model.repository.empty()) table.Add({"repository", EscapeForTerminal(model.repository)});
  if (!model.licence.empty()) table.Add({"licence", EscapeForTerminal(model.licence)});
  if (model.installed) {
    table.Add({IsCaptioner(model) ? "id" : "space", model.space_id});
    table.Add({"directory", EscapeForTerminal(model.directory)});
  } else {
    table.Add({"directory", "not on this computer: espy model pull " + model.name});
  }
  session->out.Write(table.Format());
}

std::string Dimensions(const ModelDescription& model) {
  return std::to_string(model.dimension) + " d";
}

struct ListFlags {
  bool measure = false;
  bool installed = false;
  ComputeFlags compute;
};

// The usual published models that are not here.
void ListKnown(Session* session, const std::vector<ModelDescription>& models) {
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight,
               Table::Align::kLeft, Table::Align::kLeft});
  bool any = false;
  for (const ModelDescription& model : models) {
    if (model.installed) continue;
    any = true;
    if (session->json) {
      session->out.Line(ToLine(ModelToJson(model)));
    } else {
      table.Add({model.name, model.family, std::to_string(model.dimension) + " d",
                 "~" + FormatBytes(model.bytes), model.licence, model.repository});
    }
  }
  if (!any || session->json) return;
  session->out.Write("\nTo be had with espy model pull NAME:\n" + table.Format());
}

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
  const std::vector<ModelDescription> models = ListModels(
      flags.measure || flags.installed ? ModelSet::kInstalled : ModelSet::kInstalledAndKnown);
  for (const ModelDescription& model : models) {
    if (!model.installed || (flags.measure && IsCaptioner(model))) continue;
    ModelCost cost;
    if (flags.measure) {
      BenchOptions options;
      options.model = model.directory;
      flags.compute.Apply(&options);
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
                                 IsCaptioner(model) ? "captions" : Dimensions(model),
                                 FormatBytes(model.bytes)};
    if (flags.measure) {
      row.insert(row.end(), {precision, FormatBytes(cost.memory) + " in use",
                             FormatFixed(cost.ms_per_picture, 2) + " ms a picture",
                             FormatFixed(cost.ms_per_text, 2) + " ms a text"});
    }
    row.push_back(EscapeForTerminal(model.directory));
    table.Add(row);
  }
  session->out.Write(table.Format());
  ListKnown(session, models);
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
  espy model pull clip-b32
  espy model info clip-b32
  espy model add ~/models/my-siglip
  espy model use clip-b32

A model is a directory as its publishers ship it, in one of these layouts:
  transformers   config.json with model_type clip, siglip or siglip2 (also NaFlex), preprocessor_config.json
                 (or processor_config.json), and model.safetensors or the parts that model.safetensors.index.json names
  OpenCLIP       open_clip_config.json and open_clip_model.safetensors (ViT towers, and timm's SigLIP towers)
  captioner      config.json with model_type blip, model.safetensors, and draft heads beside it where it has them
with the tokenizer's files: tokenizer.json (byte-level BPE, Gemma's BPE, Unigram), vocab.json and merges.txt,
spiece.model or tokenizer.model; tokenizer_config.json and special_tokens_map.json beside them. Pickles (.bin, .pt) are never
read.
A directory stands everywhere for a name. Names are looked for in $ESPY_MODELS (directories with colons between), in
~/.local/share/espy/models, with the program, and in the Hugging Face hub's cache ($HF_HUB_CACHE, $HF_HOME/hub).
)");
  RequireVerbBelow(model);

  CLI::App* list =
      AddVerb(model, session, "list", "the models that are here, and the usual ones to be had", "");
  auto list_flags = std::make_shared<ListFlags>();
  AddSwitch(list, "--measure", &list_flags->measure,
            "also what each costs on this computer: memory, time for a picture and for a text");
  AddSwitch(list, "--installed", &list_flags->installed, "only those that are here");
  AddCompute(list, &list_flags->compute);
  Runs(list, session, [session, list_flags] { return ListAll(session, *list_flags); });

  auto flags = std::make_shared<ModelFlags>();
  CLI::App* info =
      AddVerb(model, session, "info", "one model: its family, sizes and directory", "");
  AddWord(info, "NAME", &flags->target, "a model's name, or a directory that holds one",
          Need::kRequired);
  Runs(info, session,
       [session, flags] { return ShowModel(session, DescribeModel(flags->target)); });

  AddModelPull(model, session);
  AddModelUse(model, session);

  CLI::App* add =
      AddVerb(model, session, "add", "check a model whole and install it for this user", "");
  AddWord(add, "DIR", &flags->target, "a directory as its publishers ship it", Need::kRequired);
  AddText(add, "--name", "NAME", &flags->name, "its name here (the directory's)");
  Runs(add, session,
       [session, flags] { return ShowModel(session, AddModel(flags->target, flags->name)); });
}

}  // namespace espy::cli
