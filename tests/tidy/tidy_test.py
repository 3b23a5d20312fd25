#!/usr/bin/env python3
"""The test of the test: each kind of violation, planted in a small tree, is found, and a clean tree passes."""

import sys
import tempfile
import unittest
from pathlib import Path

import rules
import tidy

HEADER = "#ifndef ESPY_{0}_H_\n#define ESPY_{0}_H_\n{1}\n#endif\n"
CLEAN = {
    "include/espy/status.h": HEADER.format("STATUS", "#include <string>"),
    "include/espy/README.md": "What the library promises: [status](status.h).\n",
    "base/env.h": HEADER.format("BASE_ENV", '#include "espy/status.h"'),
    "base/README.md": "Base.\n",
    "index/vectors.cc": '#include <faiss/Index.h>\n#include <sys/stat.h>\n#include <vector>\n\n#include "base/env.h"\n',
    "index/CMakeLists.txt": "espy_room(index SOURCES vectors.cc ROOMS base PRIVATE faiss)\n",
    "index/README.md": "Index.\n",
}


class TidyTest(unittest.TestCase):
    def found(self, files):
        """Violations in the clean tree with `files` ({path: text or bytes; None removes}) laid over it."""
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**CLEAN, **files}.items():
                if content is None:
                    continue
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content if isinstance(content, bytes) else content.encode())
            return tidy.violations(folder)

    def assert_found(self, files, *words):
        lines = self.found(files)
        self.assertTrue(any(all(word in line for word in words) for line in lines),
                        f"{words} not among {lines}")

    def test_a_clean_tree_has_no_violation(self):
        self.assertEqual(self.found({}), [])

    def test_a_room_that_includes_a_forbidden_room(self):
        self.assert_found({"base/env.cc": '#include "index/vectors.h"\n'}, "base/env.cc", "may not know index/")

    def test_storage_that_names_faiss(self):
        self.assert_found({"storage/a.cc": "#include <faiss/Index.h>\n"}, "storage/a.cc", "only index wraps")

    def test_index_that_names_rocksdb(self):
        self.assert_found({"index/a.cc": "#include <rocksdb/db.h>\n"}, "index/a.cc", "only storage wraps")

    def test_the_command_line_that_looks_behind_the_public_headers(self):
        self.assert_found({"cli/main.cc": '#include "base/env.h"\n'}, "cli/main.cc", "may not know base/")

    def test_a_public_header_with_a_library_of_others(self):
        self.assert_found({"include/espy/a.h": HEADER.format("A", "#include <nlohmann/json.hpp>")},
                          "include/espy/a.h", "standard library alone")

    def test_a_public_header_with_a_room_behind_it(self):
        self.assert_found({"include/espy/a.h": HEADER.format("A", '#include "base/env.h"')},
                          "include/espy/a.h", "may not know base/")

    def test_an_include_that_is_not_named_from_the_root(self):
        self.assert_found({"base/env.cc": '#include "env.h"\n'}, "base/env.cc", "from the root")

    def test_an_unknown_library(self):
        self.assert_found({"base/env.cc": "#include <boost/any.hpp>\n"}, "base/env.cc", "not in the table")

    def test_code_outside_the_rooms(self):
        self.assert_found({"misc/a.cc": "int a;\n"}, "misc/a.cc", "outside the rooms")

    def test_cmake_rooms_that_the_table_does_not_allow(self):
        self.assert_found({"index/CMakeLists.txt": "espy_room(index\n  SOURCES vectors.cc\n  ROOMS base storage)\n"},
                          "index/CMakeLists.txt", "espy_storage")

    def test_a_cmake_link_that_the_table_does_not_allow(self):
        self.assert_found({"index/CMakeLists.txt": "target_link_libraries(espy_index PRIVATE espy_engine)\n"},
                          "index/CMakeLists.txt", "espy_engine")

    def test_a_room_without_readme(self):
        self.assert_found({"index/README.md": None}, "index/", "README.md")

    def test_unfinished_words(self):
        for word in rules.UNFINISHED:
            self.assert_found({"base/env.cc": f"// {word}: later\n"}, "base/env.cc:1", word)

    def test_words_of_the_workshop(self):
        for text in ("/wo" + "rk/main/base", "see issue" + " #12", "/opt/" + "venv/bin"):
            self.assert_found({"docs/a.md": f"As {text} has it.\n"}, "docs/a.md:1")

    def test_white_space_at_a_line_end(self):
        self.assert_found({"base/env.cc": "int a; \n"}, "base/env.cc:1", "white space")

    def test_a_tab_in_code(self):
        self.assert_found({"base/env.cc": "\tint a;\n"}, "base/env.cc:1", "tab")

    def test_a_missing_last_line_end(self):
        self.assert_found({"base/env.cc": "int a;"}, "base/env.cc", "line end")

    def test_a_long_file(self):
        self.assert_found({"base/env.cc": "int a;\n" * (rules.MAX_LINES + 1)}, "base/env.cc", "lines")

    def test_a_large_file(self):
        self.assert_found({"tests/base/a.bin": b"\1" * (rules.MAX_FILE_BYTES + 1)}, "tests/base/a.bin", "bytes")

    def test_a_large_file_among_the_models_is_allowed(self):
        self.assertEqual(self.found({"models/README.md": "Models.\n", "models/a.bin": b"\1" * (rules.MAX_FILE_BYTES + 1)}),
                         [])

    def test_an_empty_file(self):
        self.assert_found({"base/nothing.txt": ""}, "base/nothing.txt", "empty")

    def test_a_header_without_its_guard(self):
        self.assert_found({"base/env.h": HEADER.format("ENV", "")}, "base/env.h", "ESPY_BASE_ENV_H_")

    def test_a_link_to_nowhere(self):
        self.assert_found({"docs/a.md": "See [b](b.md).\n"}, "docs/a.md", "b.md")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
