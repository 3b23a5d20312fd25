// A BLIP directory small enough to write in a test, for tests of what uses captioning/.
#ifndef ESPY_TESTS_CAPTIONING_TINY_CAPTIONER_H_
#define ESPY_TESTS_CAPTIONING_TINY_CAPTIONER_H_

#include <string>

namespace espy::testing {

// Of goldens.json's weights, which are random: 32-pixel pictures, captions of the words a, dog,
// and, cat, the and `word`0 to 79. `matches`: with image-text matching. Other words are another
// model.
void WriteTinyCaptioner(const std::string& directory, bool matches = true,
                        const std::string& word = "word");

}  // namespace espy::testing

#endif  // ESPY_TESTS_CAPTIONING_TINY_CAPTIONER_H_
