"""Validates an unpacked export with roc-validator, and reads it with runcrate, both without a network.

    validate_export.py DIRECTORY

Prints one JSON object: the findings by severity, and the lines of `runcrate report`. JSON-LD contexts come from the files in
`contexts/` beside this program.
"""
import io
import json
import os
import sys
from contextlib import redirect_stdout

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "contexts")
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": os.path.join(HERE, "ro-crate-1.1.jsonld"),
    "https://w3id.org/ro/terms/workflow-run/context": os.path.join(HERE, "workflow-run.jsonld"),
}

import rdflib.plugins.shared.jsonld.context as jsonld

fetched = jsonld.source_to_json


def from_file(source, *arguments, **options):
    if isinstance(source, str) and source in CONTEXTS:
        return json.load(open(CONTEXTS[source])), None
    return fetched(source, *arguments, **options)


jsonld.source_to_json = from_file

from rocrate_validator import models, services
from rocrate_validator.utils import http


class Response:
    """What a server would answer."""

    status_code, headers, from_cache, ok = 200, {"Content-Type": "application/ld+json"}, True, True

    def __init__(self, path):
        self.text = open(path).read()
        self.content = self.text.encode()

    def json(self):
        return json.loads(self.text)


requester = http.HttpRequester
ask = requester.__getattr__


def ask_files(self, name):
    method = ask(self, name)
    if name not in ("get", "head"):
        return method
    return lambda url, *more, **options: Response(CONTEXTS[url]) if url in CONTEXTS else method(url, *more, **options)


requester.__getattr__ = ask_files


def findings(directory, severity):
    settings = services.ValidationSettings(
        rocrate_uri=directory,
        profile_identifier="provenance-run-crate-0.5",
        requirement_severity=getattr(models.Severity, severity),
        abort_on_first=False,
        offline=True,
    )
    issues = services.validate(settings).get_issues()
    return sorted(f"{issue.check.identifier}: {issue.message} {getattr(issue, 'violatingEntity', '')}" for issue in issues)


def report(directory):
    from runcrate.report import dump_crate_actions

    text = io.StringIO()
    with redirect_stdout(text):
        dump_crate_actions(directory)
    return text.getvalue().splitlines()


directory = sys.argv[1]
print(json.dumps({
    "required": findings(directory, "REQUIRED"),
    "recommended": findings(directory, "RECOMMENDED"),
    "report": report(directory),
}))
