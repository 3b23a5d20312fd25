#include "cli/hits.h"

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/contact_sheet.h"
#include "cli/flags.h"
#include "cli/json.h"
#include "cli/terminal_pictures.h"
#include "cli/text.h"

namespace espy::cli {
namespace {

std::string PathOf(const Hit& hit) {
  return hit.record.paths.empty() ? "(no file) " + FormatItemId(hit.id) : hit.record.paths.front();
}

std::string NameOf(const Hit& hit) {
  return EscapeForTerminal(PathOf(hit)) +
         (hit.stands_for > 1 ? "  (and " + FormatCount(hit.stands_for - 1) + " like it)" : "");
}

void PrintTable(Session* session, const SearchResult& result) {
  Table table({Table::Align::kRight, Table::Align::kRight, Table::Align::kLeft});
  for (const Hit& hit : result.hits) {
    table.Add({std::to_string(hit.rank), FormatFixed(hit.score, 3), NameOf(hit)});
  }
  session->out.Write(table.Format());
}

std::string PartsLine(const Hit& hit) {
  std::string line = "dense " + FormatFixed(hit.parts.dense, 4) + "  text " +
                     FormatFixed(hit.parts.text, 4) + "  policy " +
                     FormatFixed(hit.parts.policy, 4);
  if (hit.parts.dense_rank > 0) line += "  dense rank " + std::to_string(hit.parts.dense_rank);
  if (hit.parts.text_rank > 0) line += "  text rank " + std::to_string(hit.parts.text_rank);
  if (hit.parts.match >= 0) line += "  match " + FormatFixed(hit.parts.match, 3);
  if (hit.probability >= 0) line += "  probability " + FormatFixed(hit.probability, 3);
  return line + "  " + std::to_string(hit.record.width) + "x" + std::to_string(hit.record.height) +
         "  id " + FormatItemId(hit.id);
}

void PrintExplained(Session* session, const SearchResult& result) {
  for (const Hit& hit : result.hits) {
    session->out.Line(std::to_string(hit.rank) + "  " + FormatFixed(hit.score, 4) + "  " +
                      session->out.Bold(NameOf(hit)));
    session->out.Line(session->out.Dim("   " + PartsLine(hit)));
  }
  session->out.Line("plan: " + EscapeForTerminal(result.plan));
  if (result.logged) session->out.Line("query: " + result.query_id + " (for espy feedback)");
  if (result.cut) session->out.Line("least score: " + FormatFixed(result.cut_score, 4));
  session->out.Line("searched: " + Plural(result.searched, "item") + "; encode " +
                    FormatFixed(result.timings.encode_ms, 1) + " ms, search " +
                    FormatFixed(result.timings.search_ms, 1) + " ms" +
                    (result.timings.text_ms > 0
                         ? " (words " + FormatFixed(result.timings.text_ms, 1) + ")"
                         : "") +
                    (result.timings.rerank_ms > 0
                         ? " (second look " + FormatFixed(result.timings.rerank_ms, 1) + ")"
                         : "") +
                    ", records " + FormatFixed(result.timings.records_ms, 1) + " ms");
}

std::vector<HitPicture> Thumbnails(Library* library, const SearchResult& result) {
  std::vector<HitPicture> pictures;
  pictures.reserve(result.hits.size());
  for (const Hit& hit : result.hits) {
    HitPicture picture;
    picture.hit = &hit;
    Result<std::string> jpeg = library->Thumbnail(hit.id);
    if (jpeg.ok()) picture.jpeg = *std::move(jpeg);  // a hit without one is shown by its name
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

}  // namespace

void AddHitFlags(CLI::App* verb, HitFlags* flags) {
  AddInteger(verb, "-k", &flags->k, 1, 1'000'000, "at most this many hits (10)");
  AddText(verb, "--where", "EXPR", &flags->where,
          "only items for which this holds: year >= 2020 and tag = \"beach\"");
  AddText(verb, "--space", "NAME", &flags->space,
          "search the vectors of this model or space, one of those that espy info lists");
  AddText(verb, "--min-score", "X|auto", &flags->min_score,
          "only hits that score at least X, or that stand out (auto)");
  AddSwitch(verb, "--all", &flags->all, "every item that passes --min-score, whatever -k says");
  AddInteger(verb, "--offset", &flags->offset, 0, 1'000'000, "leave out the N best");
  AddText(verb, "--after", "CURSOR", &flags->after,
          "go on behind this hit of an earlier page (cursor in --json)");
  AddText(verb, "--group", "near", &flags->group,
          "of pictures that look the same only the best, with how many there are", {"near"});
  AddNumber(verb, "--diversity", &flags->diversity, 0, 1,
            "0 by score alone, towards 1 hits that are unlike each other");
  AddSwitch(verb, "--exact", &flags->exact, "compare with every vector, whatever index there is");
  AddSwitch(verb, "--explain", &flags->explain,
            "show the parts of each score, the plan and the times");
  AddSwitch(verb, "--paths", &flags->paths, "print the paths alone");
  AddSwitch(verb, "-0,--null", &flags->nul,
            "print the paths alone, each ended by NUL (for xargs -0)");
  AddText(verb, "--html", "FILE", &flags->html,
          "also write a contact sheet: one page, pictures inside");
  AddText(verb, "--rank", "HOW", &flags->rank,
          "order by what espy learn learned, where it did, or by similarity (policy)",
          {"policy", "similarity"});
  AddText(verb, "--client", "NAME", &flags->client, "who asks, for the log of what was shown");
  AddText(verb, "--session", "NAME", &flags->session, "in which sitting, for the log");
  AddSwitch(verb, "--no-log", &flags->no_log, "keep no note of what was shown");
  AddSwitch(verb, "--show", &flags->show, "show the pictures in the terminal");
  AddCompute(verb, &flags->compute);
}

// The number of --min-score; nullopt for auto, none and what is neither.
std::optional<float> MinScore(const std::string& text) {
  float value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || !(value >= -1 && value <= 1)) return std::nullopt;
  return value;
}

Status CheckHitFlags(const Session& session, const HitFlags& flags) {
  if (!flags.min_score.empty() && flags.min_score != "auto" && !MinScore(flags.min_score)) {
    return Status::InvalidArgument("--min-score: '" + flags.min_score +
                                   "' is neither a number from -1 to 1 nor auto; give one of them");
  }
  const bool only_paths = flags.paths || flags.nul;
  if (int{session.json} + int{only_paths} + int{flags.explain || flags.show} > 1) {
    return Status::InvalidArgument(
        "flags: --json, --paths (or -0), and --explain or --show exclude each other; give one of "
        "them");
  }
  return Status::Ok();
}

Result<QueryTerm> PictureTerm(Library* library, const std::string& name) {
  QueryTerm term;
  const Result<Record> record = library->Find(name);
  std::error_code ignored;
  if (record.ok()) {
    term.kind = QueryTerm::Kind::kItem;
    term.item = record->id;
  } else if (record.status().code() == StatusCode::kNotFound &&
             std::filesystem::exists(name, ignored)) {
    term.kind = QueryTerm::Kind::kPicture;
    term.text = name;
  } else {
    return record.status();
  }
  return term;
}

SearchOptions ToSearchOptions(const HitFlags& flags) {
  SearchOptions options;
  options.k = flags.k;
  options.where = flags.where;
  options.space = flags.space;
  options.exact = flags.exact;
  if (const std::optional<float> least = MinScore(flags.min_score)) {
    options.has_min_score = true;
    options.min_score = *least;
  }
  options.auto_min_score = flags.min_score == "auto";
  options.all = flags.all;
  options.offset = flags.offset;
  options.after = flags.after;
  options.group_near = flags.group == "near";
  options.diversity = static_cast<float>(flags.diversity);
  options.by_similarity = flags.rank == "similarity";
  options.client = flags.client;
  options.session = flags.session;
  options.log = !flags.no_log;
  return options;
}

Outcome SearchAndShow(Session* session, Library* library, const Query& query,
                      const SearchOptions& options, const HitFlags& flags,
                      const std::string& title) {
  const Result<SearchResult> result = library->Search(query, options);
  if (!result.ok()) return result.status();
  if (session->json) {
    for (const Hit& hit : result->hits) session->out.Line(ToLine(HitToJson(hit, result->query_id)));
  } else if (flags.paths || flags.nul) {
    for (const Hit& hit : result->hits) {
      if (!hit.record.paths.empty()) session->out.Path(hit.record.paths.front(), flags.nul);
    }
  } else if (flags.explain) {
    PrintExplained(session, *result);
  }
  const bool shows_table = !session->json && !flags.paths && !flags.nul && !flags.explain;
  if (flags.show || !flags.html.empty()) {
    const std::vector<HitPicture> pictures = Thumbnails(library, *result);
    const bool shown = flags.show && ShowInTerminal(pictures, &session->out);
    if (shows_table && !shown) PrintTable(session, *result);
    if (flags.show && !shown && !result->hits.empty()) {
      session->Say("espy: this terminal cannot show pictures; --html FILE writes a page of them");
    }
    if (!flags.html.empty()) {
      const Status written = WriteContactSheet(flags.html, title, pictures);
      if (!written.ok()) return written;
      session->Say("espy: wrote " + flags.html);
    }
  } else if (shows_table) {
    PrintTable(session, *result);
  }
  if (result->hits.empty()) {
    session->Say("espy: no hit among " + Plural(result->searched, "item"));
  }
  session->Mention("espy: " + result->plan + "; encode " +
                   FormatFixed(result->timings.encode_ms, 1) + " ms, search " +
                   FormatFixed(result->timings.search_ms, 1) + " ms, records " +
                   FormatFixed(result->timings.records_ms, 1) + " ms");
  return result->hits.empty() ? kNothing : kDone;
}

}  // namespace espy::cli
