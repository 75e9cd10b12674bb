"""The files for clusters fit the lock, the project and each other."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import succeed

ROOT = Path(__file__).parent.parent
CLUSTER = ROOT / "configs/cluster"
DOCKERFILE = (CLUSTER / "Dockerfile").read_text()


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((CLUSTER / name).read_text())


@pytest.fixture(scope="module")
def pods() -> list[dict[str, Any]]:
    cluster = read("rayjob.yaml")["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_all_nodes_have_the_image_that_the_dockerfile_says_how_to_build(pods):
    (image,) = re.findall(r"docker build -f configs/cluster/Dockerfile -t (\S+) \.", DOCKERFILE)
    assert {container["image"] for pod in pods for container in pod["containers"]} == {image}
    assert read("ray-up.yaml")["docker"]["image"] == image
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert image.endswith(f":{version[1]}")


def test_versions_are_those_of_the_lock():
    (ray,) = re.findall(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert read("rayjob.yaml")["spec"]["rayClusterSpec"]["rayVersion"] == ray
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    python = re.search(r"^FROM python:(3\.\d+)-", DOCKERFILE, re.MULTILINE)[1]
    assert f"--python-version {python}" in (ROOT / "Makefile").read_text()


def test_what_the_image_copies_is_there_and_what_it_installs_from_is_in_the_lock():
    copied = [
        word
        for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
        for word in line.split()
    ]
    assert {"filters", "pipelines", "configs", "requirements.lock"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    # Without build isolation, what builds the package comes from the lock, as does the dashboard.
    lock = (ROOT / "requirements.lock").read_text()
    assert re.search(r"^hatchling==", lock, re.MULTILINE)
    assert re.search(r"^aiohttp-cors==", lock, re.MULTILINE)


def test_the_job_is_a_command_that_there_is():
    words = shlex.split(read("rayjob.yaml")["spec"]["entrypoint"])
    assert words[:2] == ["cuvee", "run"]
    known = succeed("run", "--help")
    assert all(word in known for word in words if word.startswith("--"))
    assert words[2] in succeed("recipes")


def test_the_output_is_on_a_volume_that_every_pod_mounts(pods):
    words = shlex.split(read("rayjob.yaml")["spec"]["entrypoint"])
    output = words[words.index("--output") + 1]
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(mounts.values()) <= volumes
            assert any(output.startswith(f"{path}/") for path in mounts)


def test_heads_work_on_no_units():
    job = read("rayjob.yaml")["spec"]["rayClusterSpec"]["headGroupSpec"]
    assert job["rayStartParams"]["num-cpus"] == "0"
    (start,) = [one for one in read("ray-up.yaml")["head_start_ray_commands"] if "--head" in one]
    assert "--num-cpus=0" in start


def test_ray_accepts_the_configuration_of_its_launcher():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(read("ray-up.yaml"))
    validate_config(config)
    workers = len(read("ray-up.yaml")["provider"]["worker_ips"])
    assert config["max_workers"] == workers
