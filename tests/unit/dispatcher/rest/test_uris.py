"""Which URIs agents can fetch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.rest.uris import uri_problem
from sparkmesos_core.launch.fetched_uris import fetched_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://repo.mesos.example/app.jar",
        "https://[::1]:8443/a/b.py",
        "https://h/spark.tgz?X-Amz-Signature=abc&x=%2F",
        "ftp://h/x.zip",
        "hdfs:///apps/app.jar",
        "hdfs://namenode:8020/apps/app.jar",
        "s3a://bucket/spark.tgz",
        "gs://bucket/x",
        "hftp://namenode:50070/x",
        "sftp://h/x",
        "webhdfs://namenode:9870/x",
        "httpfs-of-ours://h/x",
        "/opt/app.jar",
        "/opt/my app.jar",
        "file:/opt/app.jar",
        "file:///opt/app.jar",
        "file://localhost/opt/app.jar",
        "local:/opt/app.jar",
        "local:///opt/app.jar",
    ],
)
def test_those_that_they_can(uri: str) -> None:
    assert uri_problem(uri) is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "is empty"),
        ("app.jar", "neither a URI nor an absolute path"),
        ("./app.jar", "neither a URI nor an absolute path"),
        *(
            (f"{scheme}://h/app.jar", "has a scheme that nobody knows")
            for scheme in ("htp", "ttp", "HTPP", "hhtp", "htttp", "thtp", "htps", "httsp", "httpss", "htpt")
        ),
        ("http:///app.jar", "names no host"),
        ("http:app.jar", "names no host"),
        ("http://h", "names no file"),
        ("http://h:99999/x", "is not a URI"),
        ("http://[::1/x", "is not a URI"),
        ("file:app.jar", "has no absolute path"),
        ("file://h/app.jar", "names a host"),
        ("local:app.jar", "has no absolute path"),
        ("http://h/it's.jar", "holds '"),
        ("http://h/a\\b.jar", "holds \\"),
        ("http://h/a\nb.jar", "holds a control character"),
    ],
)
def test_those_that_they_cannot(uri: str, reason: str) -> None:
    problem = uri_problem(uri)
    assert problem is not None
    assert reason in problem[0]
    assert problem[1]


@given(
    st.one_of(
        st.text(),
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["", "http:", "file:", "local:", "hdfs:", "x:"]),
            st.sampled_from(["", "/", "//", "///", "//h", "//h:1/"]),
            st.text(alphabet=st.sampled_from("a/.?#%20é[]:@ ")),
        ),
    )
)
def test_what_is_accepted_can_be_fetched(uri: str) -> None:
    if uri_problem(uri) is None:
        assert fetched_uri(uri).name
