#!/usr/bin/env python3
"""The files of server/deploy before the tools that they are for, and beside the daemon that they speak of.

    tests/deploy/test_files.py [WORD...]

Needs haproxy, promtool, systemd-analyze, kubectl, docker-compose, and kubernetes-validate in the folder of the variable
VALIDATORS (`make test-deploy` puts it there, from PyPI): it has the schemas of Kubernetes' resources.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
import cases  # noqa: E402
from http_raw import Daemon, ask, get  # noqa: E402

DAEMON = os.path.abspath(os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "rnnlossd"))
DEPLOY = os.path.join(ROOT, "server", "deploy")
VALIDATORS = os.environ.get("VALIDATORS", os.path.join(ROOT, "build", "validators", "bin"))
KUBERNETES = ["1.28", "1.33"]  # the oldest that is meant, and a recent one


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(*command, succeeds=True, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False, **options)
    assert (done.returncode == 0) == succeeds, f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}"
    return done.stdout


def test_haproxy():
    variables = dict(os.environ, RNNLOSS_ERRORS=os.path.join(DEPLOY, "haproxy-503.http"))
    said = run("haproxy", "-c", "-f", os.path.join(DEPLOY, "haproxy.cfg"), env=variables)
    assert "WARNING" not in said, said


def test_prometheus():
    run("promtool", "check", "config", os.path.join(DEPLOY, "prometheus.yml"))
    said = run("promtool", "test", "rules", os.path.join(HERE, "alerts_test.yml"))
    assert "SUCCESS" in said, said
    with tempfile.NamedTemporaryFile("w", suffix=".yml", dir=HERE) as broken:  # it does look
        broken.write(read(HERE, "alerts_test.yml").replace("a does not answer", "a answers"))
        broken.flush()
        run("promtool", "test", "rules", broken.name, succeeds=False)


def alerts():
    return re.findall(r"^ *- alert: (\w+)$", read(DEPLOY, "alerts.yml"), re.M)


def test_alerts_are_tested_and_explained():
    manual, tests = read(ROOT, "server", "OPERATIONS.md"), read(HERE, "alerts_test.yml")
    assert len(alerts()) > 5
    for alert in alerts():
        assert f"### {alert}\n" in manual, f"OPERATIONS.md does not say what to do about {alert}"
        assert len(re.findall(rf"alertname: {alert}\b", tests)) == 2, f"{alert} isn't tested both ways"


def test_metrics_exist():
    """What the alerts look at is what the daemon says."""
    wanted = set(re.findall(r"\brnnlossd_\w+", " ".join(re.findall(r"expr: (.*(?:\n {10}.*)*)", read(DEPLOY, "alerts.yml")))))
    assert len(wanted) > 8, wanted
    with Daemon() as daemon:
        for request in (get("/livez"), get("/metrics")):
            text = ask(daemon, request).body.decode()
    there = set(re.findall(r"^(rnnlossd_\w+)", text, re.M))
    assert wanted - there == {"rnnlossd_certificate_expires_seconds"}, wanted - there  # with TLS: tests/e2e/e2e_tls.c


def test_systemd():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("rnnlossd.service", "rnnlossd.socket"):
            text = read(DEPLOY, name).replace("/usr/local/bin/rnnlossd", DAEMON)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        units = [os.path.join(folder, name) for name in ("rnnlossd.service", "rnnlossd.socket")]
        assert run("systemd-analyze", "verify", "--man=no", *units) == ""
    said = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", os.path.join(DEPLOY, "rnnlossd.service"))
    print("  " + said.strip().split("\n")[-1])
    assert float(re.search(r"Overall exposure level for rnnlossd.service: ([0-9.]+)", said)[1]) <= 2.0


def test_kubernetes():
    text = run("kubectl", "kustomize", os.path.join(DEPLOY, "kubernetes"))
    kinds = re.findall(r"^kind: (\w+)$", text, re.M)
    assert sorted(kinds) == ["Deployment", "PodDisruptionBudget", "Service"], kinds
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        def check(content, succeeds):
            file.seek(0)
            file.truncate()
            file.write(content)
            file.flush()
            for version in KUBERNETES:
                run(os.path.join(VALIDATORS, "kubernetes-validate"), "--strict", "-k", version, file.name, succeeds=succeeds)
        check(text, True)
        check(text.replace("readinessProbe", "readynessProbe"), False)  # it does look


def test_kubernetes_security():
    """What the "restricted" standard of Kubernetes asks of a pod, and what this daemon needs beyond it."""
    text = run("kubectl", "kustomize", os.path.join(DEPLOY, "kubernetes"))
    for line in ("runAsNonRoot: true", "allowPrivilegeEscalation: false", "readOnlyRootFilesystem: true", "type: RuntimeDefault",
                 "enableServiceLinks: false", "automountServiceAccountToken: false"):
        assert line in text, line
    assert re.search(r"capabilities:\n +drop:\n +- ALL\n", text)
    grace = int(re.search(r"terminationGracePeriodSeconds: (\d+)", text)[1])
    waits = re.findall(r"name: RNNLOSSD_DRAIN_(?:DELAY|TIMEOUT)\n +value: \"(\d+)\"", text)
    assert len(waits) == 2 and sum(map(int, waits)) < grace, (waits, grace)


def test_compose():
    said = run("docker-compose", "-f", os.path.join(DEPLOY, "compose.yaml"), "config")
    assert "127.0.0.1:8080:8080" in said and "read_only: true" in said, said


def test_options_exist():
    """Every variable RNNLOSSD_* in these files is one of the daemon's."""
    known = set(re.findall(r"RNNLOSSD_\w+", run(DAEMON, "--help")))
    files = [path for path in glob.glob(DEPLOY + "/**/*", recursive=True) if os.path.isfile(path)]
    used = {name for path in files for name in re.findall(r"RNNLOSSD_[A-Z_]+\b", read(path))}
    assert len(used) >= 4 and used <= known, used - known


if __name__ == "__main__":
    os.chdir(ROOT)
    cases.main(globals())
