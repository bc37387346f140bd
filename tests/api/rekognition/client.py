"""boto3, unmodified, in an environment of its own: calls that come in as lines, answers that go out as lines.

Every answer is compared, as it came, with botocore's own description of the service: required members, types, enums,
patterns, limits, and no member that it does not know.
"""

import base64
import json
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

FAULTS = []


def check(shape, value, path):
    """Whatever does not fit."""
    limits, kind = shape.metadata, shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            FAULTS.append(f"{path} is no structure")
            return
        FAULTS.extend(f"{path}.{name} is not known" for name in value.keys() - shape.members.keys())
        FAULTS.extend(f"{path}.{name} is required" for name in set(shape.required_members) - value.keys())
        for name in value.keys() & shape.members.keys():
            check(shape.members[name], value[name], f"{path}.{name}")
        return
    if kind == "list":
        for number, each in enumerate(value):
            check(shape.member, each, f"{path}[{number}]")
        size = len(value)
    elif kind == "string":
        if not isinstance(value, str):
            FAULTS.append(f"{path} is no string")
            return
        if "enum" in limits and value not in limits["enum"]:
            FAULTS.append(f"{path}: {value} is none of {limits['enum']}")
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
            FAULTS.append(f"{path}: {value} does not match {limits['pattern']}")
        size = len(value)
    else:
        wanted = {"integer": int, "long": int, "float": float, "double": float, "boolean": bool, "timestamp": float}[
            kind
        ]
        if not isinstance(value, wanted):
            FAULTS.append(f"{path}: {value!r} is no {kind}")
        size = value
    if not limits.get("min", size) <= size <= limits.get("max", size):
        FAULTS.append(f"{path}: {size} is not within {limits.get('min')} and {limits.get('max')}")


def as_it_came(operation_model, response_dict, **_):
    if response_dict["status_code"] == 200:
        check(operation_model.output_shape, json.loads(response_dict["body"]), operation_model.name)
    else:
        told = json.loads(response_dict["body"])
        if told.keys() != {"__type", "message"}:
            FAULTS.append(f"an error has {sorted(told)}")
        if told["__type"] not in {error.name for error in operation_model.error_shapes} | {
            "InvalidSignatureException",
            "UnrecognizedClientException",
            "IncompleteSignatureException",
            "MissingAuthenticationTokenException",
            "SerializationException",
            "UnknownOperationException",
        }:
            FAULTS.append(f"{operation_model.name} knows no {told['__type']}")


def opened(value):
    """Bytes, which JSON has not, come as {"base64": ...}."""
    if isinstance(value, dict):
        if value.keys() == {"base64"}:
            return base64.b64decode(value["base64"])
        return {name: opened(each) for name, each in value.items()}
    return [opened(each) for each in value] if isinstance(value, list) else value


clients = {}
for line in sys.stdin:
    asked = json.loads(line)
    key = (asked["endpoint"], asked["key"], asked["secret"])
    if key not in clients:
        clients[key] = boto3.client(
            "rekognition",
            endpoint_url=key[0],
            region_name="eu-west-1",
            aws_access_key_id=key[1],
            aws_secret_access_key=key[2],
            config=Config(parameter_validation=asked.get("checked", True)),
        )
        clients[key].meta.events.register("before-parse.rekognition", as_it_came)
    FAULTS.clear()
    try:
        found = getattr(clients[key], asked["call"])(**opened(asked["params"]))
        meta = found.pop("ResponseMetadata")
        told = {"answer": found, "id": meta["HTTPHeaders"]["x-amzn-requestid"]}
    except ClientError as error:
        response = error.response
        told = {
            "error": response["Error"]["Code"],
            "message": response["Error"]["Message"],
            "status": response["ResponseMetadata"]["HTTPStatusCode"],
        }
    except Exception as error:  # noqa: BLE001  the test is to see it, and the next line to be read
        told = {"error": type(error).__name__, "message": str(error), "status": 0}
    sys.stdout.write(json.dumps({**told, "faults": FAULTS}, default=str) + "\n")
    sys.stdout.flush()
