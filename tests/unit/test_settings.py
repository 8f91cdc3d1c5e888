from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import SparkMesosError, UsageError
from sparkmesos_core.settings import (
    MAX_BYTES,
    SHARED,
    OwnMasters,
    OwnSettings,
    own_masters,
    parse_settings,
    read_settings,
    settings_file,
)

FILE = Path("/etc/own.toml")


def write(folder: Path, text: str) -> dict[str, str]:
    file = folder / "own.toml"
    file.write_text(text, encoding="utf-8")
    return {"SPARKMESOS_CONFIG": str(file), "HOME": str(folder)}


def refused(*_arguments: object) -> int:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


class TestWhereTheFileIs:
    def test_the_variable_wins(self) -> None:
        environment = {"SPARKMESOS_CONFIG": "/a/b.toml", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}
        assert settings_file(environment) == Path("/a/b.toml")

    def test_then_the_xdg_folder(self) -> None:
        environment = {"SPARKMESOS_CONFIG": "", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}
        assert settings_file(environment) == Path("/x/sparkmesos/config.toml")

    def test_then_the_home_folder(self) -> None:
        assert settings_file({"HOME": "/h"}) == Path("/h/.config/sparkmesos/config.toml")

    def test_without_a_home_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "home", no_home)
        assert settings_file({}) is None
        assert read_settings({"HOME": ""}) == OwnSettings()


class TestReading:
    @pytest.mark.parametrize("searchable", [True, False])
    def test_what_may_not_be_read(
        self, tmp_path: Path, searchable: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # root may read everything
        monkeypatch.setattr(os, "open", refused)
        monkeypatch.setattr(os, "access", lambda path, mode: searchable)
        with pytest.raises(UsageError, match=r"own\.toml cannot be read: Permission denied"):
            read_settings({"SPARKMESOS_CONFIG": str(tmp_path / "own.toml")})
        if searchable:
            with pytest.raises(UsageError, match=r"config\.toml cannot be read: Permission denied"):
                read_settings({"HOME": str(tmp_path)})
        else:  # the home of somebody else
            assert read_settings({"HOME": str(tmp_path)}) == OwnSettings()

    def test_no_file_is_no_settings(self, tmp_path: Path) -> None:
        assert read_settings({"HOME": str(tmp_path)}) == OwnSettings()

    def test_a_file_where_its_folder_should_be_is_no_settings(self, tmp_path: Path) -> None:
        (tmp_path / "sparkmesos").touch()
        assert read_settings({"XDG_CONFIG_HOME": str(tmp_path)}) == OwnSettings()

    def test_the_file_that_was_named_has_to_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"SPARKMESOS_CONFIG=.*none.toml does not exist"):
            read_settings({"SPARKMESOS_CONFIG": str(tmp_path / "none.toml")})

    def test_shared_settings_and_tables(self, tmp_path: Path) -> None:
        text = (
            'master = "mesos://h:5050"\noutput = "json"\n[submit]\nstart-timeout = 3\n[config.list]\nx = 1\n'
        )
        settings = read_settings(write(tmp_path, text))
        assert settings.shared == {"master": "mesos://h:5050", "output": "json"}
        assert settings.command_table("submit") == {"start-timeout": 3}
        assert settings.command_table("config", "list") == {"x": 1}
        assert settings.command_table("config", "show") == {}

    def test_a_byte_order_mark_is_no_mistake(self, tmp_path: Path) -> None:
        (tmp_path / "own.toml").write_bytes(b'\xef\xbb\xbfmaster = "mesos://h:1"\n')
        assert read_settings({"SPARKMESOS_CONFIG": str(tmp_path / "own.toml")}).shared["master"]

    def test_devnull_is_empty(self) -> None:
        assert read_settings({"SPARKMESOS_CONFIG": os.devnull}).shared == {}

    def test_a_pipe_does_not_keep_us_waiting(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "own.toml")
        with pytest.raises(UsageError, match="it is not a regular file"):
            read_settings({"SPARKMESOS_CONFIG": str(tmp_path / "own.toml")})

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read: it is not a regular file"):
            read_settings({"SPARKMESOS_CONFIG": str(tmp_path)})

    def test_something_endless(self) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            read_settings({"SPARKMESOS_CONFIG": "/dev/zero"})

    def test_something_large(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="larger than"):
            read_settings(write(tmp_path, "#" * (MAX_BYTES + 1)))

    def test_not_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / "own.toml").write_bytes(b'master = "a"\noutput = "\xff"\n')
        with pytest.raises(UsageError, match=r"own\.toml:2: this is not UTF-8"):
            read_settings({"SPARKMESOS_CONFIG": str(tmp_path / "own.toml")})


