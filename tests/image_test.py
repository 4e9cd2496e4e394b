#!/usr/bin/env python3
"""The image, as it was built: what is in it, how it runs, and the end-to-end tests against the daemon inside.

    tests/image_test.py ARCHIVE [ENGINE]

ARCHIVE is what tools/image has made (docker's format), with the bill of materials beside it. With docker or podman as
ENGINE that runs the image; without, image_run.py does, which says what it does and does not show, and runc or crun,
if there is one, which is what engines run containers with. Ends with one line: N passed, N failed.
"""
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

import cases

TESTS = os.path.dirname(os.path.abspath(__file__))
LARGEST = 16_000_000  # bytes of all files
SLOWEST = 0.050  # seconds from exec to the first answer
MOST_MEMORY = 8 << 20  # resident bytes at rest
SBOM = "usr/share/doc/rnnlossd/rnnlossd.spdx.json"
SECONDS = 30
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

archive, folder, config, members, engine = None, None, None, {}, None


def expect(condition, *details):
    if not condition:
        raise AssertionError(" ".join(map(str, details)))


def is_native():
    return MACHINES[config["architecture"]] == platform.machine()


# ---- What is in it ----------------------------------------------------------------------------------


def unpack():
    """Its configuration, its members by path, and its files into folder/root and folder/bundle/rootfs."""
    global config
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        config = json.load(outer.extractfile(manifest["Config"]))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(layer)) as inner:
                members.update({os.path.normpath(m.name): m for m in inner.getmembers()})
                for name in ("root", "bundle/rootfs"):
                    inner.extractall(os.path.join(folder, name), filter="fully_trusted")
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)


def read(path):
    with open(os.path.join(folder, "root", path), "rb") as file:
        return file.read()


def test_files():
    """The daemon, shared libraries, their linker, the bill of materials: listed here, and nothing else."""
    files = {path: m for path, m in members.items() if not m.isdir()}
    print("\n".join(f"{m.size:10}  /{path}" for path, m in sorted(files.items())))
    total = sum(m.size for m in files.values())
    print(f"{total:10}  bytes in {len(files)} files")
    expect(total <= LARGEST, total, "bytes")
    allowed = re.compile(r"usr/bin/rnnlossd|usr/lib/[a-z0-9_]+-linux-gnu/lib[a-z0-9+-]+\.so\.\d+|"
                         r"lib(64)?/ld-linux-[a-z0-9-]+\.so\.\d|" + re.escape(SBOM))
    expect(not [path for path in files if not allowed.fullmatch(path)], "what is", sorted(files))
    for path, m in members.items():
        expect((m.uid, m.gid) == (0, 0), path, "is", m.uid, m.gid)
        expect(m.isdir() or m.isreg(), path, "is no file")
        programs = path == "usr/bin/rnnlossd" or "ld-linux" in path
        expect(m.mode & 0o7777 == (0o755 if m.isdir() or programs else 0o644), path, oct(m.mode))


def test_configuration():
    c = config["config"]
    expect((config["os"], c["User"], c["StopSignal"]) == ("linux", "65532:65532", "SIGTERM"), c)
    expect(c["Entrypoint"] == ["/usr/bin/rnnlossd"] and not c.get("Cmd"), c)
    expect({"RNNLOSSD_LISTEN=0.0.0.0:8080", "RNNLOSSD_ALLOW_ANONYMOUS=1"} < set(c["Env"]), c["Env"])
    expect(list(c["ExposedPorts"]) == ["8080/tcp"] and not c.get("Volumes"), c)
    expect(c["Healthcheck"]["Test"] == ["CMD", "/usr/bin/rnnlossd", "--check"], c["Healthcheck"])
    labels = {k.rsplit(".", 1)[1]: v for k, v in c["Labels"].items() if k.startswith("org.opencontainers.image.")}
    expect(labels["title"] == "rnnlossd" and labels["licenses"] == "MIT" and labels["description"], labels)
    version = subprocess.run(run_command("--version"), env=environment(), capture_output=True, text=True, check=True)
    expect(version.stdout == f"rnnlossd {labels['version']}\n", labels, version)
    expect(re.fullmatch(r"[0-9a-f]{12}(-dirty)?|unknown", labels["revision"]), labels)


