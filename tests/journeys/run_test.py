#!/usr/bin/env python3
"""The test of the test: a journey that goes otherwise than written fails."""

import sys
import tempfile
import unittest
from pathlib import Path

import run


class RunTest(unittest.TestCase):
    def outcome(self, text):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "a.journey"
            script.write_text(text, encoding="utf-8")
            return run.run(str(script), Path("/bin/true"), show=False)

    def test_as_written(self):
        self.assertIsNone(self.outcome("# remark\n$ echo a; echo b >&2; exit 3\na\n! b\n? 3\n"))

    def test_wildcards(self):
        self.assertIsNone(self.outcome("$ echo took 12 ms; seq 5\ntook ... ms\n1\n...\n5\n"))

    def test_a_line_too_many(self):
        self.assertIn("got:", self.outcome("$ seq 2\n1\n"))

    def test_a_line_too_few(self):
        self.assertIn("got:", self.outcome("$ echo 1\n1\n2\n"))

    def test_another_text(self):
        self.assertIn("got:", self.outcome("$ echo ab\na\n"))

    def test_an_unexpected_message(self):
        self.assertIn("got:", self.outcome("$ echo a >&2\n"))

    def test_another_exit_code(self):
        self.assertIn("expected exit code 0, got 1", self.outcome("$ false\n"))

    def test_a_pattern_is_no_regular_expression(self):
        self.assertIn("got:", self.outcome("$ echo ab\na.\n"))

    def test_skipped_without_what_it_needs(self):
        self.assertEqual(self.outcome("% needs false\n$ echo a\nb\n"), run.SKIPPED)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
