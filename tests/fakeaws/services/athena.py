"""Athena and the part of Glue that describes tables: queries are really run, by :mod:`tests.fakeaws.warehouse`.

A test puts its warehouse into a place: ``place.put("athena.warehouse", [warehouse])``.
"""

from __future__ import annotations

from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import read_token, token
from tests.fakeaws.refusals import RefusalError
from tests.fakeaws.warehouse import Query, Warehouse, when

_MOST_ROWS = 1000


def _warehouse(call: Call) -> Warehouse:
    found: Warehouse = call.rows("athena.warehouse")[0]
    return found


def _group(call: Call, name: str) -> dict[str, Any]:
    groups = _warehouse(call).workgroups
    if name not in groups:
        raise call.refusal("invalid", f"WorkGroup {name} is not found.")
    return groups[name]


@answers("athena.get-work-group")
def work_group(call: Call) -> Result:
    name = call.get("WorkGroup")
    told = dict(_group(call, name))
    state = told.pop("State", "ENABLED")
    return {"WorkGroup": {"Name": name, "State": state, "Configuration": told}}


@answers("athena.start-query-execution")
def start(call: Call) -> Result:
    if len(call.get("QueryString").encode()) > 262_144:
        raise call.refusal("invalid", "Query string length exceeds 262144 bytes")
    query = _warehouse(call).start(call.parameters, _output(call), call.cloud.now())
    if query is None:
        raise call.refusal("invalid", "Idempotent parameters do not match")
    if query.output and not query.output.endswith(".csv"):
        query.output = f"{query.output.rstrip('/')}/{query.id}.csv"
    return {"QueryExecutionId": query.id}


def _output(call: Call) -> str:
    group = _group(call, call.get("WorkGroup", "primary"))
    own = call.get("ResultConfiguration", {}).get("OutputLocation", "")
    its = group.get("ResultConfiguration", {}).get("OutputLocation", "")
    if group.get("ManagedQueryResultsConfiguration", {}).get("Enabled"):
        if own:
            raise call.refusal(
                "invalid", "OutputLocation cannot be given with managed query results"
            )
        return ""
    place = its if group.get("EnforceWorkGroupConfiguration") and its else own or its
    if not place:
        said = "No output location provided. An output location is required either through the Workgroup or as an API input."
        raise call.refusal("invalid", said)
    return str(place)


def _found(call: Call, query: Query | None) -> Query:
    if query is None:
        raise call.refusal(
            "invalid", f"QueryExecution {call.get('QueryExecutionId')} was not found"
        )
    return query


@answers("athena.get-query-execution")
def execution(call: Call) -> Result:
    query = _found(call, _warehouse(call).look(call.get("QueryExecutionId")))
    status: Result = {"State": query.state, "SubmissionDateTime": when(query.submitted)}
    if query.reason:
        status["StateChangeReason"] = query.reason
    if query.error:
        status["AthenaError"] = dict(query.error)
    place = {"ResultConfiguration": {"OutputLocation": query.output}} if query.output else {}
    return {
        "QueryExecution": {
            "QueryExecutionId": query.id,
            "Query": query.parameters["QueryString"],
            "WorkGroup": query.parameters["WorkGroup"],
            "Status": status,
            "Statistics": {"DataScannedInBytes": query.scanned},
            **place,
        }
    }


@answers("athena.stop-query-execution")
def stop(call: Call) -> Result:
    warehouse = _warehouse(call)
    _found(call, warehouse.queries.get(call.get("QueryExecutionId")))
    warehouse.stop(call.get("QueryExecutionId"))
    return {}


@answers("athena.get-query-results")
def results(call: Call) -> Result:
    """Pages of at most 1,000 rows, the header one of them; a missing value has no ``VarCharValue``."""
    query = _found(call, _warehouse(call).queries.get(call.get("QueryExecutionId")))
    if query.state != "SUCCEEDED":
        raise call.refusal("invalid", f"Query has not yet finished. Current state: {query.state}")
    size = call.get("MaxResults", _MOST_ROWS)
    if not 1 <= size <= _MOST_ROWS:
        raise call.refusal("invalid", f"MaxResults {size}")
    try:
        begin = read_token(call.get("NextToken")) if call.get("NextToken") else 0
    except ValueError as error:
        raise call.refusal("invalid", "the token is not valid") from error
    rows = [[name for name, _ in query.columns], *query.rows]
    end = begin + min(size, call.cloud.page_size or size)
    page = [
        {"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows[begin:end]
    ]
    columns = [{"Name": name, "Type": kind} for name, kind in query.columns]
    found: Result = {"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": columns}}}
    return found | ({"NextToken": token(end)} if end < len(rows) else {})


@answers("glue.get-table")
def table(call: Call) -> Result:
    place = call.get("DatabaseName"), call.get("Name")
    found = _warehouse(call).tables.get(place)
    if found is None:
        raise RefusalError("EntityNotFoundException", "Entity Not Found")
    return {
        "Table": {
            "Name": found.name,
            "DatabaseName": found.database,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in found.columns],
                "Location": found.location,
            },
            "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in found.keys],
            "Parameters": {} if _warehouse(call).reticent else dict(found.properties),
        }
    }
