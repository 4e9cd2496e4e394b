#!/usr/bin/env python3
"""The daemon's life: how it starts, what it is passed and tells a service manager, signals, the end.

    tests/life.py [WORD...]    only tests whose name holds a WORD
"""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

import cases
from cases import PATIENCE, wait_for
from http_raw import DAEMON, SAMPLE, SECONDS, Daemon, Reader, ask, get, is_problem, is_sample_answer, metric, post


class Started(Daemon):
    """A daemon started by a line of bash, in which "$@" is its command; addresses: how many it announces."""

    def __init__(self, line, *flags, addresses=1, variables=None, prepare=None, descriptors=()):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RNNLOSSD_", "LISTEN_", "NOTIFY_"))}
        environment.update(variables or {})
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["bash", "-c", line, "bash", DAEMON, *flags], stdout=subprocess.PIPE,
                                        stderr=self.log, env=environment, preexec_fn=prepare, pass_fds=descriptors)
        self.addresses = []
        for _ in range(addresses):
            said = self.process.stdout.readline().decode()
            assert said.startswith("listening on "), (said, self.said())
            self.addresses.append(said[len("listening on "):].strip())


EXEC = 'exec "$@"'

# ---- The end --------------------------------------------------------------------------------------------------


def test_drain_delay():
    daemon = Daemon("--drain-delay", "2", "--threads", "1")
    with daemon.connect() as kept, daemon.connect() as busy:
        reader = Reader(kept)
        kept.sendall(get("/readyz"))
        assert reader.answer().status == 200
        assert metric(daemon, "rnnlossd_draining") == 0
        began = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: ask(daemon, get("/readyz")).status == 503, "/readyz says nothing")
        assert time.monotonic() - began < 1.5, "it noticed late"
        assert metric(daemon, "rnnlossd_draining") == 1
        for _ in range(5):  # as ever: the old connection, kept alive, and new ones
            for connection, answers in ((kept, reader), (None, None)):
                if connection:
                    connection.sendall(post("/loss", SAMPLE))
                    answer = answers.answer()
                else:
                    answer = ask(daemon, post("/loss", SAMPLE))
                assert is_sample_answer(answer) and "connection" not in answer.headers, answer.headers
        kept.sendall(get("/readyz"))
        answer = reader.answer()
        is_problem(answer, 503, "draining")
        assert "connection" not in answer.headers, "a probe's connection is closed early"
        assert ask(daemon, get("/livez")).status == 200

        busy.sendall(post("/loss", SAMPLE[:10], length=len(SAMPLE)))
        wait_for(lambda: "event=drain" in daemon.said(), "the door stays open")
        assert 1.9 < time.monotonic() - began < 2 + PATIENCE
        wait_for(lambda: refused(daemon), "it still accepts")
        kept.sendall(get("/livez"))
        answer = reader.answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        busy.sendall(SAMPLE[10:])
        reader = Reader(busy)
        answer = reader.answer()
        assert is_sample_answer(answer) and answer.headers["connection"] == "close" and reader.ended()
    assert daemon.process.wait(SECONDS) == 0
    assert "event=leave" in daemon.said()


def refused(daemon):
    try:
        daemon.connect().close()
        return False
    except OSError:
        return True


def test_no_delay_by_default():
    daemon = Daemon()
    began = time.monotonic()
    assert daemon.stop() == 0 and time.monotonic() - began < 2
    assert "event=leave" not in daemon.said()


def test_second_signal_in_the_delay():
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                          (signal.SIGTERM, signal.SIGINT)):
        daemon = Daemon("--drain-delay", "60")
        daemon.process.send_signal(first)
        wait_for(lambda: "event=leave" in daemon.said(), "it doesn't leave")
        began = time.monotonic()
        assert daemon.stop(second) == 128 + second
        assert time.monotonic() - began < 2


def test_drain_timeout_says_how_many():
    daemon = Daemon("--drain-timeout", "1", "--threads", "2")
    held = [daemon.connect() for _ in range(3)]
    for connection in held:
        connection.sendall(post("/loss", b"", length=10))
    wait_for(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 4, "they don't begin")
    assert daemon.stop() == 0
    assert "3 requests are left unanswered" in daemon.said(), daemon.said()
    for connection in held:
        connection.close()


