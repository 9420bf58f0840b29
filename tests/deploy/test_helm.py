"""The chart, before helm itself; what it renders, before Kubernetes' own schemas and our settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkout import settings
from checkout.settings.secret_files import SECRETS
from tests.deploy.tools import DEPLOY, RUN_SECONDS, fetched, program, queues, run

pytestmark = pytest.mark.timeout(3 * 120)
CHART = DEPLOY / "helm/checkout"
EXAMPLE = ("--values", CHART / "examples/values.yaml")
SWITCHES = ("flower", "podMonitor", "api.autoscaling", "workers.orders.autoscaling")
EVERYTHING = ("--set", ",".join(f"{switch}.enabled=true" for switch in SWITCHES))
# The oldest that the chart promises, and the newest whose schemas are there.
KUBERNETES = ("1.29", "1.37")
MOUNTED = "/etc/checkout/secrets/"
QUEUES = {*queues()}
ENDING = ("migrate", "audit")  # They do their work and are gone.
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program("helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def rendered(helm: Path) -> str:
    """All that the chart can be switched to."""
    return run(helm, "template", "shop", CHART, *EXAMPLE, *EVERYTHING)


@pytest.fixture(scope="module")
def manifests(rendered: str) -> list[Manifest]:
    return parsed(rendered)


def parsed(rendered: str) -> list[Manifest]:
    documents = (msgspec.yaml.decode(part) for part in f"\n{rendered}".split("\n---\n"))
    return [document for document in documents if document]


def of_kind(manifests: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    found = [manifest for manifest in manifests if manifest["kind"] in kinds]
    return {manifest["metadata"]["name"].removeprefix("shop-checkout-"): manifest for manifest in found}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {name: template["spec"] for name, template in templates(manifests).items()}


def templates(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Of all pods. The audit's is made by its CronJob, day by day."""
    found = of_kind(manifests, "Deployment", "Job")
    made = {name: manifest["spec"]["jobTemplate"] for name, manifest in of_kind(manifests, "CronJob").items()}
    return {name: manifest["spec"]["template"] for name, manifest in (found | made).items()}


def test_helm_finds_no_fault(helm: Path) -> None:
    assert "0 chart(s) failed" in run(helm, "lint", "--strict", CHART, *EXAMPLE)


def test_what_a_reader_must_say_is_asked_for(helm: Path) -> None:
    output = run(helm, "template", "shop", CHART, status=1)
    for name in ("PUBLIC_URL", "ALIPAY_APP_ID", "ALIPAY_SELLER_ID"):
        assert f"/settings/{name}" in output


