"""What scripts of tests share: they run functions as tests, and wait for what is about to happen."""
import socket
import sys
import time

PATIENCE = 10  # seconds, for what takes milliseconds


def count(tests, words=()):
    """Runs those of the (name, function) whose name holds one of the words, or all: (passed, failed)."""
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
    return passed, failed


def conclude(passed, failed):
    """Says `N passed, N failed`, and ends the script."""
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


def found_in(names):
    """The test_* of a script's globals(): (name, function), without those that it has imported."""
    return [(name, test) for name, test in names.items()
            if name.startswith("test_") and getattr(test, "__module__", "") == "__main__"]


def main(names):
    """Runs the tests of a script's globals(), or those whose name holds a word of its arguments."""
    conclude(*count(found_in(names), sys.argv[1:]))


def wait_for(condition, what, seconds=PATIENCE, tolerate=()):
    """Until the condition holds; while it raises one of those to tolerate, it doesn't."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except tolerate:
            pass
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def free_ports(number):
    """So many ports of the loopback on which nobody listens now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports
