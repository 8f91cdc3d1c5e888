from __future__ import annotations

import pytest

from benchmarks.agreeing_dispatcher import SUBMISSION_ID, agreeing_dispatcher
from sparkmesos_core.dispatcher.client import DispatcherClient
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest, Outcome
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.master import parse_dispatcher

REQUEST = CreateSubmissionRequest("http://h/a.jar", "A", (), {}, {}, "3.5.9")


def test_it_agrees_to_all_that_clients_ask():
    with agreeing_dispatcher() as dispatcher:
        client = DispatcherClient(parse_dispatcher(dispatcher.url))
        assert client.create(REQUEST).submission_id == SUBMISSION_ID
        dispatcher.check("POST create")
        assert client.status(SUBMISSION_ID).outcome is Outcome.RUNNING
        dispatcher.check(f"GET status/{SUBMISSION_ID}")
        assert client.kill(SUBMISSION_ID).success
        dispatcher.check(f"POST kill/{SUBMISSION_ID}")


def test_a_command_that_asked_something_else_is_not_measured():
    with agreeing_dispatcher() as dispatcher:
        client = DispatcherClient(parse_dispatcher(dispatcher.url))
        client.kill(SUBMISSION_ID)
        with pytest.raises(SparkMesosError, match="instead of POST create"):
            dispatcher.check("POST create")
        with pytest.raises(SparkMesosError, match=r"was asked \[\] instead"):
            dispatcher.check(f"POST kill/{SUBMISSION_ID}")
