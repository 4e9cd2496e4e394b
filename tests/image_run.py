#!/usr/bin/env python3
"""Stands in for an engine: becomes the image's program, in the image's root folder, with no more than a container has.

    IMAGE_ROOT=FOLDER IMAGE_CONFIG=FILE tests/image_run.py [ARGUMENT...]

FOLDER is the image's file system, FILE its configuration (the JSON in an archive of docker's). The process keeps its
number, so that whoever starts this can send signals and read /proc. It has mount, IPC and host name spaces of its own,
a root that is mounted read-only with /proc and /dev/null in it, the image's user and variables, no capabilities (none
in the bounding set either) and no way to new privileges. It shares the machine's network and process numbers, and has no
seccomp filter: what those change only a real engine shows. Variables of the daemon's (RNNLOSSD_*, RNNLOSS_*) are passed
on. Of the caller:

    IMAGE_USER     UID:GID instead of the image's
    IMAGE_MOUNTS   folders of the machine, separated by colons, that are there in the container, writable
    IMAGE_STAMP    a file for the monotonic clock's nanoseconds just before the program starts
    IMAGE_PLAIN    if it is set, the image's own variables are left out
    IMAGE_EMULATOR a static program that runs the image's, of another architecture
    IMAGE_ENGINE   docker or podman: it runs IMAGE_NAME instead, without the rest of the above but as confined
"""
import ctypes
import json
import os
import sys
import tempfile
import time

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
EMULATOR = "/emulator"
libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result != 0:
        sys.exit(f"image_run: {what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind, flags, data=None):
    words = [word and word.encode() for word in (source, target, kind)]
    must(libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()), f"mount {target}")


def bind(source, target, flags):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w", encoding="ascii").close()
    mount(source, target, None, MS_BIND | MS_REC)
    mount(None, target, None, MS_BIND | MS_REMOUNT | MS_NOSUID | flags)


def make_root(image, stage):
    """A folder that is the container's root, read-only."""
    mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for name in os.listdir(image):
        bind(os.path.join(image, name), os.path.join(stage, name), MS_RDONLY | MS_NODEV)
    bind("/proc", os.path.join(stage, "proc"), 0)
    bind("/dev/null", os.path.join(stage, "dev/null"), 0)
    if "IMAGE_EMULATOR" in os.environ:
        bind(os.environ["IMAGE_EMULATOR"], stage + EMULATOR, MS_RDONLY)
    for folder in filter(None, os.environ.get("IMAGE_MOUNTS", "").split(":")):
        bind(folder, stage + folder, MS_NODEV)
    mount(None, stage, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def drop(uid, gid):
    for capability in range(64):  # the last ones don't exist: an error that is none
        libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    must(libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)),
         "no new privileges")


def by_engine(engine):
    """The same of an engine; signals, output and exit status are passed on by its client."""
    command = [engine, "run", "--rm", "--interactive", "--network", "host", "--read-only", "--cap-drop", "ALL",
               "--security-opt", "no-new-privileges"]
    variables = {} if not os.environ.get("IMAGE_PLAIN") else {
        "RNNLOSSD_LISTEN": "127.0.0.1:8080", "RNNLOSSD_ALLOW_ANONYMOUS": "0"}
    variables.update({k: v for k, v in os.environ.items() if k.startswith(("RNNLOSSD_", "RNNLOSS_"))})
    for name, value in variables.items():
        command += ["--env", f"{name}={value}"]
    for folder in filter(None, os.environ.get("IMAGE_MOUNTS", "").split(":")):
        command += ["--volume", f"{folder}:{folder}"]
    for flag, name in (("--user", "IMAGE_USER"), ("--cidfile", "IMAGE_CID")):
        command += [flag, os.environ[name]] if name in os.environ else []
    os.execvp(engine, command + [os.environ["IMAGE_NAME"]] + sys.argv[1:])


def main():
    if os.environ.get("IMAGE_ENGINE"):
        by_engine(os.environ["IMAGE_ENGINE"])
    with open(os.environ["IMAGE_CONFIG"], encoding="utf-8") as file:
        config = json.load(file)["config"]
    environment = {} if os.environ.get("IMAGE_PLAIN") else dict(word.split("=", 1) for word in config["Env"])
    environment.update({k: v for k, v in os.environ.items() if k.startswith(("RNNLOSSD_", "RNNLOSS_"))})
    command = config["Entrypoint"] + sys.argv[1:]
    if "IMAGE_EMULATOR" in os.environ:
        command.insert(0, EMULATOR)
    uid, gid = map(int, os.environ.get("IMAGE_USER", config["User"]).split(":"))
    stamp = os.environ.get("IMAGE_STAMP")
    stamp = stamp and os.open(stamp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    must(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC), "unshare (it needs root)")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    stage = "/mnt" if os.path.isdir("/mnt") else tempfile.gettempdir()  # seen by this process alone
    make_root(os.path.abspath(os.environ["IMAGE_ROOT"]), stage)
    os.chroot(stage)
    os.chdir("/")
    drop(uid, gid)
    if stamp:
        os.write(stamp, str(time.monotonic_ns()).encode())
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main()
