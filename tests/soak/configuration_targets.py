"""What `fuzz_configuration` throws odd texts at: everything that reads what users write."""

from __future__ import annotations

import json
from pathlib import Path

from sparkmesos_core.conf.checks.all_rules import check_configuration
from sparkmesos_core.conf.checks.circumstances import Circumstances, Mode
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.editing.entries import Entry
from sparkmesos_core.conf.editing.properties_edit import redacted_properties, set_properties
from sparkmesos_core.conf.editing.script_edit import redacted_script, set_exports
from sparkmesos_core.conf.editing.shell_assignments import find_assignments
from sparkmesos_core.conf.java_properties import read_properties_file
from sparkmesos_core.conf.precedence import daemon_configuration, submit_configuration
from sparkmesos_core.conf.properties.registered_property import Reader, ValueType
from sparkmesos_core.conf.properties.registry import find_property, similar_names
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.conf.spark_variables import VARIABLES
from sparkmesos_core.conf.values import value_types
from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.conf.values.java_options import definitions, split_words
from sparkmesos_core.conf.values.secrets import parse_secrets
from sparkmesos_core.errors import ConfigurationError, SparkMesosError, UsageError
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.constraints import unmet
from sparkmesos_core.settings import own_masters, read_settings
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.spark.cluster_request import cluster_request
from sparkmesos_core.spark.ignored_options import translate
from tests.soak.command_targets import COMMAND_TARGETS
from tests.soak.configuration_texts import (
    any_text,
    argument_list,
    as_given,
    nearly,
    properties_text,
    property_name,
    script_text,
    toml_text,
)
from tests.soak.fuzzing import Case, ContractError
from tests.soak.odd_texts import OddTexts

TYPES = [kind for kind in vars(value_types).values() if isinstance(kind, ValueType)]

VERSIONS = ("2.0.2", "2.4.8", "3.0.3", "3.5.9", "4.0.0", None)
MASTERS = (
    "mesos://localhost:5050",
    "mesos://zk://a:2181/mesos",
    "mesos://dispatcher:7077",
    "local[2]",
    "yarn",
    None,
)


def value_of_a_type(odd: OddTexts, _folder: Path) -> None:
    kind = odd.choice(TYPES)
    kind.parse(odd.value(nearly(kind)) if odd.random() < 0.8 else any_text(odd))


def java_options(odd: OddTexts, _folder: Path) -> None:
    text = odd.value("java options")
    split_words(text)
    if any(not key for key, _ in definitions(text)):
        raise ContractError(f"a definition without a key in {text!r}")


def secrets(odd: OddTexts, _folder: Path) -> None:
    hidden = "hush-" + odd.noise(5)
    values = odd.choice(("", hidden, f"{hidden},{hidden}", f" {hidden} ,x,"))
    names, *places = (odd.choice(("", "", odd.value("secrets"))) for _ in range(3))
    if odd.random() < 0.5:
        places = [",".join(odd.sample(["A", "B", "c/d"], k=odd.randint(1, 2))) for _ in range(2)]
    try:
        found = parse_secrets(names, values, *places)
    except SparkMesosError as error:
        if "hush" in error.message + error.hint:
            raise ContractError(f"a secret is shown: {error.message!r}, {error.hint!r}") from error
        raise
    if "hush" in repr(found):
        raise ContractError(f"a secret is shown: {found!r}")


def constraints(odd: OddTexts, _folder: Path) -> None:
    wanted = parse_constraints(odd.value("constraints"))
    offered = parse_attributes(odd.value("attributes"))
    missing = unmet(wanted, offered)
    if not set(missing) <= set(wanted):
        raise ContractError(f"{missing} is not a part of {wanted}")


def properties_file(odd: OddTexts, folder: Path) -> None:
    path = folder / "spark-defaults.conf"
    path.write_bytes(odd.encoded(properties_text(odd)))
    try:
        settings = read_properties_file(path)
    except SparkMesosError as error:
        _must_name(error, f"{path}:")
        raise
    configuration = Configuration([settings])
    _use(odd, configuration)
    for key in configuration:
        try:
            configuration.typed(key)
        except KeyError:
            if find_property(key) is not None:
                raise
        except ConfigurationError as error:
            setting = configuration.setting(key)
            assert setting is not None
            _must_name(error, f"{path}:{setting.origin.line}")
            _must_hide(error, configuration)


def edited_properties(odd: OddTexts, _folder: Path) -> None:
    text = properties_text(odd)
    entries = [Entry(property_name(odd), any_text(odd)) for _ in range(odd.randint(1, 3))]
    redacted_properties(text, "spark-defaults.conf")
    edit = set_properties(text, entries, "spark-defaults.conf", replace=odd.random() < 0.5)
    again = set_properties(edit.text, entries, "spark-defaults.conf")
    if again.text != edit.text:
        raise ContractError(f"not the same a second time: {edit.text!r}, {again.text!r}")