# ---- SIGHUP ---------------------------------------------------------------------------------------------------


def reloads(daemon):
    return daemon.said().count("event=reload")


def test_reload():
    with Daemon("--threads", "1") as daemon:
        for times in range(1, 4):
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: reloads(daemon) == times, "it doesn't reload")
            assert is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
        for _ in range(200):
            daemon.process.send_signal(signal.SIGHUP)
        assert ask(daemon, get()).status == 200


def ignores_sigpipe(pid):
    """The last thing that is done about signals, and a lasting one: SIGHUP looks unblocked while it is waited for."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"SigIgn:\s*(\w+)", status.read()).group(1), 16) >> (signal.SIGPIPE - 1) & 1


def test_reload_before_it_is_ready():
    """A SIGHUP that waits for the new program's first instruction is served, not fatal."""
    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        os.kill(os.getpid(), signal.SIGHUP)

    with Started(EXEC, "--listen", "127.0.0.1:0", prepare=prepare) as daemon:
        wait_for(lambda: reloads(daemon) == 1, "it is lost")
    for _ in range(20):  # and while it starts
        process = subprocess.Popen([DAEMON, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        wait_for(lambda: ignores_sigpipe(process.pid), "it doesn't prepare")
        for _ in range(50):
            process.send_signal(signal.SIGHUP)
        assert process.stdout.readline().startswith(b"listening")
        process.terminate()
        assert process.wait(SECONDS) == 0
        process.stdout.close()


def test_reload_at_the_end():
    """Neither in the delay nor while it drains is SIGHUP fatal."""
    daemon = Daemon("--drain-delay", "1")
    with daemon.connect() as busy:
        busy.sendall(post("/loss", SAMPLE[:10], length=len(SAMPLE)))
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "event=leave" in daemon.said(), "it doesn't leave")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: reloads(daemon) == 1, "it doesn't reload")
        wait_for(lambda: "event=drain" in daemon.said(), "it doesn't drain")
        for _ in range(10):
            daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        busy.sendall(SAMPLE[10:])
        assert is_sample_answer(Reader(busy).answer())
    assert daemon.process.wait(SECONDS) == 0


# ---- What the service manager is told -------------------------------------------------------------------------


class Manager:
    """The socket that a service manager listens on."""

    def __init__(self, folder=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        name = f"{folder}/notify" if folder else f"@rnnlossd-test-{os.getpid()}"
        self.socket.bind(name.replace("@", "\0", 1))
        self.variables = {"NOTIFY_SOCKET": name}

    def hears(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))


def told(manager):
    daemon = Daemon("--threads", "1", "--drain-delay", "1", variables=manager.variables)
    message = manager.hears()
    assert message == {"READY": "1", "STATUS": "listening on " + daemon.addresses[0]}, message
    daemon.process.send_signal(signal.SIGHUP)
    message = manager.hears()
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    assert set(message) == {"RELOADING", "MONOTONIC_USEC"} and message["RELOADING"] == "1", message
    assert 0 <= now - int(message["MONOTONIC_USEC"]) < PATIENCE * 1e6, (now, message)
    assert manager.hears()["READY"] == "1"
    daemon.process.send_signal(signal.SIGTERM)
    message = manager.hears()  # at once, not after the delay
    assert message["STOPPING"] == "1" and daemon.process.poll() is None, message
    assert daemon.process.wait(SECONDS) == 0
    manager.socket.settimeout(0.2)
    try:
        raise AssertionError(manager.hears())
    except socket.timeout:
        pass
    manager.socket.close()


def test_notify_path():
    with tempfile.TemporaryDirectory() as folder:
        told(Manager(folder))


def test_notify_abstract():
    told(Manager())


