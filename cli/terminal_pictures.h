// Pictures in the terminal, by libchafa: as pixels where the terminal takes them (kitty's protocol,
// sixels), else as coloured characters.
#ifndef ESPY_CLI_TERMINAL_PICTURES_H_
#define ESPY_CLI_TERMINAL_PICTURES_H_

#include <vector>

#include "cli/contact_sheet.h"
#include "cli/output.h"

namespace espy::cli {

// Writes the pictures in rows, each with its rank, score and name below. False, with nothing
// written, when stdout is no terminal or the program was built without libchafa.
bool ShowInTerminal(const std::vector<HitPicture>& pictures, Output* out);

}  // namespace espy::cli

#endif  // ESPY_CLI_TERMINAL_PICTURES_H_
