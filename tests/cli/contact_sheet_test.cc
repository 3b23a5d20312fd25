#include "cli/contact_sheet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "cli/jpeg_pixels.h"
#include "tests/support/temp_dir.h"

namespace espy::cli {
namespace {

using espy::testing::TempDir;

Hit HitNamed(const std::string& path) {
  Hit hit;
  hit.rank = 1;
  hit.score = 0.5f;
  hit.record.paths = {path};
  return hit;
}

TEST(ContactSheet, NothingOfTheUsersBecomesMarkup) {
  Hit hit = HitNamed("/p/\"><script>alert(1)</script>.jpg");
  hit.record.caption = "<b onclick='x'>caption</b>";
  hit.record.tags = {"<i>tag"};
  const std::string html = ContactSheetHtml("<title> & \"query\"", {{&hit, ""}});
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<b "), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_NE(html.find("&lt;title&gt; &amp; &quot;query&quot;"), std::string::npos);
  EXPECT_NE(html.find("file:///p/%22%3e%3cscript%3e"), std::string::npos);
}

TEST(ContactSheet, ThePageAllowsNothingButItsStyleAndItsPictures) {
  const std::string html = ContactSheetHtml("q", {});
  EXPECT_NE(html.find("default-src 'none'; img-src data:; style-src 'unsafe-inline'"),
            std::string::npos);
  EXPECT_EQ(html.find("http://"), std::string::npos);
  EXPECT_EQ(html.find("https://"), std::string::npos);
}

TEST(ContactSheet, PicturesStandInThePageItself) {
  const Hit hit = HitNamed("/p/a.jpg");
  const std::string html = ContactSheetHtml("q", {{&hit, "foo"}});
  EXPECT_NE(html.find("src=\"data:image/jpeg;base64,Zm9v\""), std::string::npos);
}

TEST(ContactSheet, AFailedWriteLeavesTheOldPageAndNoOther) {
  const TempDir dir;
  dir.Write("page.html/occupied", "");  // a folder cannot be replaced by a file
  const Status status = WriteContactSheet(dir / "page.html", "q", {});
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("page.html"), std::string::npos);
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    entries += entry.exists() ? 1 : 0;
  }
  EXPECT_EQ(entries, 1);
}

TEST(ThumbnailPixels, BytesThatAreNoJpegAreAnError) {
  EXPECT_EQ(DecodeThumbnail("").status().code(), StatusCode::kCorruption);
  EXPECT_EQ(DecodeThumbnail("not a jpeg at all").status().code(), StatusCode::kCorruption);
  EXPECT_EQ(DecodeThumbnail("\xff\xd8\xff\xe0 cut").status().code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace espy::cli