def test_notify_nobody():
    for name in ("/nowhere/at/all", "@nobody-there", "vsock:2:1", "", "relative", "/" + "x" * 200):
        with Daemon(variables={"NOTIFY_SOCKET": name}) as daemon:
            assert ask(daemon, get()).status == 200
            if name in ("/nowhere/at/all", "@nobody-there"):  # a request may be answered before it is tried
                wait_for(lambda: "event=notify" in daemon.said(), "it says nothing")
        assert ("event=notify" in daemon.said()) == (name in ("/nowhere/at/all", "@nobody-there")), daemon.said()


def test_watchdog():
    manager = Manager()
    manager.variables["WATCHDOG_USEC"] = "600000"
    with Daemon("--threads", "3", variables=manager.variables) as daemon:
        assert manager.hears()["READY"] == "1"
        began = time.monotonic()
        for _ in range(4):
            assert manager.hears() == {"WATCHDOG": "1"}
        assert 0.3 < time.monotonic() - began < PATIENCE
        assert 'route="/livez",status="200"' in ask(daemon, get("/metrics")).body.decode()
        assert metric(daemon, "rnnlossd_connections") <= 4, "its connections stay open"
    assert "event=watchdog" not in daemon.said()
    manager.socket.close()


def test_watchdog_of_another():
    manager = Manager()
    manager.variables.update(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
    with Daemon(variables=manager.variables):
        assert manager.hears()["READY"] == "1"
        time.sleep(0.4)
    assert "STOPPING" in manager.hears()
    manager.socket.close()


# ---- Sockets that are passed ----------------------------------------------------------------------------------


def tcp(host="127.0.0.1", family=socket.AF_INET):
    listening = socket.socket(family)
    listening.bind((host, 0))
    listening.listen()
    return listening


def unix(path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening


def activated(sockets, *flags, pid="$$", **options):
    numbers = [one.fileno() for one in sockets]
    moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(100 + i for i in range(len(numbers))))
    first = " ".join(f"{100 + i}<&{fd}" for i, fd in enumerate(numbers))  # none may lie where another goes
    line = f'exec {first}; LISTEN_PID={pid} LISTEN_FDS={len(numbers)} LISTEN_FDNAMES=x exec "$@" {moves}'
    return Started(line, *flags, descriptors=numbers, **options)


def test_activation():
    with tempfile.TemporaryDirectory() as folder:
        sockets = [tcp(), unix(f"{folder}/s"), unix("\0rnnlossd-passed-%d" % os.getpid())]
        early = socket.create_connection(sockets[0].getsockname())  # before there is a daemon
        early.sendall(get())
        names = [f"http://127.0.0.1:{sockets[0].getsockname()[1]}", f"unix:{folder}/s",
                 "unix:@rnnlossd-passed-%d" % os.getpid()]
        with activated(sockets, addresses=3) as daemon:
            assert daemon.addresses == names, daemon.addresses
            assert Reader(early).answer().status == 200
            for which in range(2):
                assert is_sample_answer(ask(daemon, post("/loss", SAMPLE), which=which))
        early.close()
        assert daemon.said().count("event=listening") == 3, "it listens elsewhere, too"
        assert os.path.exists(f"{folder}/s"), "a passed socket's path is the manager's"
        with activated(sockets, addresses=3) as daemon:  # which starts it again
            assert ask(daemon, get(), which=1).status == 200
        for one in sockets:
            one.close()


def test_activation_with_listen():
    with tempfile.TemporaryDirectory() as folder:
        for flags, variables in ((["--listen", f"unix:{folder}/own"], {}), ([], {"RNNLOSSD_LISTEN": f"unix:{folder}/own"})):
            passed = tcp()
            with activated([passed], *flags, addresses=2, variables=variables) as daemon:
                assert daemon.addresses[1] == f"unix:{folder}/own", daemon.addresses
                for which in range(2):
                    assert ask(daemon, get(), which=which).status == 200
            assert not os.path.exists(f"{folder}/own")
            passed.close()


def test_activation_of_another():
    passed = tcp()
    with activated([passed], "--listen", "127.0.0.1:0", pid="1") as daemon:
        assert daemon.addresses != [f"http://127.0.0.1:{passed.getsockname()[1]}"]
        assert ask(daemon, get()).status == 200
    passed.close()


def test_activation_refuses():
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(("127.0.0.1", 0))
    unready = socket.socket()
    unready.bind(("127.0.0.1", 0))
    file = tempfile.TemporaryFile()
    for bad, word in ((datagram, "descriptor 4"), (unready, "descriptor 4"), (file, "descriptor 4"),
                      (tcp("0.0.0.0"), "--allow-anonymous")):
        daemon = activated([tcp(), bad], addresses=0)
        assert daemon.process.wait(SECONDS) == 1 and word in daemon.said(), (word, daemon.said())
        daemon.process.stdout.close()
        bad.close()
    one = tcp()
    daemon = activated([one] * 17, addresses=0)
    assert daemon.process.wait(SECONDS) == 1 and "more than 16" in daemon.said(), daemon.said()
    flags = [word for i in range(16) for word in ("--listen", "127.0.0.1:0")]
    daemon = activated([one], *flags, addresses=0)
    assert daemon.process.wait(SECONDS) == 1 and "too many" in daemon.said(), daemon.said()
    one.close()


def test_activation_by_systemd():
    """The same, by systemd's own tool, where there is one."""
    tool = "/usr/bin/systemd-socket-activate"
    if not os.path.exists(tool):
        return
    with tempfile.TemporaryDirectory() as folder:
        manager = subprocess.Popen([tool, "-l", f"{folder}/s", DAEMON], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(f"{folder}/s"), "it doesn't listen")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(f"{folder}/s")
            connection.sendall(post("/loss", SAMPLE))
            assert is_sample_answer(Reader(connection).answer())
        manager.terminate()
        assert manager.wait(SECONDS) == 0
        assert manager.stdout.readline() == f"listening on unix:{folder}/s\n".encode()
        manager.stdout.close()


# ---- The start ------------------------------------------------------------------------------------------------


def test_closed_descriptors():
    """What is closed becomes /dev/null: no socket may be where lines are written to."""
    with tempfile.TemporaryDirectory() as folder:
        for closed in ("2>&-", "0<&-", "0<&- 1>&- 2>&-"):
            daemon = Started(f"exec \"$@\" {closed}", "--listen", f"unix:{folder}/s", "--access-log", "--log-level", "debug",
                             addresses=0)
            daemon.addresses = [f"unix:{folder}/s"]
            wait_for(lambda: os.path.exists(f"{folder}/s"), "it doesn't listen")
            wait_for(lambda: not refused(daemon), "it doesn't accept")
            for number in range(3):
                if f"{number}<&-" in closed or f"{number}>&-" in closed:
                    assert os.readlink(f"/proc/{daemon.process.pid}/fd/{number}") == "/dev/null", (closed, number)
            with daemon.connect() as connection:
                connection.sendall(b"".join((get(), post("/loss", SAMPLE), get("/nowhere"), get())))
                reader = Reader(connection)
                assert [reader.answer().status for _ in range(4)] == [200, 200, 404, 200]
            assert daemon.stop() == 0


def test_descriptor_limit():
    with Started(f"ulimit -Sn 200; {EXEC}", "--listen", "127.0.0.1:0") as daemon:
        hard = int(re.search(r"Max open files\s+\d+\s+(\d+)", open(f"/proc/{daemon.process.pid}/limits").read()).group(1))
        assert metric(daemon, "process_max_fds") == min(hard, max(200, 2048 + 64 + 512))
        assert ("event=limit" in daemon.said()) == (hard < 2048 + 64 + 512), daemon.said()
    with Started(f"ulimit -n 200; {EXEC}", "--listen", "127.0.0.1:0") as daemon:
        assert re.search(r"level=warning event=limit .*200 descriptors", daemon.said()), daemon.said()
        assert metric(daemon, "process_max_fds") == 200


def test_time_to_start():
    took = []
    for _ in range(10):
        began = time.monotonic()
        with Daemon() as daemon:
            assert ask(daemon, get("/readyz")).status == 200
            took.append(time.monotonic() - began)
    took.sort()
    print(f"from the start to the first answer: {took[0] * 1000:.1f} ms, median {took[5] * 1000:.1f} ms")
    assert took[0] < 0.2, took


if __name__ == "__main__":
    cases.main(globals())
