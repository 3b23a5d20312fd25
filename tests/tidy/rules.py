"""The rules of the tree, as data. docs/ARCHITECTURE.md explains them; tidy.py applies them."""

# What each room may include besides itself. Everyone may include include/espy, the public promise.
ROOMS = {
    "include": set(),
    "base": set(),
    "imaging": {"base"},
    "kernels": {"base"},
    "encoders": {"base", "kernels", "imaging"},
    "captioning": {"base", "kernels", "imaging", "encoders"},
    "training": {"base", "kernels", "encoders"},
    "index": {"base", "kernels"},
    "storage": {"base"},
    "text": {"base"},
    "ranking": {"base"},
    "engine": {"base", "imaging", "kernels", "encoders", "captioning", "training", "index", "storage", "text", "ranking"},
    "cli": set(),  # a door: it sees the public headers and nothing behind them
}

# Folders beside the rooms whose code may include anything.
FREE = {"tests", "bench"}

# Third-party headers, by the start of their name, and the rooms that wrap them. What is not listed here and not a
# standard or system header may be included nowhere: a new dependency begins with a line in this table.
EXTERNAL = {
    "rocksdb/": {"storage"},
    "faiss/": {"index"},
    "vips/": {"imaging"},
    "jpeglib.h": {"imaging", "cli"},
    "jerror.h": {"imaging"},
    "turbojpeg.h": {"imaging"},
    "lcms2.h": {"imaging"},
    "libraw/": {"imaging"},
    "openssl/": {"base"},
    "cublasLt.h": {"kernels"},
    "cuda_": {"kernels"},
    "cuda.h": {"kernels"},
    "dnnl": {"kernels"},
    "oneapi/dnnl/": {"kernels"},
    "omp.h": {"index", "kernels"},
    "sentencepiece": {"encoders"},
    "unicode/": {"encoders", "text"},
    "sqlite3.h": {"text"},
    "libstemmer.h": {"text"},
    "nlohmann/": {"encoders", "cli"},
    "archive": {"engine"},
    "roaring/": {"engine"},
    "curl/": {"engine"},
    "CLI/": {"cli"},
    "chafa.h": {"cli"},
}

# Headers of the C library and the kernel that are not C++ standard headers.
SYSTEM = ("arpa/", "cpuid.h", "dirent.h", "dlfcn.h", "emmintrin.h", "fcntl.h", "fts.h", "immintrin.h", "linux/",
          "malloc.h", "netdb.h", "netinet/", "nmmintrin.h", "poll.h", "pthread.h", "pwd.h", "sched.h", "signal.h", "spawn.h",
          "stdio.h", "stdlib.h", "string.h", "sys/", "termios.h", "time.h", "ucontext.h", "unistd.h", "x86intrin.h", "arm_neon.h")

# A room, or a folder of its rank, that needs a README.md as soon as it holds a file.
NEED_README = set(ROOMS) - {"include"} | {"include/espy", "models", "bench", "tests"}

# CMake targets of rooms that a room may name are those of ROOMS; these are the exceptions.
CMAKE_EXTRA = {
    "cli": {"espy_library", "espy_cli", "espy_cli_parts"},
    "engine": {"espy_library"},
}

MAX_LINES = 700
MAX_FILE_BYTES = 2 * 1024 * 1024   # but for the bundled models
MAX_TREE_BYTES = 60 * 1024 * 1024
LARGE_FILES_BELOW = ("models/",)

# Words that a finished tree does not hold. Written apart, so that this file passes its own test.
UNFINISHED = tuple(a + b for a, b in (("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("HA", "CK")))
FORBIDDEN = tuple(a + b for a, b in (
    (r"/wo", r"rk/(main|shared)\b"), (r"/opt/", r"venv"), (r"\bissues? #", r"?\d"), (r"\.\./sha", r"red/"),
    (r"/root", r"/"), (r"\blocalhost:", r"3128\b")))

TEXT_SUFFIXES = {".cc", ".h", ".cu", ".cuh", ".cmake", ".txt", ".md", ".py", ".sh", ".json", ".in", ".1", ".html",
                 ".journey", ".yml", ".yaml", ".svg", ".dict", ".supp", ""}
CODE_SUFFIXES = {".cc", ".h", ".cu", ".cuh"}
# Data that a program wrote, or that a test needs as it is.
GENERATED = ("tests/fuzz/seeds/", "tests/imaging/data/", "tests/encoders/data/",
             "tests/encoders/tokenizers/", "tests/compat/", "tests/training/goldens.json", "models/espy-mini/", "models/espy-mini-caption/", "docs/man/")
