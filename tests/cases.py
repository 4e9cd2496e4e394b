"""Runs functions as tests, for scripts that need no more than that; says `N passed, N failed`."""
import sys
import time


def run(tests, words):
    """Runs those of the (name, function) whose name holds one of the words, or all: the exit status."""
    passed = failed = 0
    for name, test in tests:
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            test()
            passed += 1
        except Exception as error:  # one test's failure is not the end of the others
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
        if time.monotonic() - began > 5:
            print(f"       {name} took {time.monotonic() - began:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(names):
    """Runs the test_* of a script's globals()."""
    sys.exit(run([(name, test) for name, test in names.items() if name.startswith("test_")], sys.argv[1:]))
