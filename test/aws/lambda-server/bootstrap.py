"""The Python runtime inside a function's process: bootstrap.py FILE HANDLER; speaks frames.ts over file descriptor 3."""
import importlib.util
import json
import os
import socket
import struct
import sys
import time


def read(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(min(1 << 20, size - len(data)))
        if not part:
            sys.exit(0)
        data += part
    return data


def read_frame(connection):
    kind, size = struct.unpack(">cI", read(connection, 5))
    return kind, read(connection, size)


def write_frame(connection, kind, data):
    connection.sendall(struct.pack(">cI", kind, len(data)) + data)


class Context:
    def __init__(self, given):
        self.aws_request_id = given["requestId"]
        self.function_name = given["functionName"]
        self.function_version = given["functionVersion"]
        self.invoked_function_arn = given["arn"]
        self.memory_limit_in_mb = given["memoryMb"]
        self.client_context = given["clientContext"]
        self._deadline_at = given["deadlineAtMs"]

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_at - time.time() * 1000))


def failure(error):
    return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "trace": []}).encode()


def main():
    connection = socket.socket(fileno=3)
    path, name = sys.argv[1:3]
    try:
        sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
        spec = importlib.util.spec_from_file_location("function", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handler = getattr(module, name)
    except Exception as error:
        write_frame(connection, b"X", failure(error))
        return
    write_frame(connection, b"R", b"")
    context = None
    while True:
        kind, data = read_frame(connection)
        if kind == b"I":
            context = Context(json.loads(data))
            continue
        try:
            answer = json.dumps(handler(json.loads(data), context)).encode()
        except Exception as error:
            write_frame(connection, b"X", failure(error))
            continue
        write_frame(connection, b"C", answer)
        write_frame(connection, b"Z", b"")


main()
