"""Every command of deploy/ is executed here: the images' RUN lines, the containers' commands, the health checks.

There is no container engine. Each stage of the Dockerfile is built in a folder of its own, with the real `python -m
venv`, `pip install --require-hashes` and `pip wheel`; only the download is stood in for, by links to the locked
packages of this environment: exactly those the stage's own list names, so that a service that lacks one does not
start. Then every container of compose.yaml is started as a process with its environment, its ports moved to free
ones, and its health check is run until it says yes. The images of others (NATS, PostgreSQL) are this machine's own
programs.
"""

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from component.deploy import compose_file
from component.deploy.compose_file import Container
from component.deploy.containers import Running, foreign_image, prepare_postgres, stopped_at_end
from component.deploy.dockerfile import Builder, Stage, read_ignored
from component.deploy.installed import provide
from fakes.postgres_server import REQUIRED, postgres_folder

REPOSITORY = Path(__file__).parents[3]
DEPLOY = REPOSITORY / "deploy"
PASSWORD = {"VOICEMESH_POSTGRES_PASSWORD": "correct-horse"}
OURS = {"asr", "nlu", "tts", "crm", "crm-sync", "consent", "dialogue"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def builder(folder: Path, text: str = "") -> Builder:
    return Builder(
        text or (DEPLOY / "Dockerfile").read_text(),
        context=REPOSITORY,
        ignored=read_ignored(DEPLOY / "Dockerfile.dockerignore"),
        folder=folder,
        provision=lambda _stage, requirements, python: provide(requirements, python),
    )


def containers() -> dict[str, Container]:
    return compose_file.read((DEPLOY / "compose.yaml").read_text(), PASSWORD)


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """The builder, the wheel built."""
    building = builder(tmp_path_factory.mktemp("images"))
    building.build("wheel", "wheel")
    return building


@pytest.fixture(scope="module")
def images(building: Builder) -> Mapping[str, Stage]:
    """The image of each container that we build, by its SERVICE."""
    wanted = {each.build_args["SERVICE"]: each.build_args for each in containers().values() if each.build_args}
    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(building.build, "service", name, **args) for name, args in wanted.items()}
        return {name: future.result() for name, future in futures.items()}


@dataclass
class Mesh:
    containers: Mapping[str, Container]
    running: dict[str, Running]
    folder: Path
    images: Mapping[str, Stage]


@pytest.fixture(scope="module")
def mesh(images: Mapping[str, Stage]) -> Iterator[Mesh]:
    """All containers that `docker compose up` starts, in its order, each healthy."""
    file = containers()
    if postgres_folder() is None:
        file = without_postgres(file)
    before = files_of(images)
    started: list[Running] = []
    # Not in pytest's own folder: PostgreSQL runs as another user, who may not look into that.
    with tempfile.TemporaryDirectory(prefix="voicemesh-deploy-") as name, stopped_at_end(started):
        folder = Path(name)
        folder.chmod(0o755)
        running = {each.name: launch(each, images, folder, started) for each in compose_file.in_order(file)}
        for each in running.values():
            if each.healthcheck:
                each.wait_until_healthy()
        yield Mesh(file, running, folder, images)
        for each in reversed(started):
            # As `docker compose down`: in reverse, by SIGTERM.
            code, service = each.stop(), each.container.name
            expected = {0} if service in OURS | {"postgres"} else {0, 1, -signal.SIGTERM}
            assert code in expected, f"{service} ended with {code} at SIGTERM:\n{each.logged()}"
    assert files_of(images) == before, "something was written into an image: it is read-only in compose.yaml"


def launch(container: Container, images: Mapping[str, Stage], folder: Path, started: list[Running]) -> Running:
    for other in started:
        if container.depends_on.get(other.container.name) == "service_healthy":
            other.wait_until_healthy()
    running = Running(container, image_of(container, images, folder), folder, container.environment)
    if container.name == "postgres":
        prepare_postgres(running)
    running.start()
    started.append(running)
    return running


def image_of(container: Container, images: Mapping[str, Stage], folder: Path) -> Stage:
    if container.build_args:
        return images[container.build_args["SERVICE"]]
    return foreign_image(container.image.partition(":")[0], folder)


def without_postgres(file: dict[str, Container]) -> dict[str, Container]:
    """Where PostgreSQL is not installed: the same processes on SQLite."""
    kept = {}
    for name, each in file.items():
        environment = {key: value for key, value in each.environment.items() if not key.endswith("_DATABASE_URL")}
        depends = {other: why for other, why in each.depends_on.items() if other != "postgres"}
        kept[name] = replace(each, environment=environment, depends_on=depends)
    del kept["postgres"]
    return kept