class TestMistakesNameTheLine:
    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            ('# a comment\nmaster "mesos://h"', r":2: this is not TOML \(column 8\)", "KEY"),
            ('\na = "', r"own.toml:2: this is not TOML \(at its end\)", "KEY"),
            ('\na = """\n', r"own.toml:2: this is not TOML \(at its end\)", "KEY"),
            ('# mastr\n\nmastr = "mesos://h"', ":3: there is no setting 'mastr'", "Did you mean master?"),
            ('staging_url = "s3://b"', ":1: there is no setting", "Did you mean staging-url?"),
            ("'spark.cores.max' = 1", ":1: there is no setting 'spark.cores.max'", "spark-defaults.conf"),
            ('output = "json"\noutput = "json"', ":2: this key or table is there already", "Remove one"),
            ("[a]\n[b]\n[a]\n", ":3: this key or table is there already", "Remove one"),
            ("zzz = 1", ":1: there is no setting 'zzz'", "There are: master, dispatcher"),
            ("\nmaster = 5050", ":2: master is not a text", 'master = "…"'),
            ('master = ""', ":1: master is empty", 'master = "…"'),
            ("[master]\nurl = 1", ":1: master is a table", 'master = "…"'),
            ('output = "yaml"', ":1: output is neither table nor json", "json"),
            ("a = " + "[" * 20_000, "own.toml: arrays or tables are nested too deeply", "settings.md"),
            ("a = " + "1" * 5000, "this is not TOML", "KEY"),
            ("a = 2026-13-45", "this is not TOML", "KEY"),
        ],
    )
    def test_mistake(self, text: str, message: str, hint: str) -> None:
        with pytest.raises(UsageError, match=message) as caught:
            parse_settings(text, FILE)
        assert str(FILE) in caught.value.message
        assert hint in caught.value.hint

    def test_a_command_that_is_no_table(self) -> None:
        settings = parse_settings("[config]\nlist = 3\n", FILE)
        with pytest.raises(UsageError, match=r":2: config\.list is the name of a command"):
            settings.command_table("config", "list")


class TestLines:
    TEXT = (
        "# master and submit \u2028\n"
        'output = """\n'
        "json\n"
        'master = "no"\n'
        '"""\n'
        'master = "a" # master\n'
        "[submit] # master\n"
        "other-master = 1\n"
        'master = "b"\n'
        'config.list = {filter = "x"}\n'
    )

    @pytest.mark.parametrize(
        ("keys", "line"),
        [
            (("master",), 6),
            (("submit",), 7),
            (("submit", "master"), 9),
            (("submit", "config", "list", "filter"), 10),
            (("output",), 2),
            (("nowhere",), None),
        ],
    )
    def test_line(self, keys: tuple[str, ...], line: int | None) -> None:
        assert OwnSettings(path=FILE, text=self.TEXT).line(*keys) == line


class TestOwnMasters:
    def test_none(self, tmp_path: Path) -> None:
        assert own_masters({"HOME": str(tmp_path)}) == OwnMasters(None, None)

    def test_the_variable_wins(self, tmp_path: Path) -> None:
        environment = write(tmp_path, 'master = "mesos://f:1"')
        setting = own_masters({**environment, "SPARKMESOS_MASTER": "mesos://v:1"}).master
        assert setting == Setting(
            "spark.master", "mesos://v:1", Origin(Source.SPARKMESOS, "SPARKMESOS_MASTER")
        )

    def test_then_the_table_of_submit(self, tmp_path: Path) -> None:
        environment = write(tmp_path, 'master = "mesos://f:1"\n[submit]\nmaster = "mesos://s:1"\n')
        setting = own_masters({**environment, "SPARKMESOS_MASTER": ""}).master
        assert setting is not None
        assert setting.value == "mesos://s:1"
        assert str(setting.origin) == f"{tmp_path / 'own.toml'}:3"

    @pytest.mark.parametrize(
        ("value", "wrong"), [("5050", "not a text"), ('["a"]', "not a text"), ('""', "empty")]
    )
    def test_a_master_of_submit_that_is_no_text(self, tmp_path: Path, value: str, wrong: str) -> None:
        environment = write(tmp_path, f'master = "mesos://f:1"\n[submit]\nmaster = {value}\n')
        with pytest.raises(UsageError, match=rf"own\.toml:3: submit\.master is {wrong}"):
            own_masters(environment)

    def test_a_dispatcher_is_no_option_of_submit(self, tmp_path: Path) -> None:
        assert own_masters(write(tmp_path, '[submit]\ndispatcher = "mesos://d:1"\n')).dispatcher is None

    def test_then_what_is_shared(self, tmp_path: Path) -> None:
        setting = own_masters(write(tmp_path, '\nmaster = "mesos://f:1"\n')).master
        assert setting is not None
        assert str(setting.origin) == f"{tmp_path / 'own.toml'}:2"

    def test_the_dispatcher(self, tmp_path: Path) -> None:
        environment = write(tmp_path, 'master = "mesos://m:1"\ndispatcher = "mesos://d:1"\n')
        own = own_masters(environment)
        assert [setting.value for setting in own.settings(for_dispatcher=True)] == ["mesos://d:1"]
        assert [setting.value for setting in own.settings(for_dispatcher=False)] == ["mesos://m:1"]
        own = own_masters({**environment, "SPARKMESOS_DISPATCHER": "mesos://v:1"})
        assert [setting.value for setting in own.settings(for_dispatcher=True)] == ["mesos://v:1"]

    def test_without_a_dispatcher_the_master_is_meant(self, tmp_path: Path) -> None:
        own = own_masters(write(tmp_path, 'master = "mesos://m:7077"\n'))
        assert [setting.value for setting in own.settings(for_dispatcher=True)] == ["mesos://m:7077"]


@given(st.text() | st.text(alphabet="masteroup=\"[].\n#\\{} ,0'", max_size=80))
def test_any_text_gives_settings_or_an_error_that_names_the_file(text: str) -> None:
    try:
        settings = parse_settings(text, FILE)
    except SparkMesosError as error:
        understood = str(FILE) in error.message
    else:
        understood = set(settings.shared) <= set(SHARED)
    assert understood


def test_the_document_lists_every_shared_setting() -> None:
    document = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in document.splitlines() if line.startswith("| `")]
    assert listed == list(SHARED)
