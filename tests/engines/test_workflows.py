# SPDX-License-Identifier: Apache-2.0
"""What people do with containers, from a Dockerfile to an answer over HTTP, with real programs."""

import json
import shutil
import textwrap

import pytest

from conftest import Daemon
from engines import DEBIAN, IMAGES, TOOLS, fetch, fetch_when_up, run, wait_until

pytestmark = pytest.mark.limit(900)

INSTALL = """
FROM %s
COPY debs/ /debs/
RUN printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && \\
    rm -rf /var/lib/apt/lists/* /etc/apt/sources.list*
RUN DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /debs/*.deb \\
    >/tmp/log 2>&1 || { tail -n 20 /tmp/log; exit 1; }
"""

WEB = """
import os
from flask import Flask
app = Flask(__name__)

@app.route("/")
def index():
    return os.environ.get("GREETING", "hello") + "\\n"
"""

API = """
import os
import pymysql
from flask import Flask, jsonify, request
app = Flask(__name__)

def query(text, *values):
    db = pymysql.connect(host="db", user="app", password="secret", database="app", autocommit=True)
    try:
        with db.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall()
    finally:
        db.close()

@app.route("/notes")
def notes():
    return jsonify([row[0] for row in query("SELECT text FROM notes ORDER BY text")])

@app.route("/notes", methods=["POST"])
def add():
    query("INSERT INTO notes VALUES (%s)", request.get_data(as_text=True))
    return "", 201
"""

SQL = """
CREATE DATABASE app;
CREATE USER app@'%' IDENTIFIED BY 'secret';
GRANT ALL ON app.* TO app@'%';
CREATE TABLE app.notes (text VARCHAR(200));
INSERT INTO app.notes VALUES ('from stdin');
"""


@pytest.fixture(scope="session")
def debian(dockerd, debian_archive):
    del dockerd
    run("docker", "load", "-i", debian_archive)


@pytest.fixture(scope="session")
def build(debian, tmp_path_factory):
    """Builds an image with packages and files once: build("web", lines, app="...")."""
    del debian
    made = {}

    def image(name, lines, **files):
        if name in made:
            return made[name]
        directory = tmp_path_factory.mktemp(name)
        packages = len(list((IMAGES / "debs" / name).glob("*.deb")))
        if packages > 300:
            pytest.skip(f"{packages} packages for {name} in this Debian")
        shutil.copytree(IMAGES / "debs" / name, directory / "debs")
        for file, text in files.items():
            (directory / f"{file}.py").write_text(text)
        (directory / "Dockerfile").write_text(INSTALL % DEBIAN + textwrap.dedent(lines))
        tag = f"localhost:5000/{name}:1"
        run("docker", "build", "-t", tag, directory, timeout=800)
        shutil.rmtree(directory)
        made[name] = tag
        return tag
    return image


@pytest.fixture
def web(build):
    return build("web", """
        COPY app.py /srv/
        WORKDIR /srv
        USER www-data
        EXPOSE 8000
        CMD ["gunicorn", "-b", "0.0.0.0:8000", "app:app"]
        """, app=WEB)


def test_web_service(docker, web):
    """Dockerfile, run -e -p, an answer over HTTP, exec env, logs, stop."""
    docker("run", "-d", "--name", "web", "-e", "GREETING=good morning", "-p",
           "127.0.0.1:18090:8000", web)
    assert fetch_when_up(18090) == (200, "good morning\n")
    assert "GREETING=good morning" in docker("exec", "web", "env").out.splitlines()
    assert "www-data" in docker("exec", "web", "id").out
    docker("stop", "-t", "20", "web")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "web").text == "0"
    assert "Shutting down" in docker("logs", "web").err


def test_local_registry(docker, web, tmp_path):
    """Push, forget, pull, run."""
    (tmp_path / "config.yml").write_text(textwrap.dedent(f"""
        version: 0.1
        storage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}
        http: {{addr: "127.0.0.1:5000"}}
        """))
    registry = Daemon("registry", ["docker-registry", "serve", str(tmp_path / "config.yml")],
                      ["python3", "-c", "import urllib.request as u; "
                       "u.urlopen('http://127.0.0.1:5000/v2/')"])
    try:
        docker("push", web)
        docker("rmi", web)
        docker("pull", web)
    finally:
        registry.stop()
    docker("run", "-d", "--name", "web", "-p", "127.0.0.1:18091:8000", web)
    assert fetch_when_up(18091) == (200, "hello\n")


def notes():
    """What the API answers once it reaches the database, which listens a moment after it is up."""
    def attempt():
        status, text = fetch(18092, "/notes")
        return status == 200 and (json.loads(text),)
    try:
        return wait_until(attempt, "an answer of the API")[0]
    except AssertionError:
        print(run("docker", "logs", "api", code=None).err[-2000:], run("docker", "logs", "db", code=None))
        raise


