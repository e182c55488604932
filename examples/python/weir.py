# SPDX-License-Identifier: Apache-2.0
"""libweir from Python, by ctypes and nothing else: any operation of DynamoDB by its name, and the
elements of a transaction that a program with an SDK of its own commits itself.

    with weir.Client("http://127.0.0.1:8000") as client:
        client.call("PutItem", {"TableName": "orders", "Item": {"id": {"S": "o-1"}}})

A structure here is the C one of include/weir; the headers say what its fields mean. struct_size
tells the library how much of it this program knows.
"""
import ctypes
import json

_lib = ctypes.CDLL("libweir.so.0")


class Error(Exception):
    """What struct weir_error holds. `outcome`: 0 applied, 1 not applied, 2 unknown."""

    def __init__(self, error):
        super().__init__(error.message.decode("utf-8", "replace"))
        self.code = error.code.decode() or _lib.weir_status_name(error.status).decode()
        self.outcome = error.outcome
        self.request_id = error.request_id.decode()
        self.retryable = bool(error.retryable)


class _Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("outcome", ctypes.c_int),
                ("http_status", ctypes.c_int32), ("retryable", ctypes.c_int32),
                ("code", ctypes.c_char * 64), ("request_id", ctypes.c_char * 64),
                ("message", ctypes.c_char * 512)]


class _ClientOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("connect_timeout_ms", ctypes.c_uint32),
                ("timeout_ms", ctypes.c_uint32), ("max_attempts", ctypes.c_uint32),
                ("endpoint_url", ctypes.c_char_p), ("region", ctypes.c_char_p)]


class _Text(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_char_p), ("len", ctypes.c_size_t)]

    def __init__(self, value=None):
        data = value.encode() if isinstance(value, str) else value
        super().__init__(data, len(data or b""))


class _Message(ctypes.Structure):
    TEXTS = ("id", "key", "type", "payload", "headers", "content_type", "destination",
             "aggregate_id", "aggregate_type", "correlation_id", "causation_id", "traceparent",
             "tracestate")
    _fields_ = ([("struct_size", ctypes.c_uint32), ("reserved", ctypes.c_uint32)] +
                [(name, _Text) for name in TEXTS] + [("created_at_ms", ctypes.c_int64)])


class _DedupId(ctypes.Structure):
    _fields_ = [("worker", ctypes.c_char_p), ("worker_len", ctypes.c_size_t),
                ("message", ctypes.c_char_p), ("message_len", ctypes.c_size_t)]


def _engine():
    """What gives the endpoints file: and memory: to libweir; None where it is not installed."""
    try:
        return ctypes.CDLL("libweir-engine.so.0")
    except OSError:
        return None


_lib.weir_status_name.restype = ctypes.c_char_p
_lib.weir_free.argtypes = [ctypes.c_void_p]
for _name in ("weir_client_close", "weir_outbox_close", "weir_dedup_close"):
    getattr(_lib, _name).argtypes = [ctypes.c_void_p]
    getattr(_lib, _name).restype = None


def _checked(function, *arguments):
    error = _Error()
    if function(*arguments, ctypes.byref(error)) != 0:
        raise Error(error)


def _answer(function, *arguments):
    """A call whose last results are a text of the library's and its length: JSON, as Python has it."""
    text, length = ctypes.c_void_p(), ctypes.c_size_t()
    _checked(function, *arguments, ctypes.byref(text), ctypes.byref(length))
    try:
        return json.loads(ctypes.string_at(text, length.value))
    finally:
        _lib.weir_free(text)


class Client:
    """Thread-safe; must not be used after fork(). "file:DIR" and "memory:" are the engine inside
    (libweir-engine)."""

    def __init__(self, endpoint=None, region=None):
        self.handle = ctypes.c_void_p()
        self.stores = []
        options = _ClientOptions(struct_size=ctypes.sizeof(_ClientOptions),
                                 endpoint_url=endpoint and endpoint.encode(),
                                 region=region and region.encode())
        engine = _engine() if (endpoint or "").startswith(("file:", "memory:")) else None
        if engine is not None:
            _checked(engine.weir_engine_register)
        _checked(_lib.weir_client_open, ctypes.byref(options), ctypes.byref(self.handle))

    def call(self, operation, document):
        name, text = operation.encode(), json.dumps(document).encode()
        return _answer(_lib.weir_call, self.handle, name, ctypes.c_size_t(len(name)), text,
                       ctypes.c_size_t(len(text)))

    def outbox(self):
        return self._store(Outbox, _lib.weir_outbox_open, _lib.weir_outbox_close)

    def dedup(self):
        return self._store(Dedup, _lib.weir_dedup_open, _lib.weir_dedup_close)

    def _store(self, kind, opened, closed):
        handle = ctypes.c_void_p()
        _checked(opened, self.handle, None, ctypes.byref(handle))
        self.stores.append((closed, handle))
        return kind(handle)

    def close(self):
        for closed, handle in self.stores:
            closed(handle)
        _lib.weir_client_close(self.handle)
        self.stores, self.handle = [], None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Outbox:
    def __init__(self, handle):
        self.handle = handle

    def render(self, **fields):
        """The message's element of TransactItems; fields as in struct weir_message."""
        message = _Message(struct_size=ctypes.sizeof(_Message))
        for name, value in fields.items():
            if name not in _Message.TEXTS:
                raise TypeError("no field of a message: " + name)
            setattr(message, name, _Text(value))
        return _answer(_lib.weir_outbox_render, self.handle, ctypes.byref(message))


class Dedup:
    def __init__(self, handle):
        self.handle = handle

    def render(self, worker, message):
        """The element of TransactItems that remembers the message as processed by the worker."""
        worker, message = worker.encode(), message.encode()
        row = _DedupId(worker, len(worker), message, len(message))
        return _answer(_lib.weir_dedup_render, self.handle, ctypes.byref(row))
