"""botocore's own signer, unmodified, in an environment of its own: requests come in as lines, signed headers go out.

A line with "send" is also sent, so many times and unchanged, and the answers go out.
"""

import base64
import datetime as dt
import http.client
import json
import sys
from urllib.parse import urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    asked = json.loads(line)
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=asked.get("late_s", 0))
    auth.get_current_datetime = lambda remove_tzinfo=True, at=at: at.replace(tzinfo=None) if remove_tzinfo else at
    request = AWSRequest(
        method=asked["method"], url=asked["url"], headers=asked["headers"], data=base64.b64decode(asked["body"])
    )
    auth.SigV4Auth(Credentials(asked["key"], asked["secret"]), "rekognition", asked["region"]).add_auth(request)
    headers = [(name, value) for name, value in request.headers.items() if name not in asked.get("drop", [])]
    headers += asked.get("add", [])
    told = {"headers": headers, "answers": []}
    for _ in range(asked.get("send", 0)):
        where = urlsplit(asked["url"])
        connection = http.client.HTTPConnection(where.hostname, where.port)
        connection.request(asked["method"], "/", base64.b64decode(asked.get("body_sent", asked["body"])), dict(headers))
        answer = connection.getresponse()
        said = {"status": answer.status, "told": json.loads(answer.read()), "headers": dict(answer.headers)}
        told["answers"].append(said)
        connection.close()
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
