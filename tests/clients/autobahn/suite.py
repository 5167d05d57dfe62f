"""The cases of the Autobahn test suite, as it is published, under Python 3.

The suite is written for Python 2. Its cases are kept as they are: what they mean by a string is octets, which here is text of
code points below 256, and `fuzzer.py` makes octets of it where it meets the socket. Only what Python 3 cannot read is
rewritten, while it is imported.
"""

import binascii
import builtins
import importlib.util
import re
import sys
import types
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

# Of each file, patterns and what they become.
REWRITES = {
    "case6_x_x.py": [
        (r"(?m)^(\s+)print (.+)$", r"\1print(\2)"),
        (r"v\.validate\(vss\[:i\]\)", 'v.validate(vss[:i].encode("latin-1"))'),
    ],
    "case10_1_1.py": [(r"len\(self\.payload\) / ", "len(self.payload) // ")],
}


class Loader(SourceFileLoader):
    def get_code(self, fullname):
        # Not from the cache, which holds what was not rewritten.
        path = self.get_filename(fullname)
        text = Path(path).read_text(encoding="latin-1")
        # A class without a base of its own was none of `object`.
        text = text.replace("(object, Case, )", "(Case, )")
        for rewrite in REWRITES.get(Path(path).name, []):
            text, count = re.subn(*rewrite, text)
            assert count > 0, f"{path} is not the version that this was written for"
        return compile(text, path, "exec", dont_inherit=True)


def load() -> tuple[dict[str, type], dict[str, str]]:
    """The case classes by their numbers, in the suite's order, and the titles of its sections by theirs."""
    suite = importlib.util.find_spec("autobahntestsuite")
    assert suite and suite.origin, "autobahntestsuite is missing: run `cargo xtask test --only tools`"
    folder = Path(suite.origin).parent / "case"
    builtins.xrange = range
    # Compression, which the node does not negotiate; it wants an older Autobahn.
    sys.modules["case12_x_x"] = compression = types.ModuleType("case12_x_x")
    compression.Case12_X_X, compression.Case12_X_X_CaseSubCategories = [], {}
    compression.Case13_X_X, compression.Case13_X_X_CaseSubCategories = [], {}
    # Of what is octets to them, as above.
    sys.modules["binascii"] = hexadecimal()
    # Case 9.9.1, which the suite itself leaves out of its list, is all that needs Twisted.
    sys.modules["case9_9_1"] = types.ModuleType("case9_9_1")
    # They import each other as Python 2 let them: by bare names.
    sys.path_hooks.insert(0, FileFinder.path_hook((Loader, [".py"])))
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_loader("cases", Loader("cases", str(folder / "__init__.py")))
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    sys.modules["binascii"] = binascii
    # By value: the suite compares pickles, in which the same text twice may differ from two equal ones.
    sys.modules["case"].Case.compare = lambda _, one, other: one == other
    return {number(kind): kind for kind in cases.Cases}, cases.CaseCategories


def hexadecimal() -> types.ModuleType:
    module = types.ModuleType("binascii")
    module.b2a_hex = lambda octets: (octets.encode("latin-1") if isinstance(octets, str) else octets).hex()
    return module


def number(kind: type) -> str:
    """`6.4.1` of `Case6_4_1`."""
    return kind.__name__.removeprefix("Case").replace("_", ".")
