// The verbs, one a file (verb_NAME.cc). Each adds itself to the parser; when it is the one that was
// typed, its callback sets session->run.
#ifndef ESPY_CLI_VERBS_H_
#define ESPY_CLI_VERBS_H_

#include <functional>
#include <string>

#include "cli/session.h"

namespace espy::cli {

void AddIngest(CLI::App* program, Session* session);
void AddSearch(CLI::App* program, Session* session);
void AddSimilar(CLI::App* program, Session* session);
void AddDuplicates(CLI::App* program, Session* session);
void AddGet(CLI::App* program, Session* session);
void AddForget(CLI::App* program, Session* session);
void AddTag(CLI::App* program, Session* session);
void AddSet(CLI::App* program, Session* session);
void AddCaption(CLI::App* program, Session* session);
// Captions and says what was done, what the ingest before it captioned with it: `caption`, and
// `ingest --caption`.
Outcome CaptionPictures(Session* session, Library* library, const CaptionOptions& options,
                        std::stop_token stop, const IngestReport& taken);
void AddFeedback(CLI::App* program, Session* session);
void AddLearn(CLI::App* program, Session* session);
void AddPolicy(CLI::App* program, Session* session);
void AddTags(CLI::App* program, Session* session);
void AddInfo(CLI::App* program, Session* session);
void AddRecall(CLI::App* program, Session* session);
// "0.991 (0.985 to 0.996) at 10, over 212 searches"; "none measured yet".
std::string RecallLine(const SpaceInfo& space);
void AddFailures(CLI::App* program, Session* session);
void AddVerify(CLI::App* program, Session* session);
void AddRebuild(CLI::App* program, Session* session);
void AddCompact(CLI::App* program, Session* session);
void AddTrain(CLI::App* program, Session* session);
void AddImport(CLI::App* program, Session* session);
void AddExport(CLI::App* program, Session* session);
void AddBackup(CLI::App* program, Session* session);
void AddRestore(CLI::App* program, Session* session);
void AddModelVerbs(CLI::App* program, Session* session);
void AddModelUse(CLI::App* model, Session* session);   // use, rollback, drop: below `model`
void AddModelPull(CLI::App* model, Session* session);  // below `model`
void AddBench(CLI::App* program, Session* session);
void AddHelp(CLI::App* program, Session* session);
void AddCompletion(CLI::App* program, Session* session);
void AddVersion(CLI::App* program, Session* session);

// A verb as the parser knows it: its common flags are set. `notes` are
// examples and remarks that stand below the flags in its help.
CLI::App* AddVerb(CLI::App* program, Session* session, const std::string& name,
                  const std::string& description, const std::string& notes);
// What the verb does when it is the one that was typed.
void Runs(CLI::App* verb, Session* session, std::function<Outcome()> run);
// Such as `model`, which needs a second verb.
void RequireVerbBelow(CLI::App* verb);

}  // namespace espy::cli

#endif  // ESPY_CLI_VERBS_H_
