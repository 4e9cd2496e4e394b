"""The one type of error."""

from __future__ import annotations


class Error(Exception):
    """A call that did not succeed.

    Attributes:
        type: what went wrong, for programs: a type of rnnlossd (``shape-mismatch``, ``missing-tensor``, …), or one of
            the client's own: ``unreachable`` (no endpoint could be reached, or each connection broke), ``timeout``
            (the time of the call was up; with status 408, the daemon's patience), ``unexpected-answer`` (the answer
            is none of a rnnlossd).
        status: the HTTP status; 0 if there was no answer.
        title: what went wrong, for people.
        detail: what is wrong, what was expected and what was found.
        pointer: the member of the request that is wrong, as ``/tensors/w_hid``; empty if none is.
        request_id: to look the request up in the daemon's log.

    """

    def __init__(
        self, type: str, status: int = 0, title: str = "", detail: str = "", pointer: str = "", request_id: str = ""
    ) -> None:
        # All of them are the exception's args: repr shows them, and of them a pickled one is made again.
        super().__init__(type, status, title, detail, pointer, request_id)
        self.type = type
        self.status = status
        self.title = title
        self.detail = detail
        self.pointer = pointer
        self.request_id = request_id

    def __str__(self) -> str:
        place = f" at {self.pointer}" if self.pointer else ""
        status = f", status {self.status}" if self.status else ""
        return f"{self.type}{place}: {self.detail or self.title} (request {self.request_id}{status})"


def unexpected(status: int, detail: str, request_id: str) -> Error:
    """What is raised for an answer that is none of a rnnlossd."""
    return Error("unexpected-answer", status, "The answer is none of a rnnlossd", detail, "", request_id)
