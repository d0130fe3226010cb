"""A durable counter in plain Python, without an SDK. As a Lambda function its handler is `counter.handler`; over HTTP,
run `python3 counter.py`, then `npx holdfast register http://127.0.0.1:9001`."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNTER = {"type": "demo/counter", "kind": "value", "stateVersion": 1, "replies": [], "events": [], "wishes": {},
           "commands": [{"name": "add", "exposure": "public", "input": {"type": "integer"}, "reply": {"type": "integer"}}],
           "queries": [{"name": "total", "exposure": "public", "input": None, "reply": {"type": "integer"}}]}


def run(entity):
    before = total = entity["state"] or 0
    outcomes = []
    for command in entity["commands"]:
        by = 0 if command.get("query") else command.get("input")
        if type(by) is not int or total + by < 0:
            outcomes.append({"n": command["n"], "refusal": {"code": "not_possible", "message": f"{by} cannot be added to {total}"}})
        else:
            total += by
            outcomes.append({"n": command["n"], "reply": total})
    return {"n": entity["n"], "outcomes": outcomes} | ({"state": total} if total != before else {})


def handler(request, context=None):
    if request["kind"] == "discover":
        return {"holdfast": "1", "contracts": ["1"], "encodings": ["json"], "types": [COUNTER]}
    return {"holdfast": "1", "invocation": request["invocation"], "entities": [run(entity) for entity in request["entities"]]}


class Function(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1  # kept connections; headers and body leave together

    def do_POST(self):
        body = json.dumps(handler(json.loads(self.rfile.read(int(self.headers["content-length"]))))).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9001), Function)
    print(f"the counter listens on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