def test_bill_of_materials():
    """Each file by its digest, each with the package that it is of; what is beside the image is what is inside."""
    text = read(SBOM)
    with open(archive.removesuffix(".tar") + ".spdx.json", "rb") as file:
        expect(file.read() == text, "inside and beside differ")
    bill = json.loads(text)
    listed = {f["fileName"]: {c["algorithm"]: c["checksumValue"] for c in f["checksums"]} for f in bill["files"]}
    present = {"./" + path for path, m in members.items() if m.isreg()} - {"./" + SBOM}
    expect(set(listed) == present, set(listed) ^ present)
    for path, sums in listed.items():
        expect(sums["SHA256"] == hashlib.sha256(read(path)).hexdigest(), path)
    ids = {e["SPDXID"] for e in bill["packages"] + bill["files"]} | {"SPDXRef-DOCUMENT"}
    expect(len(ids) == len(bill["packages"]) + len(bill["files"]) + 1, "identifiers repeat")
    for relation in bill["relationships"]:
        expect({relation["spdxElementId"], relation["relatedSpdxElement"]} <= ids, relation)
    origins = {r["spdxElementId"]: r["relatedSpdxElement"] for r in bill["relationships"]
               if r["relationshipType"] == "GENERATED_FROM"}
    own = [f["fileName"] for f in bill["files"] if origins[f["SPDXID"]] == "SPDXRef-Package-rnnlossd"]
    expect(own == ["./usr/bin/rnnlossd"], own)
    debian = [p for p in bill["packages"] if p.get("externalRefs")]
    expect(len(debian) >= 10 and all(p["versionInfo"] for p in debian), len(debian), "packages")
    print(f"{len(debian)} packages of Debian in the bill of materials")


def test_bill_of_materials_by_a_validator():
    """SPDX's own tools, if pip can get them."""
    tools = os.path.join(os.environ.get("BUILD", "build"), "image", "spdx")
    validator = os.path.join(tools, "bin", "pyspdxtools")
    if not os.path.exists(validator):
        done = subprocess.run(f"python3 -m venv '{tools}' && '{tools}/bin/pip' install -q spdx-tools==0.8.3",
                              shell=True, capture_output=True, text=True)
        if done.returncode != 0:
            print("(left out: spdx-tools could not be installed)")
            return
    done = subprocess.run([validator, "--infile", archive.removesuffix(".tar") + ".spdx.json"], capture_output=True,
                          text=True)
    expect(done.returncode == 0, done.stdout, done.stderr)


# ---- How it runs --------------------------------------------------------------------------------------


def run_command(*arguments):
    return [os.path.join(folder, "programs", "rnnlossd"), *arguments]


