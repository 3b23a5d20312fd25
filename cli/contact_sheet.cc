#include "cli/contact_sheet.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/text.h"

namespace espy::cli {
namespace {

constexpr char kStyle[] = R"css(
:root { color-scheme: light dark; --paper: #faf9f7; --card: #fff; --ink: #1d1c1a; --soft: #77736c; --edge: #e4e0d9; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161514; --card: #201f1d; --ink: #eeebe6; --soft: #99948b; --edge: #33312e; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 4rem); background: var(--paper); color: var(--ink);
       font: 15px/1.45 system-ui, sans-serif; }
header { margin-bottom: 1.5rem; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 600; overflow-wrap: anywhere; }
header p { margin: .25rem 0 0; color: var(--soft); }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
     grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr)); }
li { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; overflow: hidden; }
a { color: inherit; text-decoration: none; display: block; }
a:focus-visible { outline: 3px solid #4a7dff; outline-offset: -3px; }
.picture { aspect-ratio: 1; display: grid; place-items: center; padding: .5rem; background: var(--paper); }
.picture img { max-width: 100%; max-height: 100%; object-fit: contain; border-radius: .25rem; }
.picture span { color: var(--soft); }
.words { padding: .6rem .8rem .7rem; }
.name { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.facts { color: var(--soft); font-size: .82rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
)css";

std::string FileName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

void AppendHit(std::string* html, const HitPicture& picture) {
  const Hit& hit = *picture.hit;
  const std::string path = hit.record.paths.empty() ? std::string() : hit.record.paths.front();
  const std::string name = EscapeHtml(path.empty() ? FormatItemId(hit.id) : FileName(path));
  *html += "<li>";
  if (!path.empty()) {
    *html += "<a href=\"" + EscapeHtml(FileUrl(path)) + "\" title=\"" + EscapeHtml(path) + "\">";
  }
  *html += "<div class=\"picture\">";
  if (picture.jpeg.empty()) {
    *html += "<span>no thumbnail</span>";
  } else {
    *html +=
        "<img alt=\"" + name + "\" src=\"data:image/jpeg;base64," + Base64(picture.jpeg) + "\">";
  }
  *html += "</div><div class=\"words\"><div class=\"name\">" + name + "</div><div class=\"facts\">";
  *html += std::to_string(hit.rank) + " · " + FormatFixed(hit.score, 3) + " · " +
           std::to_string(hit.record.width) + "×" + std::to_string(hit.record.height);
  const std::string& caption = SearchedCaption(hit.record);
  if (!caption.empty()) *html += "<br>" + EscapeHtml(caption);
  if (!hit.record.tags.empty()) {
    *html += "<br>";
    for (const std::string& tag : hit.record.tags) *html += "#" + EscapeHtml(tag) + " ";
  }
  *html += "</div></div>";
  if (!path.empty()) *html += "</a>";
  *html += "</li>\n";
}

Status WriteError(const std::string& path) {
  return Status::IoError(path + ": " + std::strerror(errno) + "; choose another place for --html");
}

}  // namespace

std::string ContactSheetHtml(const std::string& title, const std::vector<HitPicture>& pictures) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>";
  html += EscapeHtml(title) + " · Espy</title>\n<style>" + kStyle +
          "</style></head>\n<body><header><h1>";
  html += EscapeHtml(title) + "</h1><p>" + Plural(pictures.size(), "picture") +
          ", best first</p></header>\n<ol>\n";
  for (const HitPicture& picture : pictures) AppendHit(&html, picture);
  return html + "</ol></body></html>\n";
}

Status WriteContactSheet(const std::string& path, const std::string& title,
                         const std::vector<HitPicture>& pictures) {
  const std::string html = ContactSheetHtml(title, pictures);
  const std::string beside = path + ".part" + std::to_string(::getpid());
  std::FILE* file = std::fopen(beside.c_str(), "wb");
  if (file == nullptr) return WriteError(path);
  const bool written = std::fwrite(html.data(), 1, html.size(), file) == html.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || std::rename(beside.c_str(), path.c_str()) != 0) {
    Status status = WriteError(path);
    std::remove(beside.c_str());
    return status;
  }
  return Status::Ok();
}

}  // namespace espy::cli
