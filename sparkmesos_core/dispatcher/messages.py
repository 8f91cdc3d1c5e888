"""The messages of the REST submission protocol, version v1 (`org.apache.spark.deploy.rest` of Spark)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROTOCOL_VERSION = "v1"


@dataclass(frozen=True)
class CreateSubmissionRequest:
    """What a client asks a dispatcher to run. All of it is sent as it is: nothing is uploaded."""

    app_resource: str
    """The URI of the jar, Python or R file, as agents see it."""
    main_class: str
    """Empty for Python and R."""
    app_args: tuple[str, ...]
    spark_properties: Mapping[str, str]
    environment_variables: Mapping[str, str]
    client_spark_version: str

    def to_json(self) -> dict[str, Any]:
        """The message as Spark writes it: keys in alphabetical order."""
        return {
            "action": "CreateSubmissionRequest",
            "appArgs": list(self.app_args),
            "appResource": self.app_resource,
            "clientSparkVersion": self.client_spark_version,
            "environmentVariables": dict(self.environment_variables),
            "mainClass": self.main_class,
            "sparkProperties": dict(self.spark_properties),
        }