def environment(**variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RNNLOSS", "IMAGE_"))}
    kept.update(IMAGE_ROOT=os.path.join(folder, "root"), IMAGE_CONFIG=os.path.join(folder, "config.json"))
    if engine:
        labels = config["config"]["Labels"]
        kept.update(IMAGE_ENGINE=engine, IMAGE_NAME="rnnlossd:" + labels["org.opencontainers.image.version"])
    elif not is_native():
        kept["IMAGE_EMULATOR"] = shutil.which(f"qemu-{MACHINES[config['architecture']]}-static")
    return {**kept, **variables}


def ask(port, path="/readyz", body=None):
    """(status, body) of an answer; waits for the daemon if it isn't there yet."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
                method = "GET" if body is None else "POST"
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                head += "\r\n" if body is None else f"Content-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + (body or b""))
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            head, body = answer.split(b"\r\n\r\n", 1)
            return int(head.split()[1]), body
        except ConnectionRefusedError:
            expect(time.monotonic() < deadline, "nobody listens")
            time.sleep(0.0005)


class Container:
    """The image with its own variables, but on a free port of the loopback."""

    def __init__(self, **variables):
        self.port, = cases.free_ports(1)
        self.variables = environment(RNNLOSSD_LISTEN=f"127.0.0.1:{self.port}", IMAGE_CID=os.path.join(folder, "cid"),
                                     IMAGE_STAMP=os.path.join(folder, "stamp"), **variables)
        if os.path.exists(self.variables["IMAGE_CID"]):
            os.unlink(self.variables["IMAGE_CID"])
        self.process = subprocess.Popen(run_command(), env=self.variables, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        try:
            self.first_answer = ask(self.port), time.monotonic()
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    @property
    def pid(self):
        if not engine:
            return self.process.pid
        with open(self.variables["IMAGE_CID"], encoding="ascii") as file:
            return int(subprocess.check_output([engine, "inspect", "--format", "{{.State.Pid}}", file.read()]))

    def check(self):
        """The exit status of the image's own health check, and what it says."""
        if engine:
            with open(self.variables["IMAGE_CID"], encoding="ascii") as file:
                command = [engine, "exec", file.read(), *config["config"]["Healthcheck"]["Test"][1:]]
        else:
            command = run_command("--check")
        variables = {k: v for k, v in self.variables.items() if k != "IMAGE_STAMP"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=SECONDS)
        return done.returncode, done.stderr

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


def process_status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def expect_confined(pid):
    status = process_status(pid)
    expect(status["Uid"].split() == status["Gid"].split() == ["65532"] * 4, status)
    expect(all(int(status[f"Cap{which}"], 16) == 0 for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")), status)
    expect(status["NoNewPrivs"] == "1", status)
    for path in ("new", "usr/new", "usr/bin/new"):  # though root tries
        try:
            os.open(f"/proc/{pid}/root/{path}", os.O_WRONLY | os.O_CREAT)
            raise AssertionError(f"/{path} could be opened for writing")
        except OSError as error:
            expect(error.errno == 30, path, error)  # EROFS


LOSS = b'{"lambdas":{"lambda_fr_sd":0.1},"tensors":{"fr":{"dtype":"F32","shape":[1,1,4],"data":[0.1,0.2,0.3,0.4]}}}'


def test_confined():
    """Read-only, without capabilities, as nobody; it answers, is healthy, and ends well."""
    with Container() as container:
        expect(container.first_answer[0][0] == 200, container.first_answer)
        expect_confined(container.pid)
        status, body = ask(container.port, "/loss", LOSS)
        expect((status, json.loads(body)["loss"]) == (200, 0.011180340137399023), status, body)
        expect(container.check() == (0, ""), container.check())
        expect(container.stop() == 0, "its exit status:", container.process.returncode)


def test_health():
    with Container(RNNLOSSD_DRAIN_DELAY="3") as container:
        expect(container.check() == (0, ""), container.check())
        container.process.send_signal(signal.SIGTERM)
        while ask(container.port)[0] == 200:
            time.sleep(0.01)
        status, said = container.check()
        expect(status == 1 and "503" in said and "draining" in said, status, said)
        expect(container.process.wait(SECONDS) == 0)
    if not engine:  # whose container is gone
        status, said = container.check()
        expect(status == 1 and "refused" in said, status, said)


def test_no_shell():
    for program in ("/bin/sh", "/bin/bash", "/usr/bin/env", "/busybox"):
        expect(not os.path.lexists(os.path.join(folder, "root") + program), program)


def test_start_and_rest():
    """How long it takes, how much memory; an emulator's own are of no interest."""
    if engine or not is_native():
        print("(left out: not this machine's own program, or not started by this test)")
        return
    took, resident = [], 0
    for _ in range(15):
        with Container() as container:
            with open(container.variables["IMAGE_STAMP"], encoding="ascii") as file:
                took.append(container.first_answer[1] - int(file.read()) / 1e9)
            if len(took) == 15:
                time.sleep(1)
                resident = int(process_status(container.pid)["VmRSS"].split()[0]) << 10
    print(f"exec to the first answer: {min(took) * 1000:.1f} ms, median {statistics.median(took) * 1000:.1f} ms; "
          f"at rest {resident / 2**20:.2f} MiB resident")
    expect(statistics.median(took) <= SLOWEST, took)
    expect(resident <= MOST_MEMORY, resident)


def bundle():
    """What an engine would tell its runtime of `run --read-only --cap-drop ALL --network none`."""
    c = config["config"]
    uid, gid = map(int, c["User"].split(":"))
    none = {which: [] for which in ("bounding", "effective", "permitted", "inheritable", "ambient")}
    return {
        "ociVersion": "1.0.2", "hostname": "rnnlossd", "root": {"path": "rootfs", "readonly": True},
        "process": {"terminal": False, "user": {"uid": uid, "gid": gid}, "args": c["Entrypoint"], "cwd": "/",
                    "env": c["Env"], "capabilities": none, "noNewPrivileges": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
                  "maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys"]}}


def group_memory(pid):
    """What the container's control group is charged, its part of the page cache included, in words; else nothing."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in groups:
        where = {"memory": f"memory{path}/memory.usage_in_bytes", "": f"{path}/memory.current"}.get(controllers)
        if where and path != "/" and os.path.exists("/sys/fs/cgroup/" + where.lstrip("/")):
            with open("/sys/fs/cgroup/" + where.lstrip("/"), encoding="ascii") as file:
                return f"; its control group is charged {int(file.read()) / 2**20:.2f} MiB"
    return ""


def expect_runs(runtime, name, output):
    """The container: confined, healthy, process 1; it answers within its own network, and has no shell."""
    def inside(*words):
        return subprocess.run([*runtime, "exec", name, *words], capture_output=True, text=True, timeout=SECONDS)
    deadline = time.monotonic() + SECONDS
    while inside(*config["config"]["Healthcheck"]["Test"][1:]).returncode != 0:
        expect(time.monotonic() < deadline, "it doesn't become healthy:", open(output, encoding="utf-8").read())
        time.sleep(0.05)
    pid = json.loads(subprocess.check_output([*runtime, "state", name]))["pid"]
    expect_confined(pid)
    expect(process_status(pid)["NSpid"].split()[-1] == "1", process_status(pid))
    answer = subprocess.check_output(["nsenter", "--net", "--target", str(pid), "curl", "-s", "--noproxy", "*",
                                      "http://127.0.0.1:8080/loss", "-d", LOSS.decode()], timeout=SECONDS)
    expect(json.loads(answer)["loss"] == 0.011180340137399023, answer)
    expect(inside("/bin/sh", "-c", "true").returncode != 0, "there is a shell")
    return group_memory(pid)


def test_runtime():
    """By the runtime of engines, with the image's own settings; what it prints is what the README shows."""
    runtime = shutil.which("runc") or shutil.which("crun")
    if engine or not is_native() or not runtime:
        print("(left out: an engine runs it, or it is not this machine's, or there is neither runc nor crun)")
        return
    where, output = os.path.join(folder, "bundle"), os.path.join(folder, "output")
    with open(os.path.join(where, "config.json"), "w", encoding="utf-8") as file:
        json.dump(bundle(), file)
    runtime = [runtime, "--root", os.path.join(folder, "runtime")]
    name = f"rnnlossd-test-{os.getpid()}"
    with open(output, "wb") as file:
        process = subprocess.Popen([*runtime, "run", "--bundle", where, name], stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT)
    try:
        used = expect_runs(runtime, name, output)
        subprocess.run([*runtime, "kill", name, "TERM"], check=True)
        expect(process.wait(SECONDS) == 0, "its exit status:", process.returncode)
        print(f"by {os.path.basename(runtime[0])}: process 1, confined, healthy, ended with 0{used}")
    finally:
        if process.poll() is None:
            subprocess.run([*runtime, "delete", "--force", name], capture_output=True)
            process.wait(SECONDS)
    with open(output, encoding="utf-8") as file:
        printed = file.read()
    with open(os.path.join(TESTS, "..", "README.md"), encoding="utf-8") as file:
        shown = re.search(r"^docker run [^\n]*\n```\n\n```text\n(.*?)^```", file.read(), re.M | re.S)[1]
    # Standard output and error come by two pipes, so that their lines are in any order.
    expect(set(plain(shown).splitlines()) <= set(plain(printed).splitlines()), "it prints", printed)


def plain(lines):
    """Without what differs from start to start, and from machine to machine."""
    return re.sub(r"(time|milliseconds|kernel)=\S+|kernel \w+, \d+ loops", "", lines)


# ---- The end-to-end tests, against the daemon inside ------------------------------------------------------


def suites():
    """(program, words, variables): what needs no more of a daemon than to be started, called and ended."""
    yield "readme_test.py", [], {}
    yield "vectors_test.py", ["routes", "forms", "conditional", "version", "answers"], {}
    if not is_native():
        return
    yield "oracle_test.py", [], {}
    yield "validate_test.py", [], {}
    if engine:
        yield "http_raw.py", ["refused", "pipelining", "keep_alive", "lenient"], {"IMAGE_USER": "0:0"}
        return
    # Files of the tests, which are root's, are there for a root without capabilities.
    files = {"IMAGE_USER": "0:0", "IMAGE_MOUNTS": tempfile.gettempdir()}
    yield "http_raw.py", [], {**files, "IMAGE_PLAIN": "1"}
    yield "peers.py", [], files


def run_suite(name, words, variables):
    """(passed, failed) of one of the programs, which find the daemon in the folder of the variable BUILD."""
    if "IMAGE_USER" in variables:
        variables = {"IMAGE_MOUNTS": tempfile.gettempdir(), **variables}
    began = time.monotonic()
    kept = environment(BUILD=os.path.join(folder, "programs"), PYTHONDONTWRITEBYTECODE="1", **variables)
    done = subprocess.run([sys.executable, os.path.join(TESTS, name), *words], env=kept, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    passed, failed = runner.count(done.stdout) or (0, 1)
    if done.returncode != 0 and not failed:
        failed = 1
    print(f"{name:20} {passed:6} passed {failed:4} failed {time.monotonic() - began:6.1f} s", flush=True)
    if failed:
        print("\n".join("    | " + line for line in done.stdout.splitlines()[-40:]))
    return passed, failed


def load_runner():
    """tests/run, whose name is no module's: it knows how to count."""
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader
    loader = SourceFileLoader("runner", os.path.join(TESTS, "run"))
    module = module_from_spec(spec_from_loader("runner", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def main():
    global archive, folder, engine, runner
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    archive = sys.argv[1]
    engine = sys.argv[2] if len(sys.argv) == 3 and os.path.basename(sys.argv[2]) in ("docker", "podman") else None
    runner = load_runner()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        unpack()
        os.mkdir(os.path.join(folder, "programs"))
        with open(os.path.join(folder, "programs", "rnnlossd"), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {sys.executable} {os.path.join(TESTS, 'image_run.py')} \"$@\"\n")
        os.chmod(file.name, 0o755)
        passed, failed = cases.count(cases.found_in(globals()))
        for suite in suites():
            good, bad = run_suite(*suite)
            passed += good
            failed += bad
    cases.conclude(passed, failed)


if __name__ == "__main__":
    main()
