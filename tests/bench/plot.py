#!/usr/bin/python3
"""Draws time over size from what bench-wire measured, and notes the machine in README.md beside it.

    tests/bench/plot.py [LINES [PICTURE]]      tests/bench/wire.jsonl, tests/bench/wire.svg

LINES are JSON objects {"encoding", "series", "bytes", "milliseconds"}, one a line. `make bench-wire SIZES=1` does both.
"""
import collections
import datetime
import json
import math
import os
import platform
import subprocess
import sys

import matplotlib
matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "rnnloss", "font.family": "sans-serif",
                            "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"], "font.size": 9})
from matplotlib import pyplot  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = "make bench-wire SIZES=1"
INK, QUIET = "#222222", "#777777"
STYLES = {  # color, line style, width
    "rnnlossd, TCP": ("#0b5fa5", "-", 2.2),
    "rnnlossd, unix socket": ("#3fa0dd", "-", 1.6),
    "rnnlossd, TLS": ("#12837a", "-", 1.6),
    "bare echo, TCP": ("#8a8a8a", (0, (4, 2)), 1.4),
    "FastAPI, TCP": ("#d1571b", "-", 1.8),
    "PyTorch in-process": ("#8d3fa8", "-", 1.8),
}
TITLES = {"safetensors": "safetensors: F32, gradient F32", "JSON": "JSON: doubles of 8 digits, gradient as JSON"}
LABEL_GAP = 0.052  # of the axis's height


def read(path):
    """{encoding: {series: [(bytes, milliseconds)]}}"""
    lines = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="utf-8") as file:
        for line in file:
            point = json.loads(line)
            lines[point["encoding"]][point["series"]].append((point["bytes"], point["milliseconds"]))
    return lines


def size_name(count):
    power = round(math.log2(count))
    return f"{2 ** (power % 10)} {('B', 'kB', 'MB', 'GB')[power // 10]}"


def time_name(milliseconds):
    for unit, scale in (("µs", 1e-3), ("ms", 1), ("s", 1e3)):
        if milliseconds < 999 * scale:
            break
    return f"{milliseconds / scale:g} {unit}"


def spread(wanted, gap):
    """Places near the wanted ones (of 0..1), at least a gap apart, their order kept."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = [wanted[i] for i in order]
    for _ in range(200):
        for i in range(1, len(places)):
            lack = gap - (places[i] - places[i - 1])
            if lack > 1e-9:
                places[i - 1] -= lack / 2
                places[i] += lack / 2
    return dict(zip(order, places))


def label(axes, ends, low, high):
    """Names beside the ends of the lines, with a hair line to those that had to move."""
    def height(value):
        return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    last = max(x for x, _ in ends.values())
    columns = collections.defaultdict(list)
    for series, (x, y) in ends.items():
        columns[round(math.log(x, 4))].append((series, x, y))
    for points in columns.values():
        places = spread([height(y) for _, _, y in points], LABEL_GAP)
        for i, (series, x, y) in enumerate(points):
            color, text = STYLES[series][0], series.replace("rnnlossd, ", "rnnlossd ")
            if x < last / 2:  # it ends early: to the left of its end, where the line isn't
                axes.annotate(text, (x, y), (-8, 5), textcoords="offset points", ha="right", color=color, fontsize=8.5)
                continue
            there = 10 ** (math.log10(low) + places[i] * (math.log10(high) - math.log10(low)))
            axes.annotate(text, (x, y), (x * 2.3, there), va="center", color=color, fontsize=8.5, annotation_clip=False,
                          arrowprops={"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 1, "shrinkB": 3})


def panel(axes, encoding, series, low, high):
    for name, (color, style, width) in STYLES.items():
        if name in series:
            axes.plot(*zip(*series[name]), color=color, linestyle=style, linewidth=width, marker="o", markersize=3.2,
                      zorder=3)
    axes.set(xscale="log", yscale="log", ylim=(low, high), xlim=(2 ** 9.5, 2 ** 34.5))
    sizes = [4 ** i for i in range(5, 15)]
    axes.set_xticks(sizes, [size_name(size) for size in sizes], rotation=45, ha="right", rotation_mode="anchor")
    decades = [10.0 ** i for i in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    axes.set_yticks(decades, [time_name(value) for value in decades])
    axes.minorticks_off()
    axes.set_title(TITLES.get(encoding, encoding), loc="left", color=INK, fontsize=10.5, pad=10)
    axes.set_xlabel("size of the request's body, bytes (k = 1024)", color=QUIET, x=0.36)
    axes.grid(True, color="#e6e6e6", linewidth=0.7)
    axes.tick_params(colors=QUIET, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    label(axes, {name: points[-1] for name, points in series.items()}, low, high)


def draw(lines, path, machine):
    values = [y for series in lines.values() for points in series.values() for _, y in points]
    low, high = min(values) / 1.6, max(values) * 1.6
    figure, all_axes = pyplot.subplots(1, len(lines), figsize=(6.6 * len(lines), 5.4), sharey=True, squeeze=False)
    for axes, encoding in zip(all_axes[0], TITLES):
        panel(axes, encoding, lines[encoding], low, high)
    all_axes[0][0].set_ylabel("time from the first byte sent to the last received, median", color=QUIET)
    all_axes[0][-1].tick_params(labelleft=True)
    figure.text(0.01, 0.01, f"Loss and gradient of the three firing-rate terms, one request at a time. {machine}",
                color=QUIET, fontsize=7.5)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, metadata={"Date": None})


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def version(module):
    try:
        return getattr(__import__(module), "__version__", "?")
    except ImportError:
        return "not installed"


def describe():
    """(name, value) of what the figures depend on."""
    today = datetime.date.today().isoformat()
    library = output("pkg-config", "--modversion", "libmicrohttpd") or "?"
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) / 2 ** 20
    return [
        ("processor", f"{processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"),
        ("system", f"{output('lsb_release', '-ds') or platform.freedesktop_os_release()['PRETTY_NAME']}, "
                   f"Linux {platform.release()}"),
        ("rnnlossd", output("git", "-C", HERE, "describe", "--always", "--dirty") or "?"),
        ("libmicrohttpd", library),
        ("compiler", output("gcc", "--version").split("\n", maxsplit=1)[0] or "?"),
        ("Python", f"{platform.python_version()}, FastAPI {version('fastapi')}, uvicorn {version('uvicorn')} "
                   f"(uvloop {version('uvloop')}), PyTorch {version('torch')}"),
        ("date", today),
        ("command", f"`{COMMAND}`"),
    ]


def note_machine(rows):
    path = os.path.join(HERE, "README.md")
    begin, end = "<!-- machine -->\n", "<!-- /machine -->"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    table = "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)
    head, rest = text.split(begin)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + table + end + rest.split(end)[1])


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "wire.jsonl")
    picture = sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "wire.svg")
    rows = describe()
    lines = read(source)
    if not lines:
        sys.exit("plot.py: nothing was measured")
    draw(lines, picture, f"{rows[0][1]}; {dict(rows)['date']}.")
    if len(sys.argv) == 1:
        note_machine(rows)
    print(f"drawn: {os.path.relpath(picture)}")


if __name__ == "__main__":
    main()