def spark_env_text(odd: OddTexts, _folder: Path) -> None:
    text = script_text(odd)
    try:
        find_assignments(text, "spark-env.sh")
    except SparkMesosError as error:
        _must_name(error, "spark-env.sh:")
        raise
    redacted_script(text, "spark-env.sh")
    entries = [Entry(odd.choice(VARIABLES).name, any_text(odd))]
    set_exports(text, entries, "spark-env.sh", replace=odd.random() < 0.5)


def settings_file(odd: OddTexts, folder: Path) -> None:
    path = folder / "config.toml"
    path.write_bytes(odd.encoded(toml_text(odd)))
    environment = {"SPARKMESOS_CONFIG": str(path), "SPARKMESOS_MASTER": odd.choice(("", odd.value("url")))}
    try:
        own_masters(environment)
        settings = read_settings(environment)
    except SparkMesosError as error:
        _must_name(error, str(path))
        raise
    settings.line(*odd.sample(["submit", "master", "output", "a"], k=odd.randint(1, 3)))


def variables(odd: OddTexts, _folder: Path) -> None:
    environment = {
        odd.choice(VARIABLES).name: odd.value("java options" if odd.random() < 0.5 else "text")
        for _ in range(odd.randint(1, 5))
    }
    env = SparkEnv(environment)
    try:
        configuration = (
            submit_configuration(env=env)
            if odd.random() < 0.3
            else daemon_configuration(odd.choice((Reader.DISPATCHER, Reader.SHUFFLE_SERVICE)), env=env)
        )
    except UsageError as error:
        if not any(name in error.message for name in environment):
            raise ContractError(f"the variable is not named: {error.message!r}") from error
        raise
    _use(odd, configuration)


def submit_arguments(odd: OddTexts, _folder: Path) -> None:
    arguments = SubmitArguments.parse(argument_list(odd))
    options, conf = arguments.settings()
    configuration = submit_configuration(options=options, conf=conf, env=SparkEnv({}))
    version = odd.choice(VERSIONS)
    translation = translate(arguments, configuration, version)
    _use(odd, configuration.above(translation.settings))
    if not arguments.options and not arguments.application:
        return
    again = SubmitArguments.parse(arguments.with_options())
    if again != arguments:
        raise ContractError(f"parsed again it is another one: {arguments}, {again}")


def cluster_requests(odd: OddTexts, folder: Path) -> None:
    given = as_given(argument_list(odd))
    fitting = ["--deploy-mode", "cluster", "--class", "Main", "--master", "mesos://dispatcher:7077"]
    arguments = SubmitArguments.parse([*fitting, *given] if odd.random() < 0.8 else given)
    options, conf = arguments.settings()
    env = SparkEnv({odd.choice(VARIABLES).name: odd.value("text")})
    configuration = submit_configuration(options=options, conf=conf, env=env)
    check_values(arguments, configuration)
    request = cluster_request(
        arguments, configuration, env.variables, spark_version="3.5.9", directory=folder, now_ms=17
    ).to_json()
    if json.loads(json.dumps(request)) != request:
        raise ContractError(f"not the same as JSON: {request}")
    if request["appArgs"] != list(arguments.application_arguments):
        raise ContractError(f"other arguments than {arguments.application_arguments}: {request['appArgs']}")


def property_names(odd: OddTexts, _folder: Path) -> None:
    name = odd.mutated(property_name(odd)) if odd.random() < 0.8 else any_text(odd)
    find_property(name)
    if len(name) < 300 and len(similar_names(name)) > 3:
        raise ContractError(f"more than three names are like {name!r}")


TARGETS: dict[str, Case] = {
    "values": value_of_a_type,
    "java options": java_options,
    "secrets": secrets,
    "constraints": constraints,
    "properties files": properties_file,
    "edited properties": edited_properties,
    "spark-env.sh": spark_env_text,
    "settings files": settings_file,
    "variables": variables,
    "spark-submit arguments": submit_arguments,
    "cluster requests": cluster_requests,
    "property names": property_names,
    **COMMAND_TARGETS,
}


def _use(odd: OddTexts, configuration: Configuration) -> None:
    """Checks a configuration as `config check` and `submit` do."""
    circumstances = Circumstances(
        mode=odd.choice(list(Mode)),
        spark_version=odd.choice(VERSIONS),
        master=odd.choice(MASTERS) if odd.random() < 0.9 else odd.value("url"),
    )
    for finding in check_configuration(configuration, circumstances):
        error = UsageError(finding.message, hint=finding.hint)
        if not finding.message:
            raise ContractError(f"a finding without a message: {finding}")
        _must_hide(error, configuration)


def _must_name(error: SparkMesosError, place: str) -> None:
    if place not in error.message:
        raise ContractError(f"{place} is not in the message {error.message!r}") from error


def _must_hide(error: SparkMesosError, configuration: Configuration) -> None:
    for key in configuration:
        found = find_property(key)
        value = configuration[key]
        # A short or common text may be in a message for another reason.
        if found is not None and found.secret and "hush-" in value and value in error.message + error.hint:
            raise ContractError(
                f"the secret value of {key} is in {error.message!r} or {error.hint!r}"
            ) from error
