#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/json.h"
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

Outcome ListAll(Session* session) {
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight,
               Table::Align::kLeft});
  for (const ModelDescription& model : ListModels()) {
    if (session->json) {
      session->out.Line(ToLine(ModelToJson(model)));
    } else {
      table.Add({EscapeForTerminal(model.name), EscapeForTerminal(model.family),
                 std::to_string(model.dimension) + " d", FormatBytes(model.bytes),
                 EscapeForTerminal(model.directory)});
    }
  }
  session->out.Write(table.Format());
  return kDone;
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
  espy model list
  espy model info espy-mini
  espy model add ~/models/clip-vit-base-patch32

A model is a directory as its publishers ship it: config.json, model.safetensors, preprocessor_config.json and the
tokenizer's files. $ESPY_MODELS names more directories to look in, with colons between.
)");
  RequireVerbBelow(model);

  CLI::App* list = AddVerb(model, session, "list", "the models that are installed", "");
  Runs(list, session, [session] { return ListAll(session); });

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
