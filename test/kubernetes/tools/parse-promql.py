"""Reads a JSON array of PromQL expressions; writes one of what is wrong with each, null where nothing is."""
import json
import sys

import promql_parser


def problem(expression: str) -> str | None:
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        return str(error)
    return None


json.dump([problem(one) for one in json.load(sys.stdin)], sys.stdout)
