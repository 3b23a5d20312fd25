"""Writes the table of html_entities.cc again, from the names that Python's html.entities has.

    python encoders/openclip/make_html_entities.py
"""

import html.entities
import pathlib
import re
import textwrap

FILE = pathlib.Path(__file__).with_name("html_entities.cc")


def main():
    entries = (f"{name}:{','.join(f'{ord(c):X}' for c in text)}" for name, text in sorted(html.entities.html5.items()))
    lines = textwrap.wrap(" ".join(entries), 90, break_long_words=False, break_on_hyphens=False)
    table = "\n".join(f'    "{line} "' for line in lines)
    source = FILE.read_text()
    FILE.write_text(re.sub(r'(kEntities =\n)(?:    ".*"\n?)+;', lambda found: found[1] + table + ";", source))


if __name__ == "__main__":
    main()
