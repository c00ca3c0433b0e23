"""Calls every action of lpt-local with the unmodified AWS SDK for Python, and checks its typed errors.

Usage: lpt-local --listen 127.0.0.1:0 -- python3 tests/python_sdk.py BOOTSTRAP STREAMING

BOOTSTRAP is an executable that calls the Runtime API, such as target/debug/examples/cpu-bound, and STREAMING is
target/debug/examples/streaming. The script prints
a line for each step with what it saw. The first failed check ends it with a traceback and exit code 1.
"""

import base64
import io
import json
import re
import sys
import zipfile

try:
    import boto3
except ImportError:
    print("skipped: boto3 is not importable")
    sys.exit(0)

NAME = "python-sdk"


def step(name, saw=""):
    print(f"{name}: {saw}", flush=True)


def check(condition, saw):
    if not condition:
        raise AssertionError(saw)
    return saw


def zipped(path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        with open(path, "rb") as file:
            archive.writestr(entry, file.read(), compresslevel=1)
    return buffer.getvalue()


def refused(exception, call, **arguments):
    """Checks that the SDK raises its own class for the error, and returns that class's name."""
    try:
        call(**arguments)
    except exception as error:
        check(error.response["Error"]["Message"], error.response)
        return exception.__name__
    raise AssertionError(f"{call.__name__} was not refused with {exception.__name__}")


def invoke(client, **arguments):
    """Invokes, and checks that the log has the report of this request."""
    answer = client.invoke(FunctionName=NAME, LogType="Tail", **arguments)
    tail = base64.b64decode(answer["LogResult"]).decode(errors="replace")
    request_id = answer["ResponseMetadata"]["RequestId"]
    report = re.search(rf"^REPORT RequestId: {request_id}\t(.*)$", tail, re.MULTILINE)
    check(report, tail)
    fields = dict(field.split(": ", 1) for field in report[1].split("\t") if field)
    return answer, json.load(answer["Payload"]), fields


def stream(client, name, payload, **arguments):
    """Invokes with a streamed response. Returns the sizes of its parts and the last event, and checks its report."""
    answer = client.invoke_with_response_stream(FunctionName=name, LogType="Tail", Payload=payload, **arguments)
    *chunks, last = answer["EventStream"]
    complete = last["InvokeComplete"]
    tail = base64.b64decode(complete["LogResult"]).decode(errors="replace")
    check(f"REPORT RequestId: {answer['ResponseMetadata']['RequestId']}\t" in tail, tail)
    return [len(chunk["PayloadChunk"]["Payload"]) for chunk in chunks], complete


def main():
    client = boto3.client("lambda")
    errors = client.exceptions
    archive = zipped(sys.argv[1])

    def wait(waiter, **arguments):
        client.get_waiter(waiter).wait(FunctionName=NAME, WaiterConfig={"Delay": 1}, **arguments)

    created = client.create_function(
        FunctionName=NAME,
        Runtime="provided.al2023",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="bootstrap",
        Code={"ZipFile": archive},
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": {"GREETING": "hello"}},
    )
    step("create_function", check(created["State"] == "Pending", created["State"]))
    wait("function_active_v2")
    got = client.get_function(FunctionName=created["FunctionArn"])["Configuration"]
    step("get_function", check(got["State"] == "Active" and got["MemorySize"] == 512, got["State"]))
    got = client.get_function_configuration(FunctionName=NAME)
    step("get_function_configuration", check(got["Environment"]["Variables"] == {"GREETING": "hello"}, got["FunctionArn"]))

    first = client.publish_version(FunctionName=NAME, CodeSha256=got["CodeSha256"])
    again = client.publish_version(FunctionName=NAME)
    step("publish_version", check(first["Version"] == again["Version"] == "1", "twice the same version 1"))
    wait("published_version_active", Qualifier="1")

    before = client.get_function_configuration(FunctionName=NAME)
    updated = client.update_function_configuration(FunctionName=NAME, MemorySize=1024, RevisionId=before["RevisionId"])
    step("update_function_configuration", check(updated["LastUpdateStatus"] == "InProgress", updated["LastUpdateStatus"]))
    step("publish while updating", refused(errors.ResourceConflictException, client.publish_version, FunctionName=NAME))
    wait("function_updated_v2")
    second = client.publish_version(FunctionName=NAME, Description="larger")
    step("publish_version", check(second["Version"] == "2" and second["MemorySize"] == 1024, second["FunctionArn"]))
    wait("published_version_active", Qualifier="2")

    alias = client.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    step("create_alias", alias["AliasArn"])
    moved = client.update_alias(FunctionName=NAME, Name="live", FunctionVersion="2", RevisionId=alias["RevisionId"])
    step("update_alias", check(moved["FunctionVersion"] == "2", f"live is {moved['FunctionVersion']}"))
    got = client.get_alias(FunctionName=NAME, Name="live")
    step("get_alias", check(got["RevisionId"] == moved["RevisionId"], got["RevisionId"]))

    def listed(action, key, **arguments):
        pages = client.get_paginator(action).paginate(PaginationConfig={"PageSize": 1}, **arguments)
        return [item for page in pages for item in page[key]]

    versions = [version["Version"] for version in listed("list_versions_by_function", "Versions", FunctionName=NAME)]
    step("list_versions_by_function", check(versions == ["$LATEST", "1", "2"], versions))
    aliases = [alias["Name"] for alias in listed("list_aliases", "Aliases", FunctionName=NAME, FunctionVersion="2")]
    step("list_aliases", check(aliases == ["live"], aliases))
    functions = [function["FunctionName"] for function in listed("list_functions", "Functions")]
    step("list_functions", check(NAME in functions, functions))

    answer, payload, report = invoke(client, Payload="{}", Qualifier="live")
    check(answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "2", answer)
    check(report["Memory Size"] == "1024 MB" and "Init Duration" in report, report)
    step("invoke live, cold", f"{payload} in {report['Duration']}, init {report['Init Duration']}")
    answer, payload, report = invoke(client, Payload="{}", Qualifier="2")
    check("Init Duration" not in report, report)
    step("invoke 2, warm", f"{payload} in {report['Duration']}")
    answer, payload, report = invoke(client, Payload='{"error": "NotEnoughCoffee"}')
    check(answer["FunctionError"] == "Unhandled" and payload["errorType"] == "NotEnoughCoffee", payload)
    step("invoke with an error", f"{payload}, status {report['Status']}")
    answer = client.invoke(FunctionName=NAME, InvocationType="DryRun")
    step("invoke DryRun", check(answer["StatusCode"] == 204, answer["StatusCode"]))
    answer = client.invoke(FunctionName=NAME, InvocationType="Event", Payload="{}")
    step("invoke Event", check(answer["StatusCode"] == 202, answer["StatusCode"]))

    sizes, complete = stream(client, NAME, "{}", Qualifier="live")
    step("invoke_with_response_stream", check(len(sizes) == 1 and "ErrorCode" not in complete, sizes))
    sizes, complete = stream(client, NAME, '{"error": "NotEnoughCoffee"}')
    check(not sizes and json.loads(complete["ErrorDetails"])["errorType"] == "NotEnoughCoffee", complete)
    step("invoke_with_response_stream with an error", complete["ErrorCode"])
    streaming = {"FunctionName": "python-sdk-streaming"}
    client.create_function(
        Runtime="provided.al2023",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="bootstrap",
        Code={"ZipFile": zipped(sys.argv[2])},
        MemorySize=512,
        Timeout=60,
        **streaming,
    )
    client.get_waiter("function_active_v2").wait(WaiterConfig={"Delay": 1}, **streaming)
    sizes, complete = stream(client, streaming["FunctionName"], '{"kilobytes": 7168}')
    check(sum(sizes) == 7 << 20 and len(sizes) > 1 and "ErrorCode" not in complete, (sizes, complete))
    step("stream 7 MB", f"{len(sizes)} parts")
    sizes, complete = stream(client, streaming["FunctionName"], '{"kilobytes": 100, "error": "NotEnoughCoffee"}')
    check(sum(sizes) == 100 << 10 and "NotEnoughCoffee" in complete["ErrorDetails"], (sizes, complete))
    step("fail after 100 KB", complete["ErrorDetails"])
    sizes, complete = stream(client, streaming["FunctionName"], '{"kilobytes": 100, "hold": 600}')
    check("Runtime.ExitError" in complete["ErrorDetails"], (sizes, complete))
    step("run out of memory after 100 KB", complete["ErrorDetails"])
    client.delete_function(**streaming)

    stale = before["RevisionId"]
    for name, call, arguments in [
        ("update_function_configuration", client.update_function_configuration, {"MemorySize": 128}),
        ("publish_version", client.publish_version, {}),
        ("update_alias", client.update_alias, {"Name": "live", "FunctionVersion": "1"}),
    ]:
        saw = refused(errors.PreconditionFailedException, call, FunctionName=NAME, RevisionId=stale, **arguments)
        step(f"{name} with a stale RevisionId", saw)
    for name, exception, call, arguments in [
        ("delete an aliased version", errors.ResourceConflictException, client.delete_function, {"Qualifier": "2"}),
        ("delete $LATEST", errors.InvalidParameterValueException, client.delete_function, {"Qualifier": "$LATEST"}),
        ("invoke a version that does not exist", errors.ResourceNotFoundException, client.invoke, {"Qualifier": "99"}),
        ("get an alias that does not exist", errors.ResourceNotFoundException, client.get_alias, {"Name": "gone"}),
        ("invoke with a payload that is not JSON", errors.InvalidRequestContentException, client.invoke, {"Payload": "{"}),
        ("set a memory size that is too large", errors.InvalidParameterValueException, client.update_function_configuration, {"MemorySize": 10241}),
    ]:
        step(name, refused(exception, call, FunctionName=NAME, **arguments))

    updated = client.update_function_code(FunctionName=NAME, ZipFile=archive + b"\0", Publish=True)
    step("update_function_code", check(updated["Version"] == "3" and updated["CodeSha256"] != first["CodeSha256"], updated["Version"]))

    client.delete_alias(FunctionName=NAME, Name="live")
    step("delete_alias", check(not listed("list_aliases", "Aliases", FunctionName=NAME), "none left"))
    client.delete_function(FunctionName=NAME, Qualifier="1")
    versions = [version["Version"] for version in listed("list_versions_by_function", "Versions", FunctionName=NAME)]
    step("delete_function 1", check(versions == ["$LATEST", "2", "3"], versions))
    client.delete_function(FunctionName=NAME)
    step("delete_function", refused(errors.ResourceNotFoundException, client.get_function, FunctionName=NAME))
    print("every step passed")


main()