def start_database(docker, image, *options):
    docker("run", "-d", "--name", "db", "--network", "app", *options, image)
    wait_until(lambda: docker("exec", "db", "mariadb", "-e", "SELECT 1", code=None).code == 0,
               "the database")


def test_database_and_api(docker, build):
    """Two containers; data through exec -i; lost without a volume, kept with one."""
    database = build("db", """
        RUN mkdir -p /run/mysqld && chown mysql /run/mysqld && \\
            { test -d /var/lib/mysql/mysql || mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/dev/null; }
        CMD ["mariadbd", "--user=mysql", "--datadir=/var/lib/mysql", "--bind-address=0.0.0.0"]
        """)
    api = build("api", """
        COPY api.py /srv/
        WORKDIR /srv
        CMD ["python3", "-m", "flask", "--app", "api", "run", "--host", "0.0.0.0"]
        """, api=API)
    docker("network", "create", "app")
    try:
        start_database(docker, database)
        docker("exec", "-i", "db", "mariadb", input=SQL, stdin=None)
        docker("run", "-d", "--name", "api", "--network", "app", "-p", "127.0.0.1:18092:5000", api)
        fetch_when_up(18092, "/notes")
        assert notes() == ["from stdin"]
        assert fetch(18092, "/notes", method="POST", body="by HTTP")[0] == 201
        assert notes() == ["by HTTP", "from stdin"]

        docker("rm", "-f", "db")
        start_database(docker, database)
        assert docker("exec", "db", "mariadb", "-Ne", "SHOW DATABASES LIKE 'app'").text == ""
        docker("rm", "-f", "db")

        start_database(docker, database, "-v", "notes:/var/lib/mysql")
        docker("exec", "-i", "db", "mariadb", input=SQL, stdin=None)
        assert notes() == ["from stdin"]
        assert fetch(18092, "/notes", method="POST", body="kept")[0] == 201
        docker("stop", "-t", "60", "db")
        assert docker("inspect", "-f", "{{.State.ExitCode}}", "db").text == "0"
        docker("rm", "db")
        start_database(docker, database, "-v", "notes:/var/lib/mysql")
        assert notes() == ["from stdin", "kept"]
    finally:
        docker("rm", "-f", "db", "api", code=None)
        docker("network", "rm", "app")
        docker("volume", "rm", "notes", code=None)


def test_notebook(docker, build, tmp_path):
    """Jupyter with -p and -v: files of the host are there, what is saved is on the host, code runs."""
    image = build("jupyter", """
        WORKDIR /work
        CMD ["jupyter", "notebook", "--allow-root", "--no-browser", "--ip=0.0.0.0", "--port=8888"]
        """)
    (tmp_path / "there.txt").write_text("on the host")
    docker("run", "-d", "--name", "lab", "-e", "JUPYTER_TOKEN=secret", "-p", "127.0.0.1:18093:8888",
           "-v", f"{tmp_path}:/work", image)
    token = {"Authorization": "token secret"}
    fetch_when_up(18093, "/api", 120)
    status, text = fetch(18093, "/api/contents", headers=token)
    assert status == 200 and "there.txt" in [f["name"] for f in json.loads(text)["content"]]
    body = json.dumps({"type": "file", "format": "text", "content": "saved"})
    assert fetch(18093, "/api/contents/new.txt", method="PUT", body=body, headers=token)[0] == 201
    assert (tmp_path / "new.txt").read_text() == "saved"
    status, text = fetch(18093, "/api/kernels", method="POST", body="{}", headers=token)
    assert status == 201 and json.loads(text)["id"]
    assert fetch(18093, "/api/contents")[0] == 403


def test_stack_with_replicas(docker, web):
    """Compose file as a Swarm stack: three replicas, one of them killed, three again."""
    made = docker("swarm", "init", "--advertise-addr", "127.0.0.1", code=None)
    if made.code != 0:
        pytest.skip(f"no swarm on this kernel: {made.err.strip()[:150]}")
    stack = textwrap.dedent(f"""
        version: "3.8"
        services:
          web:
            image: {web}
            environment: {{GREETING: stack}}
            networks: [none]
            deploy:
              replicas: 3
              restart_policy: {{delay: 100ms}}
          cache:
            image: {TOOLS}
            command: sleep 1000
            networks: [none]
        networks:
          none: {{external: true, name: bridge}}
        """)

    def running():
        return docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=app_web").out.split()

    def answers():
        return [docker("exec", i, "python3", "-c", "import urllib.request as u; "
                       "print(u.urlopen('http://127.0.0.1:8000/').read().decode())", code=None).text
                for i in running()]
    try:
        docker("stack", "deploy", "--resolve-image", "never", "-c", "-", "app", input=stack, stdin=None)
        wait_until(lambda: answers() == ["stack"] * 3, "three replicas that answer")
        victim = running()[0]
        docker("kill", victim)
        wait_until(lambda: victim not in running() and answers() == ["stack"] * 3, "three again")
    finally:
        docker("stack", "rm", "app", code=None)
        docker("swarm", "leave", "--force")
