#include "cli/terminal_pictures.h"

#ifdef ESPY_HAVE_CHAFA
#include <chafa.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "cli/jpeg_pixels.h"
#include "cli/text.h"

extern char** environ;

namespace espy::cli {
namespace {

// A picture's place in a row, in character cells. A cell is about twice as high as wide: 22 x 11 is
// square.
constexpr int kPlaceColumns = 22;
constexpr int kPlaceRows = 11;
constexpr int kGapColumns = 2;

// A row of pictures is drawn as one image of this many pixels a cell, so that a thumbnail (256
// pixels) fits its place; libchafa scales it to what the terminal's cells really are.
constexpr int kCellWidth = 12;
constexpr int kCellHeight = 24;

struct FreeConfig {
  void operator()(ChafaCanvasConfig* p) const { chafa_canvas_config_unref(p); }
};
struct FreeCanvas {
  void operator()(ChafaCanvas* p) const { chafa_canvas_unref(p); }
};
struct FreeTerm {
  void operator()(ChafaTermInfo* p) const { chafa_term_info_unref(p); }
};
struct FreeSymbols {
  void operator()(ChafaSymbolMap* p) const { chafa_symbol_map_unref(p); }
};
struct FreeString {
  void operator()(GString* p) const { g_string_free(p, TRUE); }
};
using Term = std::unique_ptr<ChafaTermInfo, FreeTerm>;

ChafaPixelMode PixelMode(const ChafaTermInfo* term) {
  if (chafa_term_info_have_seq(term, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1)) {
    return CHAFA_PIXEL_MODE_KITTY;
  }
  if (chafa_term_info_have_seq(term, CHAFA_TERM_SEQ_BEGIN_SIXELS)) return CHAFA_PIXEL_MODE_SIXELS;
  return CHAFA_PIXEL_MODE_SYMBOLS;
}

ChafaCanvasMode CanvasMode(const ChafaTermInfo* term, bool colour) {
  if (!colour) return CHAFA_CANVAS_MODE_FGBG;
  if (chafa_term_info_have_seq(term, CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT)) {
    return CHAFA_CANVAS_MODE_TRUECOLOR;
  }
  if (chafa_term_info_have_seq(term, CHAFA_TERM_SEQ_SET_COLOR_FGBG_256)) {
    return CHAFA_CANVAS_MODE_INDEXED_240;
  }
  if (chafa_term_info_have_seq(term, CHAFA_TERM_SEQ_SET_COLOR_FGBG_16)) {
    return CHAFA_CANVAS_MODE_INDEXED_16;
  }
  return CHAFA_CANVAS_MODE_FGBG;
}

// One row of pictures as transparent RGBA, each centred in its place.
class RowImage {
 public:
  explicit RowImage(int places)
      : columns_(places * kPlaceColumns + (places - 1) * kGapColumns),
        width_(columns_ * kCellWidth),
        height_(kPlaceRows * kCellHeight),
        rgba_(static_cast<std::size_t>(width_) * height_ * 4, 0) {}

  // Small pictures are enlarged to fill their place, so that all are of one size in a row.
  void Put(int place, const Pixels& pixels) {
    constexpr int kPlaceWidth = kPlaceColumns * kCellWidth, kPlaceHeight = kPlaceRows * kCellHeight;
    if (pixels.width < 1 || pixels.height < 1) return;
    const double scale = std::min(static_cast<double>(kPlaceWidth) / pixels.width,
                                  static_cast<double>(kPlaceHeight) / pixels.height);
    const int width = std::clamp(static_cast<int>(pixels.width * scale), 1, kPlaceWidth);
    const int height = std::clamp(static_cast<int>(pixels.height * scale), 1, kPlaceHeight);
    const int left = place * (kPlaceColumns + kGapColumns) * kCellWidth + (kPlaceWidth - width) / 2;
    const int top = (kPlaceHeight - height) / 2;
    for (int y = 0; y < height; ++y) {
      const std::size_t from_row = static_cast<std::size_t>(y) * pixels.height / height;
      std::uint8_t* to = rgba_.data() + (static_cast<std::size_t>(top + y) * width_ + left) * 4;
      for (int x = 0; x < width; ++x, to += 4) {
        const std::size_t from_column = static_cast<std::size_t>(x) * pixels.width / width;
        std::memcpy(to, &pixels.rgb[(from_row * pixels.width + from_column) * 3], 3);
        to[3] = 255;
      }
    }
  }

