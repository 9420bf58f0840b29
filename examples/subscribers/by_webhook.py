"""Prints every signed event: `python by_webhook.py PORT SECRET`, for an address of `checkout webhooks add`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

port, signed_by = int(sys.argv[1]), Webhook(sys.argv[2])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            print(json.dumps(signed_by.verify(body, dict(self.headers))), flush=True)
            self.send_response(204)
        except WebhookVerificationError:
            self.send_response(401)
        self.end_headers()


HTTPServer(("127.0.0.1", port), Receiver).serve_forever()