def files_of(images: Mapping[str, Stage]) -> set[Path]:
    paths = (path for stage in images.values() for path in stage.root.rglob("*"))
    return {path for path in paths if "__pycache__" not in path.parts}


def test_every_container_becomes_healthy(mesh: Mesh) -> None:
    assert set(mesh.running) >= OURS | {"nats", "loopback"}
    for name in OURS:
        assert mesh.running[name].run_healthcheck().returncode == 0


@pytest.mark.skipif(postgres_folder() is None, reason=f"PostgreSQL is not installed; {REQUIRED}=1 asks for it")
def test_the_services_keep_their_data_in_postgresql(mesh: Mesh) -> None:
    binaries = postgres_folder()
    assert binaries is not None
    url = mesh.running["consent"].env["VOICEMESH_CONSENT_DATABASE_URL"].replace("+psycopg", "")
    ask = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    answer = subprocess.run([binaries / "psql", url, "-Atc", ask],
                            capture_output=True, text=True, check=True)  # fmt: skip
    tables = set(answer.stdout.split())
    assert {"alembic_version_consent", "alembic_version_crm_gateway", "alembic_version_dialogue"} <= tables


def test_the_command_line_in_its_container_reaches_the_mesh(mesh: Mesh) -> None:
    cli = Running(mesh.containers["cli"], mesh.images["cli"], mesh.folder, mesh.containers["cli"].environment)
    assert run(cli, cli.command).strip().startswith("Usage: voicemesh")
    check = [*cli.command[:1], "consent", "check", "--phone", "+15550123456", "--json"]
    assert json.loads(run(cli, check))["decision"]["outcome"] == "unknown"


def run(cli: Running, command: list[str]) -> str:
    done = subprocess.run(command, env=cli.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_listens_beyond_loopback_and_no_port_is_published(mesh: Mesh) -> None:
    for name, each in mesh.containers.items():
        assert "ports" not in each.raw
        if name != "loopback":
            assert each.raw["network_mode"] == "service:loopback"
    for name in OURS:
        assert mesh.running[name].env["VOICEMESH_LISTEN"].startswith("127.0.0.1:")


def test_no_container_of_ours_runs_as_root(images: Mapping[str, Stage]) -> None:
    for name, image in images.items():
        user, _, group = image.user.partition(":")
        assert user.isdigit(), name
        assert group.isdigit(), name
        assert 0 not in {int(user), int(group)}


def test_each_image_holds_only_what_its_service_needs(images: Mapping[str, Stage]) -> None:
    def has(service: str, package: str) -> bool:
        return any(images[service].root.glob(f"opt/voicemesh/lib/python*/site-packages/{package}"))

    assert has("asr", "onnxruntime")
    assert has("consent", "sqlalchemy")
    assert not has("consent", "onnxruntime")
    assert not has("asr", "sqlalchemy")
    assert not has("dialogue", "ctranslate2")
    assert not any(has(service, "pytest") for service in images)


def test_a_service_whose_list_lacks_a_package_does_not_start(building: Builder, tmp_path: Path) -> None:
    image = building.build("service", "lacking", SERVICE="consent", EXTRA="mesh")
    consent = Running(containers()["consent"], image, tmp_path, {})
    consent.start()
    with pytest.raises(AssertionError, match=r"No module named 'phonenumbers'|No module named 'sqlalchemy'"):
        consent.wait_until_healthy()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("python deploy/locked.py package:hatchling", "python deploy/locked.py package:hatchlin", "called 'hatchlin'"),
        ("deploy/locked.py deploy/locked.py", "deploy/locked.py locked.py", "No such file"),
        ("COPY mesh mesh", "COPY docs docs", "keeps it out of the context"),
        ("package:hatchling >", "package:ruff >", "hatchling"),
        ("--wheel-dir /opt/wheels /src", "--wheel-dir /opt/wheels /opt/source", "source"),
    ],
)
def test_a_wrong_line_in_the_dockerfile_is_found(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert old in text
    with pytest.raises((RuntimeError, AssertionError), match=complaint):
        builder(tmp_path, text.replace(old, new)).build("wheel", "wheel")


def test_an_image_without_a_service_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="say which: --build-arg SERVICE=consent"):
        builder(tmp_path).build("service", "none")


def test_compose_asks_for_a_password() -> None:
    with pytest.raises(KeyError, match="choose a password"):
        compose_file.read((DEPLOY / "compose.yaml").read_text(), {})