  std::string Draw(ChafaTermInfo* term, bool colour) const {
    std::unique_ptr<ChafaCanvasConfig, FreeConfig> config(chafa_canvas_config_new());
    chafa_canvas_config_set_geometry(config.get(), columns_, kPlaceRows);
    chafa_canvas_config_set_pixel_mode(config.get(), PixelMode(term));
    chafa_canvas_config_set_canvas_mode(config.get(), CanvasMode(term, colour));
    std::unique_ptr<ChafaSymbolMap, FreeSymbols> symbols(chafa_symbol_map_new());
    chafa_symbol_map_add_by_tags(
        symbols.get(),
        static_cast<ChafaSymbolTags>(CHAFA_SYMBOL_TAG_BLOCK | CHAFA_SYMBOL_TAG_BORDER |
                                     CHAFA_SYMBOL_TAG_SPACE));
    chafa_canvas_config_set_symbol_map(config.get(), symbols.get());
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_xpixel > 0 &&
        size.ws_ypixel > 0 && size.ws_col > 0 && size.ws_row > 0) {
      chafa_canvas_config_set_cell_geometry(config.get(), size.ws_xpixel / size.ws_col,
                                            size.ws_ypixel / size.ws_row);
    }
    std::unique_ptr<ChafaCanvas, FreeCanvas> canvas(chafa_canvas_new(config.get()));
    chafa_canvas_draw_all_pixels(canvas.get(), CHAFA_PIXEL_RGBA8_UNASSOCIATED, rgba_.data(), width_,
                                 height_, width_ * 4);
    std::unique_ptr<GString, FreeString> text(chafa_canvas_print(canvas.get(), term));
    return {text->str, text->len};
  }

 private:
  int columns_, width_, height_;
  std::vector<std::uint8_t> rgba_;
};

std::string NameOf(const Hit& hit) {
  if (hit.record.paths.empty()) return FormatItemId(hit.id);
  const std::string& path = hit.record.paths.front();
  return EscapeForTerminal(path.substr(path.find_last_of('/') + 1));
}

}  // namespace

bool ShowInTerminal(const std::vector<HitPicture>& pictures, Output* out) {
  if (!out->is_terminal()) return false;
  const Term term(chafa_term_db_detect(chafa_term_db_get_default(), environ));
  if (term == nullptr) return false;
  const int fit = (out->columns() + kGapColumns) / (kPlaceColumns + kGapColumns);
  const std::size_t per_row = static_cast<std::size_t>(std::clamp(fit, 1, 8));
  for (std::size_t start = 0; start < pictures.size(); start += per_row) {
    const std::size_t count = std::min(per_row, pictures.size() - start);
    RowImage image(static_cast<int>(count));
    std::string names;
    for (std::size_t i = 0; i < count; ++i) {
      const HitPicture& picture = pictures[start + i];
      const Result<Pixels> pixels = DecodeThumbnail(picture.jpeg);
      if (pixels.ok()) image.Put(static_cast<int>(i), *pixels);
      const std::string facts =
          std::to_string(picture.hit->rank) + " " + FormatFixed(picture.hit->score, 3) + " ";
      std::string name =
          facts + ShortenLeft(NameOf(*picture.hit), kPlaceColumns - static_cast<int>(facts.size()));
      name.append(
          static_cast<std::size_t>(std::max(0, kPlaceColumns + kGapColumns - DisplayWidth(name))),
          ' ');
      names += name;
    }
    out->Line(image.Draw(term.get(), out->has_colour()));
    names.erase(names.find_last_not_of(' ') + 1);
    out->Line(out->Dim(names));
  }
  return true;
}

}  // namespace espy::cli

#else

namespace espy::cli {
bool ShowInTerminal(const std::vector<HitPicture>&, Output*) { return false; }
}  // namespace espy::cli

#endif  // ESPY_HAVE_CHAFA