@pytest.mark.parametrize(
    "wrong",
    [
        "settings.JWT_SECRET=a-secret-in-the-open",
        "settings.METRICS_PORT=1",
        "settings.PUBLIC_URL=http://checkout.example",
        "workers.orders.queue=order",
        "workers.default=null",
        "secret.files.JWT_SECRET=../other",
        "ingress.tlsSecret=",
        "replicas=3",
        "audit.schedule=",
        "jobAnnotations=off",
    ],
)
def test_what_would_do_harm_is_refused(helm: Path, wrong: str) -> None:
    assert "values don't meet" in run(helm, "template", "shop", CHART, *EXAMPLE, "--set-string", wrong, status=1)


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched("kubernetes-validate", tmp_path_factory.mktemp("kubernetes-validate"))


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_all_of_it(validator: Path, rendered: str, tmp_path: Path, version: str) -> None:
    # Kubernetes itself has no schema of what an operator defines.
    parts = [part for part in rendered.split("\n---\n") if "kind: PodMonitor" not in part]
    file = tmp_path / "all.yaml"
    file.write_text("\n---\n".join(parts), encoding="utf-8")
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", version, str(file)]
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(validator)}
    done = subprocess.run(command, env=own, capture_output=True, encoding="utf-8", timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pod_can_do_as_little_as_it_must(manifests: list[Manifest]) -> None:
    assert len(pods(manifests)) == len(QUEUES) + 5
    for name, pod in pods(manifests).items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        [container] = pod["containers"]
        context = container["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False), name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name
        assert name in ENDING or container["livenessProbe"], name


def test_a_newer_version_takes_over_without_a_gap(manifests: list[Manifest]) -> None:
    deployments = of_kind(manifests, "Deployment")
    for name in ("api", "beat"):
        assert deployments[name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    for name, pod in pods(manifests).items():
        assert name == "migrate" or pod["terminationGracePeriodSeconds"] == 45, name
    [api] = pods(manifests)["api"]["containers"]
    assert api["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "5"]}}
    assert (api["readinessProbe"]["httpGet"]["path"], api["livenessProbe"]["httpGet"]["path"]) == (
        "/health/ready",
        "/health/live",
    )
    hook = of_kind(manifests, "Job")["migrate"]["metadata"]["annotations"]["helm.sh/hook"]
    assert hook == "pre-install,pre-upgrade"


def test_every_queue_has_a_worker_that_is_found_and_guarded(manifests: list[Manifest]) -> None:
    commands = {name: pod["containers"][0]["command"] for name, pod in pods(manifests).items()}
    served = {word.removeprefix("--queues=") for words in commands.values() for word in words if "--queues=" in word}
    assert served == QUEUES
    assert of_kind(manifests, "PodDisruptionBudget").keys() == QUEUES | {"api"}
    for manifest in [*of_kind(manifests, "PodDisruptionBudget", "Deployment", "Service").values()]:
        selector = manifest["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        labels = of_kind(manifests, "Deployment")[wanted["app.kubernetes.io/component"]]["spec"]["template"]["metadata"]
        assert wanted.items() <= labels["labels"].items()


def test_what_scales_has_no_number_of_its_own(manifests: list[Manifest]) -> None:
    scalers = of_kind(manifests, "HorizontalPodAutoscaler")
    assert scalers.keys() == {"api", "orders"}
    for name in scalers:
        assert "replicas" not in of_kind(manifests, "Deployment")[name]["spec"]
    [metric] = scalers["orders"]["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] == "checkout_orders_accepted_seconds"


def test_the_settings_of_each_pod_hold(manifests: list[Manifest], environment: dict[str, str], tmp_path: Path) -> None:
    for name, pod in pods(manifests).items():
        told = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
        assert not SECRETS & told.keys(), name
        for key, value in told.items():
            if value.startswith(MOUNTED):
                content = environment.get(key.removesuffix("_FILE"), "user:password")
                content = Path(environment[key]).read_text(encoding="utf-8") if key in environment else content
                (tmp_path / value.removeprefix(MOUNTED)).write_text(content, encoding="utf-8")
        kept = settings.parse({key: value.replace(MOUNTED, f"{tmp_path}/") for key, value in told.items()})
        assert (kept.jwt_secret, kept.metrics_port) == (environment["CHECKOUT_JWT_SECRET"], 9400), name
        assert kept.shop_url == "https://shop.example"


def test_an_image_may_be_named_by_its_digest(helm: Path) -> None:
    digest = f"sha256:{'0' * 64}"
    output = run(helm, "template", "shop", CHART, *EXAMPLE, "--set", f"image.digest={digest}")
    assert f"image: registry.example/checkout@{digest}" in output
    assert "image: registry.example/checkout:0.1.0" in run(helm, "template", "shop", CHART, *EXAMPLE)


def test_a_mesh_is_told_of_pods_that_end_apart_from_those_that_stay(helm: Path) -> None:
    """Its sidecar would keep a job from ending."""
    said = ("--set-string", "podAnnotations.mesh=in,jobAnnotations.mesh=out")
    made = templates(parsed(run(helm, "template", "shop", CHART, *EXAMPLE, *EVERYTHING, *said)))
    told = {name: template["metadata"]["annotations"]["mesh"] for name, template in made.items()}
    assert told == {name: "out" if name in ENDING else "in" for name in made}
