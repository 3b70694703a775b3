"""A small stand-in for the Hugging Face hub on a loopback port: model_info, and files by HEAD and GET."""

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

COMMIT = "c" * 40
GATED, PRIVATE = "gated", "private"  # instead of a repository's files


class HubStub:
    """Serves `repositories`: id to its files (name to bytes), or GATED, or PRIVATE, or a status such as 500.

    `requests` is every request so far, as "GET /path"; a file named in `broken` answers with that status.
    Use it as a context manager; `url` is the endpoint.
    """

    def __init__(self, repositories: Mapping[str, Any]):
        self.repositories = dict(repositories)
        self.broken: dict[str, int] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                hub.answer(self)

            def do_GET(self):
                hub.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(request.path.partition("?")[0])
        self.requests.append(f"{request.command} {path}")
        name, _, rest = path.removeprefix("/api/models").strip("/").partition("/revision/")
        if not path.startswith("/api/"):
            name, _, rest = path.strip("/").partition("/resolve/")
        files = self.repositories.get(name)
        if files is None:
            return self.refuse(request, 404, "RepoNotFound", "Repository not found")
        if files == GATED:
            return self.refuse(request, 403, "GatedRepo", "Access to this model is restricted")
        if files == PRIVATE:
            return self.refuse(request, 401, "RepoNotFound", "Invalid username or password.")
        if isinstance(files, int):
            return self.refuse(request, files, None, "The server is in trouble")
        if path.startswith("/api/"):
            siblings = [
                {"rfilename": file, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
                for file, content in files.items()
            ]
            info = {"_id": "1", "id": name, "modelId": name, "sha": COMMIT, "private": False, "siblings": siblings,
                    "tags": [], "downloads": 0, "likes": 0, "gated": False}  # fmt: skip
            return self.send(request, json.dumps(info).encode(), {"Content-Type": "application/json"})
        file = rest.partition("/")[2]
        if file in self.broken:
            return self.refuse(request, self.broken[file], None, "The server is in trouble")
        if file not in files:
            return self.refuse(request, 404, "EntryNotFound", "Entry not found")
        content = files[file]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self.send(request, content, {"ETag": etag, "Content-Type": "application/octet-stream"})

    def send(self, request: BaseHTTPRequestHandler, content: bytes, headers: Mapping[str, str], status: int = 200):
        request.send_response(status)
        for name, value in {**headers, "X-Repo-Commit": COMMIT, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(content)

    def refuse(self, request: BaseHTTPRequestHandler, status: int, code: str | None, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.send(request, json.dumps({"error": message}).encode(), headers, status)
